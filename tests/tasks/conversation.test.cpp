// SPDX-License-Identifier: MIT
#include <lorica/tasks/conversation.hpp>

#include <io/scratch.hpp>
#include <support/catch.hpp>
#include <support/data.hpp>

using namespace lorica;
using tasks::Conversation;

TEST_CASE("a record is a prompt and a response, or several turns", "[tasks][conversation]") {
  const test::Scratch folder;
  const auto found =
      tasks::read_conversations(folder.file("a.jsonl",
                                            "{\"prompt\": \"p\", \"response\": \"r\"}\n"
                                            "{\"messages\": [{\"role\": \"system\", \"content\": \"s\"}, "
                                            "{\"role\": \"user\", \"content\": \"\"}]}\n"));
  REQUIRE(found.size() == 2);
  CHECK(found[0] == Conversation{{"user", "p"}, {"assistant", "r"}});
  CHECK(found[1] == Conversation{{"system", "s"}, {"user", ""}});
  const auto said = [&](const char* text) {
    return test::thrown<FileError>(
        [&] { static_cast<void>(tasks::read_conversations(folder.file("b.jsonl", text))); });
  };
  CHECK(
      test::has(said("{\"prompt\": \"p\"}"), "b.jsonl', line 1: field \"response\": no member \"response\""));
  CHECK(test::has(said("{\"messages\": []}"),
                  "line 1: a conversation without messages, expected at least one"));
  CHECK(test::has(said("{\"messages\": [{\"role\": \"user\", \"content\": null}]}"),
                  "line 1: message 0: the role is a string and the content null, expected two strings"));
  CHECK(test::has(said("{\"messages\": [{\"from\": \"user\"}]}"), "no member \"role\""));
}

TEST_CASE("published layouts are read by naming their fields", "[tasks][conversation]") {
  const auto data = test::data_folder();
  if (!data) return;
  tasks::ConversationFields fields;
  fields.prompt = "{question}\n";
  fields.response = "{answer}";
  const auto gsm8k = tasks::read_conversations(*data / "math/gsm8k_train.jsonl", fields);
  REQUIRE(gsm8k.size() == 7473);
  CHECK(gsm8k[0][1].content.ends_with("#### 72"));
  fields.prompt = "{Body} {Question}";
  fields.response = "{Answer}";
  const auto svamp = tasks::read_conversations(*data / "math/SVAMP.json", fields);
  REQUIRE(svamp.size() == 1000);
  CHECK(svamp[0][0].content.ends_with("on each pack How much do you have to pay to buy each pack?"));
  CHECK(svamp[0][1].content == "51");
  fields.prompt = "{text}\n{test_list.0}\n";
  fields.response = "{code}";
  CHECK(tasks::read_conversations(*data / "code/mbpp.jsonl", fields).size() == 974);
  fields.prompt = "{instruction}\n{instances.0.input}";
  fields.response = "{instances.0.output}";
  CHECK(tasks::read_conversations(*data / "instruct/self_instruct_seed_tasks.jsonl", fields).size() == 175);
  CHECK(tasks::read_conversations(*data / "instruct/self_instruct_user_oriented.jsonl", fields).size() ==
        252);
}
