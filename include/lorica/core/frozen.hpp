// SPDX-License-Identifier: MIT
/// @file lorica/core/frozen.hpp
/// A weight that will never have a gradient. It is packed once, for both directions it is multiplied in, and
/// from then on only its products exist: no operation can ask for dW, because there is nothing to ask.
#pragma once

#include <lorica/core/tensor.hpp>

namespace lorica {

/// A frozen W [m, k]. Copies share the packed weight.
template <Backend B> class Frozen {
 public:
  using backend = B;
  using scalar = typename B::scalar;

  Frozen() = default;
  /// Takes the tensor over.
  Frozen(B& b, Tensor<B> w) : rows_(w.rows()), cols_(w.cols()) {
    auto kept = std::make_shared<const Tensor<B>>(std::move(w));
    const auto ref = kept->ref();
    packed_ = b.pack(ref, std::move(kept));
  }
  /// Borrows mapped memory that `keep` owns.
  Frozen(B& b, MatrixRef<const scalar> w, std::shared_ptr<const void> keep)
      : rows_(w.rows), cols_(w.cols), packed_(b.pack(w, std::move(keep))) {}

  [[nodiscard]] index_t rows() const noexcept { return rows_; }
  [[nodiscard]] index_t cols() const noexcept { return cols_; }
  [[nodiscard]] Shape shape() const noexcept { return {rows_, cols_}; }
  [[nodiscard]] const typename B::packed& packed() const noexcept { return packed_; }
  /// Memory held, packing included: now, where the packing knows; else by its usual factor.
  [[nodiscard]] std::size_t bytes() const {
    if constexpr (requires { packed_.bytes(); }) return packed_.bytes();
    return static_cast<std::size_t>(B::pack_factor * double(rows_ * cols_) * double(sizeof(scalar)));
  }

  /// W as it was before packing, [m, k].
  [[nodiscard]] Tensor<B> dense(B& b) const {
    Tensor<B> w(b, rows_, cols_);
    b.unpack(packed_, w.ref());
    return w;
  }

 private:
  index_t rows_ = 0;
  index_t cols_ = 0;
  typename B::packed packed_ = {};
};

}  // namespace lorica
