// SPDX-License-Identifier: MIT
/// @file lorica/nn/initial.hpp
/// Weights before any training.
#pragma once

#include <lorica/core/random.hpp>
#include <lorica/nn/weights.hpp>

namespace lorica::nn {

/// Gains 1, biases 0, tables N(0, 0.02^2), matrices N(0, 1/k), and those that write to the residual stream
/// (o, down) smaller by sqrt(2 layers), as GPT-2's are (Radford et al. 2019, section 2.3). Keyed by name, so
/// that no order matters.
inline Source initial(Seed seed, index_t layers) {
  return [seed, layers](const std::string& name, Shape s) {
    const auto ends = [&](const char* with) { return name.ends_with(with); };
    const index_t n = s.rows * s.cols;
    std::vector<double> v;
    if (name.find("norm") != std::string::npos && ends(".weight"))
      v.assign(static_cast<std::size_t>(n), 1.0);
    else if (ends(".bias"))
      v.assign(static_cast<std::size_t>(n), 0.0);
    else if (name == "embedding.weight" || name == "positions.weight" || name == "types.weight" ||
             name == "relative.weight")
      v = normals(Stream(seed, "initial", name), n, 0.02);
    else {
      const double residual =
          ends(".o.weight") || ends(".down.weight") ? 1.0 / std::sqrt(2.0 * double(layers)) : 1.0;
      v = normals(Stream(seed, "initial", name), n, residual / std::sqrt(double(s.cols)));
    }
    return std::vector<float>(v.begin(), v.end());
  };
}

}  // namespace lorica::nn
