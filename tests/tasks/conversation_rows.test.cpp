// SPDX-License-Identifier: MIT
#include <lorica/tasks/conversation_rows.hpp>

#include <lorica/text/bytes.hpp>
#include <support/catch.hpp>

using namespace lorica;
using tasks::Conversation;
using Ids = std::vector<std::int32_t>;

namespace {
std::string shown(const Ids& ids) {
  std::string out;
  for (const auto i : ids) out += i == no_target ? '_' : static_cast<char>(i);
  return out;
}
}  // namespace

TEST_CASE("a row's target is the next token of a reply", "[tasks][rows]") {
  const tasks::ChatTemplate chat("<", {{"user", "{content}?"}, {"assistant", "={content}.", true}}, ">");
  const std::vector<Conversation> all = {
      {{"user", "ab"}, {"assistant", "cd"}, {"user", "e"}, {"assistant", "f"}}, {{"user", "only"}}};
  const auto rows = tasks::conversation_rows(text::Bytes(), chat, all);
  CHECK(rows.left_out == 1);
  CHECK(rows.cut == 0);
  REQUIRE(rows.samples.size() == 1);
  nn::Sequences s;
  rows.samples.append(s, 0);
  CHECK(shown(s.ids) == "<ab?=cd.e?=f.");
  CHECK(shown(s.targets) == "____cd.___f.>");
}

TEST_CASE("what precedes a reply is what generation is given, token for token", "[tasks][rows]") {
  const tasks::ChatTemplate chat("", {{"user", "{content} -"}, {"assistant", " {content}\n", true}}, "");
  const Conversation asked = {{"user", "x"}};
  Conversation answered = asked;
  answered.push_back({"assistant", "yes"});
  const text::Bytes bytes;
  const auto prompt = bytes.encode(chat.prompt(asked)).ids;
  const auto tokens = tasks::tokens_of(bytes, chat, answered);
  REQUIRE(tokens.ids.size() > prompt.size());
  CHECK(Ids(tokens.ids.begin(), tokens.ids.begin() + std::ptrdiff_t(prompt.size())) == prompt);
  CHECK_FALSE(tokens.learn[prompt.size() - 1]);
  CHECK(tokens.learn[prompt.size()]);
}

TEST_CASE("a conversation that is too long is cut, left out or refused", "[tasks][rows]") {
  const std::vector<Conversation> all = {tasks::prompt_and_response("ab", "cdef"),
                                         tasks::prompt_and_response("a", "b"),
                                         tasks::prompt_and_response("abcde", "f")};
  const auto rows = [&](tasks::TooLong too_long) {
    return tasks::conversation_rows(text::Bytes(), {}, all, {.max_length = 3, .too_long = too_long});
  };
  const auto cut = rows(tasks::TooLong::cut);
  CHECK(cut.cut == 1);
  CHECK(cut.left_out == 1);  // nothing of its reply was left
  REQUIRE(cut.samples.size() == 2);
  CHECK(shown(cut.samples.sequences().ids) == "abca");
  CHECK(shown(cut.samples.sequences().targets) == "_cdb");
  const auto fitting = rows(tasks::TooLong::leave_out);
  CHECK(fitting.samples.size() == 1);
  CHECK(fitting.left_out == 2);
  CHECK_THROWS_WITH(rows(tasks::TooLong::refuse), "conversation 0 is of 5 rows, expected at most 3");
}
