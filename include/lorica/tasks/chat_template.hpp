// SPDX-License-Identifier: MIT
/// @file lorica/tasks/chat_template.hpp
/// How a conversation is written down for a model: a format a role, and what begins and ends the whole.
///
///   {"begin": "<s>", "end": "", "learn": ["assistant"],
///    "roles": {"user": "[INST] {content} [/INST]", "assistant": " {content}</s>"}}
///
/// This is less than the Jinja of model folders, on purpose: those are programs, run on data, in a language
/// whose interpreter would be larger than all tasks together. Most of them say no more than the above; one
/// that folds the system's turn into the user's first, or counts turns, has to be unfolded in the data.
#pragma once

#include <lorica/tasks/conversation.hpp>

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace lorica::tasks {

/// Some text of a conversation, and whether a model is to learn to say it.
struct Piece {
  std::string text;
  bool learn = false;
  friend bool operator==(const Piece&, const Piece&) = default;
};

/// Loss is on replies only: in a turn of a role that learns, on the content and on what its format puts
/// after it (an end-of-turn mark has to be learned too), not on what stands before, which generation is
/// given.
class ChatTemplate {
 public:
  struct Role {
    std::string name;
    std::string format;  // with {content} once; a brace itself is written twice
    bool learn = false;
  };

  /// Nothing but the contents: prompt and response end to end.
  ChatTemplate() : ChatTemplate("", {{"user", "{content}"}, {"assistant", "{content}", true}}, "") {}
  /// `end` follows the last turn, and is learned where that is. Throws ConfigError on a format without one
  /// {content}, on a role given twice, and where nobody learns.
  ChatTemplate(std::string begin, std::vector<Role> roles, std::string end)
      : begin_(std::move(begin)), end_(std::move(end)), roles_(std::move(roles)) {
    for (const Role& role : roles_) {
      formats_.emplace_back(role.format);
      expects(formats_.back().names() == std::vector<std::string_view>{"content"}, "chat template: role ",
              io::json::quote(role.name), " has the format ", io::json::quote(role.format),
              ", expected {content} once and no other name");
      expects(std::ranges::count(roles_, role.name, &Role::name) == 1, "chat template: role ",
              io::json::quote(role.name), " given twice");
    }
    expects(std::ranges::any_of(roles_, &Role::learn),
            "chat template: no role learns, expected at least one");
  }

  /// The pieces of a conversation, neighbours of one kind joined. Throws ConfigError on a role it lacks.
  [[nodiscard]] std::vector<Piece> pieces(const Conversation& turns) const {
    std::vector<Piece> out;
    put(out, begin_, false);
    bool learn = false;
    for (const Turn& turn : turns) {
      const std::size_t r = role(turn.role);
      learn = roles_[r].learn;
      put(out, formats_[r].before(), false);
      put(out, turn.content, learn);
      put(out, formats_[r].after(), learn);
    }
    put(out, end_, learn);
    return out;
  }
  /// What a model is given to reply to: the turns, and what stands before a reply's content.
  [[nodiscard]] std::string prompt(const Conversation& turns) const {
    std::string out = begin_;
    for (const Turn& turn : turns) {
      const std::size_t r = role(turn.role);
      out += formats_[r].before() + turn.content + formats_[r].after();
    }
    return out += formats_[replier()].before();
  }
  /// What ends a reply, a stop string of generation; empty where nothing does.
  [[nodiscard]] const std::string& reply_end() const { return formats_[replier()].after(); }

  [[nodiscard]] const std::string& begin() const { return begin_; }
  [[nodiscard]] const std::string& end() const { return end_; }
  [[nodiscard]] const std::vector<Role>& roles() const { return roles_; }

 private:
  static void put(std::vector<Piece>& out, const std::string& text, bool learn) {
    if (text.empty()) return;
    if (!out.empty() && out.back().learn == learn)
      out.back().text += text;
    else
      out.push_back({text, learn});
  }
  [[nodiscard]] std::size_t role(const std::string& name) const {
    const auto at = std::ranges::find(roles_, name, &Role::name);
    if (at != roles_.end()) return static_cast<std::size_t>(at - roles_.begin());
    std::string known;
    for (const Role& r : roles_) (known += known.empty() ? "" : ", ") += r.name;
    throw ConfigError(message("chat template: no role ", io::json::quote(name), ", it has ", known));
  }
  [[nodiscard]] std::size_t replier() const {
    return static_cast<std::size_t>(std::ranges::find(roles_, true, &Role::learn) - roles_.begin());
  }

  std::string begin_, end_;
  std::vector<Role> roles_;
  std::vector<Pattern> formats_;
};

/// A template as a run file writes it (see the head of this file); "begin", "end" may be left out, and
/// "learn" where it is the assistant alone. Throws ConfigError on any other member.
[[nodiscard]] inline ChatTemplate chat_template(const io::json::Value& value) {
  for (const io::json::Member& m : value.as_object())
    expects(m.key == "begin" || m.key == "end" || m.key == "learn" || m.key == "roles",
            "chat template: unknown member ", io::json::quote(m.key),
            ", expected begin, roles, learn or end");
  const auto text = [&](std::string_view key) {
    const io::json::Value* const found = value.find(key);
    return found == nullptr ? std::string() : found->as_string();
  };
  std::vector<std::string> learn = {"assistant"};
  if (const io::json::Value* const given = value.find("learn")) {
    learn.clear();
    for (const io::json::Value& name : given->as_array()) learn.push_back(name.as_string());
  }
  std::vector<ChatTemplate::Role> roles;
  for (const io::json::Member& m : value.at("roles").as_object())
    roles.push_back({m.key, m.value.as_string(), std::ranges::find(learn, m.key) != learn.end()});
  for (const std::string& name : learn)
    expects(std::ranges::find(roles, name, &ChatTemplate::Role::name) != roles.end(),
            "chat template: the role ", io::json::quote(name), " is to learn, but has no format");
  return ChatTemplate(text("begin"), std::move(roles), text("end"));
}

/// As JSON, to be read back by the above.
[[nodiscard]] inline io::json::Value to_json(const ChatTemplate& t) {
  io::json::Object roles;
  io::json::Array learn;
  for (const ChatTemplate::Role& r : t.roles()) {
    roles.push_back({r.name, r.format});
    if (r.learn) learn.emplace_back(r.name);
  }
  return io::json::Object{{"begin", t.begin()},
                          {"roles", io::json::Value(std::move(roles))},
                          {"learn", io::json::Value(std::move(learn))},
                          {"end", t.end()}};
}

}  // namespace lorica::tasks
