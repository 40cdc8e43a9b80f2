// SPDX-License-Identifier: MIT
/// @file lorica/tasks/conversation.hpp
/// What was said by whom: turns of a conversation, read from JSON with `messages` or with a prompt and a
/// response under whatever names.
#pragma once

#include <lorica/tasks/records.hpp>

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

namespace lorica::tasks {

struct Turn {
  std::string role;
  std::string content;
  friend bool operator==(const Turn&, const Turn&) = default;
};
using Conversation = std::vector<Turn>;

/// Two turns.
[[nodiscard]] inline Conversation prompt_and_response(std::string prompt, std::string response) {
  return {{"user", std::move(prompt)}, {"assistant", std::move(response)}};
}

/// Where a record keeps its conversation. One with a member `messages` is a list of turns; any other is a
/// prompt and a response, patterns over its fields ("{Body} {Question}", "{instances.0.output}").
struct ConversationFields {
  std::string prompt = "{prompt}";
  std::string response = "{response}";
  std::string messages = "messages";
  std::string role = "role";        // within a message
  std::string content = "content";  // within a message
};

/// The conversation of one record. Throws FileError naming the field that is missing or is no text.
[[nodiscard]] inline Conversation conversation_of(const io::json::Value& record,
                                                  const ConversationFields& fields = {}) {
  const io::json::Value* const messages = record.find(fields.messages);
  if (messages == nullptr)
    return prompt_and_response(fill(Pattern(fields.prompt), record), fill(Pattern(fields.response), record));
  Conversation turns;
  for (const io::json::Value& m : messages->as_array()) {
    const io::json::Value &role = m.at(fields.role), &content = m.at(fields.content);
    expects<FileError>(role.is_string() && content.is_string(), "message ", turns.size(), ": the role is ",
                       role.kind(), " and the content ", content.kind(), ", expected two strings");
    turns.push_back({role.as_string(), content.as_string()});
  }
  expects<FileError>(!turns.empty(), "a conversation without messages, expected at least one");
  return turns;
}

/// All conversations of a file of JSON lines, or of one JSON list.
[[nodiscard]] inline std::vector<Conversation> read_conversations(const std::filesystem::path& path,
                                                                  const ConversationFields& fields = {}) {
  std::vector<Conversation> all;
  for_each_record(path,
                  [&](const io::json::Value& record) { all.push_back(conversation_of(record, fields)); });
  return all;
}

}  // namespace lorica::tasks
