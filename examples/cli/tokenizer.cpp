// SPDX-License-Identifier: MIT
#include "tokenizer.hpp"

#include <lorica/text/bytes.hpp>
#if defined(LORICA_CLI_TEXT)
#  include <lorica/text/load.hpp>
#endif

namespace lorica::cli {

text::AnyTokenizer open_tokenizer(const io::ModelFolder& folder) {
  if (folder.what.names.parts.empty()) return text::Bytes{};
#if defined(LORICA_CLI_TEXT)
  text::AnyTokenizer tokenizer = text::load(folder.path);
  const index_t rows = std::visit([](const auto& c) { return c.vocabulary; }, folder.what.config);
  expects(tokenizer.size() <= rows, "'", folder.path.string(), "': its tokenizer knows ", tokenizer.size(),
          " tokens, the model ", rows, "; they are not of one another");
  return tokenizer;
#else
  throw ConfigError(message("'", folder.path.string(),
                            "' needs a tokenizer, and this program was built without lorica::text (pkgconf ",
                            "libpcre2-dev libutf8proc-dev libsentencepiece-dev)"));
#endif
}

}  // namespace lorica::cli
