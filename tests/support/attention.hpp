// SPDX-License-Identifier: MIT
/// @file tests/support/attention.hpp
/// A backend's own attention beside the portable one.
#pragma once

#include "support/tolerance.hpp"

#include <lorica/core/attention.hpp>
#include <lorica/core/tensor.hpp>

#include <cmath>
#include <limits>
#include <vector>

namespace lorica::test {

/// Everything one forward and backward leaves, o, dq, dk, dv and lse: by a backend's own attention, and by
/// the portable one.
template <Backend B> struct BothAttentions {
  using T = typename B::scalar;
  using M = typename B::master;
  B b;
  AttentionShape shape;
  std::vector<index_t> offsets = {0};
  Integers<B> begin, end;
  Tensor<B> q, k, v, up;

  BothAttentions(AttentionShape s, const std::vector<index_t>& lengths) : shape(s) {
    shape.scale = 1 / std::sqrt(double(shape.head_dim));
    std::vector<std::int32_t> from, to;
    for (const index_t length : lengths) {
      for (index_t i = 0; i < length; ++i) {
        from.push_back(static_cast<std::int32_t>(offsets.back()));
        to.push_back(static_cast<std::int32_t>(offsets.back() + length));
      }
      offsets.push_back(offsets.back() + length);
    }
    begin = Integers<B>(b, from);
    end = Integers<B>(b, to);
    const index_t n = offsets.back(), wide = shape.heads * shape.head_dim,
                  narrow = shape.kv_heads * shape.head_dim;
    q = Tensor<B>(b, n, wide, test::random_numbers(1, n * wide));
    k = Tensor<B>(b, n, narrow, test::random_numbers(2, n * narrow));
    v = Tensor<B>(b, n, narrow, test::random_numbers(3, n * narrow));
    up = Tensor<B>(b, n, wide, test::random_numbers(4, n * wide));
  }
  std::vector<std::vector<double>> run(bool fast) {
    const index_t n = offsets.back();
    Tensor<B> o(b, n, q.cols()), dq(b, n, q.cols()), dk(b, n, k.cols()), dv(b, n, k.cols());
    MasterTensor<B> lse(b, shape.heads, n);
    for (auto* t : {&o, &dq, &dk, &dv})
      fill(b, *t, std::numeric_limits<arithmetic_t<T>>::quiet_NaN());  // all is overwritten
    fill(b, lse, std::numeric_limits<M>::quiet_NaN());
    if (fast) {
      b.attention({shape, offsets, q.cref(), k.cref(), v.cref(), o.ref(), lse.data()});
      b.attention_gradient({shape, offsets, q.cref(), k.cref(), v.cref(), o.cref(), up.cref(),
                            std::as_const(lse).data(), dq.ref(), dk.ref(), dv.ref()});
    } else {
      const row::Heads<T, M> heads{shape,    n,        begin.data(), end.data(),
                                   q.cref(), k.cref(), v.cref(),     lse.data()};
      b.for_each_index(n * shape.heads, row::Attend<T, M>{heads, o.ref()});
      b.for_each_index(n * shape.heads, row::AttendByQuery<T, M>{heads, o.cref(), up.cref(), dq.ref()});
      b.for_each_index(n * shape.kv_heads,
                       row::AttendByKey<T, M>{heads, o.cref(), up.cref(), dk.ref(), dv.ref()});
    }
    std::vector<std::vector<double>> out;
    for (auto* t : {&o, &dq, &dk, &dv}) out.push_back(t->template host<double>(b));
    out.push_back(lse.template host<double>(b));
    return out;
  }
};
inline constexpr const char* attention_names[] = {"o", "dq", "dk", "dv", "lse"};

}  // namespace lorica::test
