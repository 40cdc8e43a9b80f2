// SPDX-License-Identifier: MIT
/// @file lorica/tasks/squad.hpp
/// SQuAD's JSON, v1.1 (Rajpurkar et al. 2016) and v2.0 (2018): questions about paragraphs, and the places in
/// them that answer. The files count characters; here everything is bytes.
#pragma once

#include <lorica/io/json.hpp>
#include <lorica/tasks/metrics/squad.hpp>

#include <cstddef>
#include <filesystem>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace lorica::tasks {

/// Bytes [begin, end) of a context, and the text there.
struct SquadAnswer {
  std::size_t begin = 0, end = 0;
  std::string text;
};

struct SquadQuestion {
  std::string id;
  std::string question;
  std::size_t context = 0;           // a number in Squad::contexts
  std::vector<SquadAnswer> answers;  // none: the paragraph has no answer, or the file does not say
};

struct Squad {
  std::vector<std::string> contexts;
  std::vector<SquadQuestion> questions;

  /// How many have no answer.
  [[nodiscard]] std::size_t unanswerable() const {
    return static_cast<std::size_t>(
        std::ranges::count_if(questions, [](const SquadQuestion& q) { return q.answers.empty(); }));
  }
};

namespace detail {

/// The byte at which every character of a text begins, and its end.
[[nodiscard]] inline std::vector<std::size_t> character_bytes(std::string_view text) {
  std::vector<std::size_t> at;
  at.reserve(text.size() + 1);
  for (std::size_t i = 0; i < text.size(); i += code_point(text, i).bytes) at.push_back(i);
  at.push_back(text.size());
  return at;
}

[[nodiscard]] inline SquadAnswer squad_answer(const io::json::Value& value, const std::string& context,
                                              const std::vector<std::size_t>& characters) {
  SquadAnswer a{0, 0, value.at("text").as_string()};
  const std::int64_t start = value.at("answer_start").as_integer();
  const auto length = static_cast<std::int64_t>(characters.size()) - 1;
  expects<FileError>(start >= 0 && start < length, "the answer ", io::json::quote(a.text),
                     " is said to begin at character ", start, " of a context of ", length);
  expects<FileError>(!a.text.empty(), "an answer without text at character ", start);
  a.begin = characters[static_cast<std::size_t>(start)];
  a.end = a.begin + a.text.size();
  const std::string_view there = std::string_view(context).substr(a.begin, a.text.size());
  expects<FileError>(there == a.text, "the answer ", io::json::quote(a.text), " is not at character ", start,
                     " of its context, which reads ", io::json::quote(there), " there");
  return a;
}

[[nodiscard]] inline SquadQuestion squad_question(const io::json::Value& value, const Squad& squad,
                                                  const std::vector<std::size_t>& characters) {
  SquadQuestion q{
      value.at("id").as_string(), value.at("question").as_string(), squad.contexts.size() - 1, {}};
  try {
    const io::json::Value* const answers = value.find("answers");
    if (answers != nullptr)
      for (const io::json::Value& a : answers->as_array())
        q.answers.push_back(squad_answer(a, squad.contexts.back(), characters));
    if (const io::json::Value* const impossible = value.find("is_impossible"); answers && impossible)
      expects<FileError>(impossible->as_bool() == q.answers.empty(), "is_impossible is ",
                         impossible->as_bool() ? "true" : "false", ", found ", q.answers.size(), " answers");
  } catch (const FileError& error) {
    throw FileError(message("question ", io::json::quote(q.id), ": ", error.what()));
  }
  return q;
}

}  // namespace detail

/// All of a file. Throws FileError naming the question where an answer is not at its offset, where an id
/// comes twice, and where is_impossible contradicts the answers.
[[nodiscard]] inline Squad read_squad(const std::filesystem::path& path) {
  const io::json::Value file = io::json::read(path);
  Squad squad;
  std::set<std::string> ids;
  try {
    for (const io::json::Value& article : file.at("data").as_array())
      for (const io::json::Value& paragraph : article.at("paragraphs").as_array()) {
        squad.contexts.push_back(paragraph.at("context").as_string());
        const auto characters = detail::character_bytes(squad.contexts.back());
        for (const io::json::Value& qa : paragraph.at("qas").as_array()) {
          squad.questions.push_back(detail::squad_question(qa, squad, characters));
          expects<FileError>(ids.insert(squad.questions.back().id).second, "question ",
                             io::json::quote(squad.questions.back().id), " comes twice");
        }
      }
  } catch (const FileError& error) {
    throw FileError(message('\'', path.string(), "': ", error.what()));
  }
  expects<FileError>(!squad.questions.empty(), "'", path.string(), "': no questions, expected at least one");
  return squad;
}

}  // namespace lorica::tasks
