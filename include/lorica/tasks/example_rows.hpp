// SPDX-License-Identifier: MIT
/// @file lorica/tasks/example_rows.hpp
/// Examples of one text or two as token rows, with the special tokens of the tokenizer around them.
#pragma once

#include <lorica/tasks/glue.hpp>
#include <lorica/tasks/samples.hpp>
#include <lorica/text/template.hpp>

#include <cstddef>
#include <span>
#include <utility>

namespace lorica::tasks {

/// Which text gives way when an example is too long.
enum class Truncate { longest_first, only_first, only_second, refuse };

struct RowsConfig {
  index_t max_length = 512;  // tokens of a sample, special ones included
  Truncate truncate = Truncate::longest_first;
};

/// `[CLS] a [SEP]` or `[CLS] a [SEP] b [SEP]`, or whatever else the tokenizer puts around one text and two.
/// Throws ConfigError where there is no room for what may not give way.
template <text::PretrainedTokenizer T>
[[nodiscard]] text::Encoding encode(const T& tokenizer, const Example& example, bool pair,
                                    const RowsConfig& config = {}) {
  const text::Template& around = pair ? tokenizer.around().two : tokenizer.around().one;
  text::Encoding first = tokenizer.encode(example.first), second;
  if (pair) second = tokenizer.encode(example.second);
  const index_t left = config.max_length - static_cast<index_t>(around.added());
  expects(left > 0, "rows: ", config.max_length, " tokens leave no room beside ", around.added(),
          " special ones");
  const auto room = static_cast<std::size_t>(left);
  std::pair<std::size_t, std::size_t> keep = {first.size(), second.size()};
  if (keep.first + keep.second > room) {
    const bool whole = (config.truncate == Truncate::only_first && second.size() >= room) ||
                       (config.truncate == Truncate::only_second && first.size() >= room) ||
                       config.truncate == Truncate::refuse;
    expects(!whole, "rows: texts of ", first.size(), " and ", second.size(), " tokens and ", around.added(),
            " special ones, expected at most ", config.max_length);
    if (config.truncate == Truncate::longest_first)
      keep = text::longest_first(first.size(), second.size(), room);
    else if (config.truncate == Truncate::only_first)
      keep.first = room - second.size();
    else
      keep.second = room - first.size();
  }
  text::truncate(first, keep.first);
  text::truncate(second, keep.second);
  return text::join(around, first, second);
}

/// All examples of a task, each with its label. Throws ConfigError naming an example without a token.
template <text::PretrainedTokenizer T>
[[nodiscard]] Samples example_rows(const T& tokenizer, const TableTask& task,
                                   std::span<const Example> examples, const RowsConfig& config = {}) {
  Samples samples;
  for (std::size_t i = 0; i < examples.size(); ++i) {
    const text::Encoding rows = encode(tokenizer, examples[i], task.pairs(), config);
    expects(rows.size() > 0, task.name, ": example ", i, " has no tokens, expected at least one");
    nn::Label label;
    label.category = examples[i].category;
    label.value = static_cast<float>(examples[i].value);
    samples.add(rows.ids, rows.types, label);
  }
  return samples;
}

}  // namespace lorica::tasks
