// SPDX-License-Identifier: MIT
/// @file lorica/train/out_of_memory.hpp
/// A step for which there is no room: what takes most of it, and what to lower.
#pragma once

#include <lorica/core/out_of_memory.hpp>

#include <algorithm>
#include <array>

namespace lorica::train {

/// What buffers held when there was no more, in bytes; `before` is the model and what trains.
struct Holdings {
  std::size_t before = 0, activations = 0, gradients = 0, moments = 0;
};

/// The same error, with the largest of what was held, and how to take less of it. `where`: "step 3".
inline OutOfMemory explained(const OutOfMemory& e, const std::string& where, const Holdings& h, index_t batch,
                             bool recomputed) {
  const std::size_t known = h.before + h.activations + h.gradients + h.moments;
  struct Part {
    std::size_t bytes;
    const char* what;
    std::string instead;
  };
  const std::string fewer =
      message("a batch of fewer than ", batch, " samples (accumulate makes up for it) or shorter ones",
              recomputed ? "" : ", or blocks that are computed again (checkpoint_blocks)");
  std::array<Part, 4> parts{
      {{h.before, "the model and what trains", "weights in bf16, or a smaller model"},
       {h.activations, "activations kept for the backward pass", fewer},
       {h.gradients + h.moments, "gradients and moments", "a lower rank, or fewer sites"},
       {e.in_use > known ? e.in_use - known : 0, "results on the way", fewer}}};
  std::ranges::stable_sort(parts, std::greater<>(), &Part::bytes);
  std::string largest;
  for (std::size_t i = 0; i < 3 && parts[i].bytes > 0; ++i)
    largest += message(i == 0 ? "; " : ", ", mebibytes(parts[i].bytes), " ", parts[i].what);
  return OutOfMemory(message(where, ": ", e.what(), largest, "; what would take less: ", parts[0].instead),
                     e.asked, e.in_use);
}

}  // namespace lorica::train
