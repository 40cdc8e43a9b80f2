// SPDX-License-Identifier: MIT
#include <lorica/tasks/chat_template.hpp>

#include <support/catch.hpp>

using namespace lorica;
using tasks::ChatTemplate;
using Pieces = std::vector<tasks::Piece>;

namespace {
const char* const three_roles =
    "{\"begin\": \"<s>\", \"end\": \"</s>\", \"roles\": {\"system\": \"{{{content}}}\\n\", "
    "\"user\": \"U: {content}\\n\","
    " \"assistant\": \"A: {content}.\\n\"}}";
}  // namespace

TEST_CASE("loss is on the content of a reply and what ends it", "[tasks][chat]") {
  const ChatTemplate chat = tasks::chat_template(io::json::parse(three_roles));
  const tasks::Conversation turns = {
      {"system", "be"}, {"user", "1?"}, {"assistant", "2"}, {"user", "3?"}, {"assistant", "4"}};
  CHECK(chat.pieces(turns) ==
        Pieces{{"<s>{be}\nU: 1?\nA: ", false}, {"2.\n", true}, {"U: 3?\nA: ", false}, {"4.\n</s>", true}});
  CHECK(chat.pieces({{"user", "1?"}}) == Pieces{{"<s>U: 1?\n</s>", false}});
  CHECK(chat.prompt({{"system", "be"}, {"user", "1?"}}) == "<s>{be}\nU: 1?\nA: ");
  CHECK(chat.reply_end() == ".\n");
  const ChatTemplate again = tasks::chat_template(tasks::to_json(chat));
  CHECK(again.pieces(turns) == chat.pieces(turns));
  const ChatTemplate bare;
  CHECK(bare.pieces(tasks::prompt_and_response("p", "r")) == Pieces{{"p", false}, {"r", true}});
  CHECK(bare.prompt({{"user", "p"}}) == "p");
}

TEST_CASE("a template that cannot be right is refused", "[tasks][chat]") {
  const auto said = [](const char* json) {
    return test::error_of<Error>([&] { static_cast<void>(tasks::chat_template(io::json::parse(json))); });
  };
  CHECK(said("{\"roles\": {\"assistant\": \"A\"}}") ==
        "chat template: role \"assistant\" has the format \"A\", expected {content} once and no other name");
  CHECK(said("{\"roles\": {\"user\": \"{content}\"}}") ==
        "chat template: the role \"assistant\" is to learn, but has no format");
  CHECK(said("{\"roles\": {\"user\": \"{content}\"}, \"learn\": []}") ==
        "chat template: no role learns, expected at least one");
  CHECK(said("{\"role\": {}}") ==
        "chat template: unknown member \"role\", expected begin, roles, learn or end");
  CHECK_THROWS_WITH(ChatTemplate().pieces({{"tool", "x"}}),
                    "chat template: no role \"tool\", it has user, assistant");
  CHECK_THROWS_AS(ChatTemplate("", {{"a", "{content}", true}, {"a", "{content}"}}, ""), ConfigError);
}
