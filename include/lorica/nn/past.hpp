// SPDX-License-Identifier: MIT
/// @file lorica/nn/past.hpp
/// What attention remembers of a sequence that comes in several batches, so that no row is computed twice.
#pragma once

#include <lorica/autograd/tape.hpp>

namespace lorica::nn {

/// Keys (normalised and turned) and values of all rows of one sequence so far, by layer. A batch that is
/// given a past continues it. For inference: nothing in it has a gradient. Its capacity doubles where it
/// ends; at most that is 4 kv_heads head_dim scalars a row and layer.
template <Backend B> class Past {
 public:
  using T = typename B::scalar;
  struct KeysAndValues {
    MatrixRef<const T> k, v;  // [rows, kv_heads * head_dim]
  };

  /// Rows of the batches that went through all layers.
  [[nodiscard]] index_t rows() const { return layers_.empty() ? 0 : layers_.back().rows; }

  /// Appends k and v [n, kv_heads * head_dim] to what a layer holds of the rows before, and shows all of it.
  KeysAndValues append(index_t layer, index_t before, const Var<B>& k, const Var<B>& v) {
    expects(!k.tape().recording(), "Past: the tape records gradients, expected Tape(b, false)");
    const auto at = static_cast<std::size_t>(layer);
    if (layers_.size() <= at) layers_.resize(at + 1);
    Layer& l = layers_[at];
    expects(l.rows == before, "Past: layer ", layer, " holds ", l.rows, " rows, the batch continues ", before,
            ": a batch runs once, and after an error the past is cleared");
    add(k, before, l.k);
    add(v, before, l.v);
    l.rows += k.rows();
    return {l.k.cref().slice(0, l.rows), l.v.cref().slice(0, l.rows)};
  }
  /// Forgets everything.
  void clear() { layers_.clear(); }

 private:
  struct Layer {
    Tensor<B> k, v;  // [capacity, kv_heads * head_dim]
    index_t rows = 0;
  };
  static void add(const Var<B>& more, index_t rows, Tensor<B>& all) {
    B& b = more.backend();
    if (rows + more.rows() > all.rows()) {
      Tensor<B> larger(b, std::max(2 * all.rows(), rows + more.rows()), more.cols());
      if (rows > 0) b.copy(std::as_const(all).data(), larger.data(), rows * all.cols());
      all = std::move(larger);
    }
    b.copy(more.value().data(), all.data() + rows * all.cols(), more.value().size());
  }
  std::vector<Layer> layers_;
};

}  // namespace lorica::nn
