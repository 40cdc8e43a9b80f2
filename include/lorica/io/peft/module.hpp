// SPDX-License-Identifier: MIT
/// @file lorica/io/peft/module.hpp
/// What a Hugging Face model calls a site, and the tensors of heads that travel beside the adapters.
#pragma once

#include <lorica/nn/models/names.hpp>

#include <functional>
#include <vector>

namespace lorica::io::peft {

/// How a Hugging Face model calls a site: "transformer.h.3.attn.c_attn". conv1d: its weight lies as
/// [in, out], GPT-2's way (the adapter's factors are never transposed).
struct Module {
  std::string path;
  bool conv1d = false;
};

/// The module of every site of a model.
using ModuleOf = std::function<Module(const SiteInfo&)>;

/// By the names of a family (of a model folder: `folder.what.names`); of one without any, the site's path.
inline ModuleOf named_by(const nn::Names& names) {
  return [names](const SiteInfo& s) {
    return names.parts.empty() ? Module{s.path, false} : Module{names.module(s.path), names.transposed};
  };
}

/// A tensor of a module that was trained in full, under the model's name for it: "classifier.weight".
struct SavedTensor {
  std::string name;
  std::vector<index_t> shape;
  std::vector<float> values;
};

}  // namespace lorica::io::peft
