// SPDX-License-Identifier: MIT
/// @file lorica/nn/weights.hpp
/// Frozen is a type. A block is written once over both kinds of weight; which it holds decides what can be
/// asked of it.
#pragma once

#include <lorica/nn/site.hpp>

#include <functional>

namespace lorica::nn {

/// What a kind of weight means for a matrix that is multiplied with, a table whose rows are read, and a
/// vector.
template <class W> struct Kind;
template <Backend B> struct Kind<Frozen<B>> {
  using backend = B;
  using matrix = Frozen<B>;
  using table = Tensor<B>;
  using vector = MasterTensor<B>;
  static constexpr bool trains = false;
};
template <Backend B> struct Kind<Parameter<B>> {
  using backend = B;
  using matrix = Parameter<B>;
  using table = Parameter<B>;
  using vector = Parameter<B>;
  static constexpr bool trains = true;
};
template <class W> using matrix_of = typename Kind<W>::matrix;
template <class W> using table_of = typename Kind<W>::table;
template <class W> using vector_of = typename Kind<W>::vector;
template <class W> using backend_of = typename Kind<W>::backend;

/// Where the weights of a model come from: a file, a generator, another model. Shapes are what the
/// configuration says they must be; the source answers with the numbers row by row, or throws.
using Source = std::function<std::vector<float>(const std::string& name, Shape shape)>;

/// A weight of either kind, made from a source.
template <class Weight, Backend B>
Weight make(B& b, const Source& from, const std::string& name, index_t rows, index_t cols) {
  const std::vector<float> host = from(name, {rows, cols});
  if constexpr (std::same_as<Weight, Parameter<B>>)
    return {name, MasterTensor<B>(b, rows, cols, host), {}};
  else if constexpr (std::same_as<Weight, Frozen<B>>)
    return Frozen<B>(b, Tensor<B>(b, rows, cols, host));
  else
    return Weight(b, rows, cols, host);
}

/// The numbers of a weight of any kind, on the host.
template <Backend B> std::vector<float> numbers(B& b, const Frozen<B>& w) {
  return w.dense(b).template host<float>(b);
}
template <Backend B> std::vector<float> numbers(B& b, const Parameter<B>& w) {
  return w.value.template host<float>(b);
}
template <Backend B, class T> std::vector<float> numbers(B& b, const Tensor<B, T>& w) {
  return w.template host<float>(b);
}

}  // namespace lorica::nn
