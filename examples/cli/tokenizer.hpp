// SPDX-License-Identifier: MIT
// The tokenizer of a model folder.
#pragma once

#include <lorica/io/model_folder.hpp>
#include <lorica/text/any.hpp>

namespace lorica::cli {

/// Bytes for a decoder of this library; else what the folder holds, which must not know more tokens than the
/// model does.
text::AnyTokenizer open_tokenizer(const io::ModelFolder& folder);

}  // namespace lorica::cli
