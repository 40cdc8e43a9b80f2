// SPDX-License-Identifier: MIT
/// @file tests/nn/tiny.hpp
/// Models small enough to check by hand or by finite differences, and sequences for them.
#pragma once

#include "support/op_cases.hpp"

#include <lorica/nn/transformer.hpp>

namespace lorica::test {

/// Weights from names and shapes alone: gains about 1, biases that are not 0, matrices and tables of size
/// 1/sqrt(k). Floats, which every backend holds exactly.
inline nn::Source weights_of(Seed seed) {
  return [seed](const std::string& name, Shape s) {
    const bool gain = name.find("norm") != std::string::npos && name.ends_with(".weight"),
               vector = s.rows == 1;
    auto v = normals(Stream(seed, "weights", name), s.rows * s.cols,
                     vector ? 0.3 : 1.5 / std::sqrt(double(s.cols)));
    for (double& x : v) x += gain ? 1 : 0;
    return std::vector<float>(v.begin(), v.end());
  };
}

/// GPT-2's block with q, k and v apart.
using GptBlock =
    nn::Block<nn::LayerNorm, nn::SelfAttention<nn::Unrotated>, nn::Mlp<nn::TanhGelu>, nn::PreNorm>;

/// Two blocks of each family, 16 wide, 13 tokens, at most 6 positions.
template <class Block> nn::TransformerConfig<Block> tiny();
template <> inline nn::TransformerConfig<nn::LlamaBlock> tiny() {
  return {.vocabulary = 13,
          .width = 16,
          .layers = 2,
          .positions = 6,
          .block = {.attention = {.heads = 4, .kv_heads = 2}, .feed_forward = {.hidden = 20}}};
}
template <> inline nn::TransformerConfig<GptBlock> tiny() {
  return {.vocabulary = 13,
          .width = 16,
          .layers = 2,
          .positions = 6,
          .learned_positions = true,
          .block = {.attention = {.heads = 2, .kv_heads = 2, .bias = true, .output_bias = true},
                    .feed_forward = {.hidden = 20}}};
}
template <> inline nn::TransformerConfig<nn::BertBlock> tiny() {
  return {
      .vocabulary = 13,
      .width = 16,
      .layers = 2,
      .positions = 6,
      .learned_positions = true,
      .embedding_norm = true,
      .block = {.norm = {.eps = 1e-12},
                .attention = {.heads = 2, .kv_heads = 2, .causal = false, .bias = true, .output_bias = true},
                .feed_forward = {.hidden = 20}}};
}

/// Three sequences of 4, 1 and 6 tokens below 13; not every token has a target.
inline nn::Sequences sequences() {
  const std::vector<std::int32_t> first = {3, 7, 7, 1}, first_targets = {7, 7, 1, no_target};
  const std::vector<std::int32_t> second = {12}, second_targets = {5};
  const std::vector<std::int32_t> third = {0, 4, 9, 2, 11, 4},
                                  third_targets = {no_target, no_target, 2, 11, 4, 10};
  nn::Sequences s;
  s.add(first, first_targets);
  s.add(second, second_targets);
  s.add(third, third_targets);
  return s;
}
/// One of them alone.
inline nn::Sequences only(const nn::Sequences& all, index_t s) {
  nn::Sequences one;
  one.add_from(all, s);
  return one;
}

/// The numbers of a weight or a result as a matrix for plain loops.
template <Backend B, class T> Matrix matrix(B& b, const Tensor<B, T>& t) {
  Matrix m(t.rows(), t.cols());
  m.numbers = t.template host<double>(b);
  return m;
}
/// x w^T + 1 d
inline Matrix affine(const Matrix& x, const Matrix& w, const std::vector<double>& bias) {
  const Matrix y = product_nt(x, w);
  return matrix_of(y.rows, y.cols,
                   [&](index_t i, index_t j) { return y(i, j) + bias[static_cast<std::size_t>(j)]; });
}
/// What a source says, as a matrix.
inline Matrix matrix(const nn::Source& from, const std::string& name, index_t rows, index_t cols) {
  const auto v = from(name, {rows, cols}).list();
  Matrix m(rows, cols);
  m.numbers.assign(v.begin(), v.end());
  return m;
}
/// Some x [n, k] on a tape, in the backend's scalar.
template <Backend B> Var<B> some_rows(Tape<B>& tape, index_t n, index_t k, Seed seed = 1) {
  return tape.constant(Tensor<B>(tape.backend(), n, k, random_numbers(seed, n * k)));
}

}  // namespace lorica::test
