// SPDX-License-Identifier: MIT
/// @file lorica/adapt/budget/compact.hpp
/// Smaller matrices for what is left of an adapter: the kept directions of a factor, and of all that goes
/// with it.
#pragma once

#include <lorica/adapt/parameterization/concept.hpp>

namespace lorica::adapt {

/// The numbers of the directions whose mask is not 0.
template <Backend B> std::vector<index_t> kept_directions(B& b, const MasterTensor<B>& mask) {
  std::vector<index_t> keep;
  const auto host = mask.template host<double>(b);
  for (std::size_t i = 0; i < host.size(); ++i)
    if (host[i] != 0) keep.push_back(static_cast<index_t>(i));
  return keep;
}

/// t holds one or more matrices of `shape`, one after another in each of its own rows or as its rows and
/// columns: the same of the kept directions alone. Exact.
template <Backend B>
MasterTensor<B> only(B& b, const MasterTensor<B>& t, Shape shape, Along along,
                     const std::vector<index_t>& keep) {
  const index_t n = shape.rows * shape.cols, copies = t.size() / n, live = static_cast<index_t>(keep.size());
  const auto from = t.template host<typename B::master>(b);
  std::vector<typename B::master> to;
  to.reserve(
      static_cast<std::size_t>(copies * (along == Along::rows ? live * shape.cols : shape.rows * live)));
  for (index_t c = 0; c < copies; ++c) {
    const auto at = [&](index_t i, index_t j) {
      return from[static_cast<std::size_t>(c * n + i * shape.cols + j)];
    };
    if (along == Along::rows) {
      for (const index_t i : keep)
        for (index_t j = 0; j < shape.cols; ++j) to.push_back(at(i, j));
    } else {
      for (index_t i = 0; i < shape.rows; ++i)
        for (const index_t j : keep) to.push_back(at(i, j));
    }
  }
  const bool as_matrix = t.shape() == shape;
  const index_t rows = !as_matrix ? copies : along == Along::rows ? live : shape.rows;
  return MasterTensor<B>(b, rows, static_cast<index_t>(to.size()) / (rows > 0 ? rows : 1), to);
}

}  // namespace lorica::adapt
