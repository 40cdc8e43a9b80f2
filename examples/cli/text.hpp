// SPDX-License-Identifier: MIT
// Files, or all files of folders in the order of their names, as bytes and as the tokens a model reads.
#pragma once

#include "run.hpp"

#include <lorica/io/file.hpp>
#include <lorica/train/evaluate.hpp>

#include <algorithm>

namespace lorica::cli {

using Bytes = std::vector<std::uint8_t>;

/// A text as a model reads it: windows of tokens, and how many of its bytes one of them stands for.
struct Text {
  train::Windows windows;
  double bytes_per_token = 1;
  /// Nats a token to bits a byte.
  [[nodiscard]] double bits(double nats) const { return train::bits(nats) / bytes_per_token; }
};

/// One document a file; empty files inside a folder are passed over.
inline std::vector<Bytes> read_documents(const std::vector<std::string>& names) {
  namespace fs = std::filesystem;
  std::vector<Bytes> all;
  for (const auto& name : names) {
    if (!fs::is_directory(name)) {
      all.push_back(io::bytes(name));
      continue;
    }
    std::vector<fs::path> files;
    for (const auto& entry : fs::recursive_directory_iterator(name))
      if (entry.is_regular_file() && entry.file_size() > 0) files.push_back(entry.path());
    std::ranges::sort(files);
    expects<FileError>(!files.empty(), "'", name, "' is a folder without a file that has text");
    for (const auto& f : files) all.push_back(io::bytes(f));
  }
  return all;
}
inline Bytes joined(const std::vector<Bytes>& documents) {
  Bytes all;
  for (const auto& d : documents) all.insert(all.end(), d.begin(), d.end());
  return all;
}
/// What a command that is told no length cuts a text into.
inline index_t usual_length(const Model& model) { return std::min<index_t>(model.positions(), 256); }

inline Text text_of(const Model& model, const Bytes& text, index_t length, const std::string& name) {
  expects(model.folder().language_model, "'", model.folder().path.string(),
          "' is no causal language model: it cannot learn a text");
  try {
    auto tokens = model.words().encode({reinterpret_cast<const char*>(text.data()), text.size()}).ids;
    const double each = double(text.size()) / double(std::max<std::size_t>(tokens.size(), 1));
    return {train::Windows(std::move(tokens), {.length = length}), each};
  } catch (const ConfigError& e) {
    throw ConfigError(message("'", name, "': ", e.what()));
  }
}
inline Text read_text(const Model& model, const std::vector<std::string>& names, index_t length) {
  return text_of(model, joined(read_documents(names)), length,
                 names.size() > 1 ? names.front() + "' and the others" : names.front());
}

/// Three parts that share no document: of ten documents one is held out and one validates. Fewer than ten are
/// joined and cut at 80 % and 90 % of their bytes.
struct Parts {
  Bytes train, validation, heldout;
};
inline Parts split(const std::vector<Bytes>& documents) {
  Parts p;
  const auto append = [](Bytes& to, const auto& from) { to.insert(to.end(), from.begin(), from.end()); };
  if (documents.size() >= 10) {
    for (std::size_t i = 0; i < documents.size(); ++i)
      append(i % 10 == 4 ? p.validation : i % 10 == 9 ? p.heldout : p.train, documents[i]);
    return p;
  }
  const Bytes all = joined(documents);
  const std::size_t a = all.size() * 8 / 10, b = all.size() * 9 / 10;
  const std::span text(all);
  append(p.train, text.first(a));
  append(p.validation, text.subspan(a, b - a));
  append(p.heldout, text.subspan(b));
  return p;
}

}  // namespace lorica::cli
