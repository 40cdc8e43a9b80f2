// SPDX-License-Identifier: MIT
/// @file lorica/autograd/attention_ops.hpp
/// Softmax attention within each sequence of a ragged batch, grouped key/value heads, causal or not. Keeps q,
/// k, v, its output and the log-sum-exp of each row and head; scores are rebuilt. At work it holds no scores
/// in the portable form and one row block of one head a thread in the CPU's fast path.
#pragma once

#include <lorica/autograd/tape.hpp>
#include <lorica/core/attention.hpp>

namespace lorica {

/// The sequences of a batch, where they are needed: offsets [sequences + 1] on the host and in the backend's
/// memory, and there for every row where its sequence begins, where it ends, and its place in it. `before`:
/// rows of a single sequence that came in earlier batches; its rows take their places behind them.
template <Backend B> struct Ragged {
  std::vector<index_t> offsets = {0};
  index_t before = 0;
  Integers<B> offset;                // [sequences + 1]
  Integers<B> begin, end, position;  // [n]

  Ragged() = default;
  /// Offsets start at 0 and rise: every sequence has a row.
  Ragged(B& b, std::vector<index_t> o, index_t rows_before = 0) : offsets(std::move(o)), before(rows_before) {
    expects(!offsets.empty() && offsets.front() == 0, "Ragged: the first offset is ",
            offsets.empty() ? "missing" : "not 0", ", expected 0");
    for (std::size_t s = 0; s + 1 < offsets.size(); ++s)
      expects(offsets[s] < offsets[s + 1], "Ragged: sequence ", s, " reaches from row ", offsets[s], " to ",
              offsets[s + 1], ", expected at least one row");
    expects(before == 0 || (before > 0 && sequences() == 1), "Ragged: ", before, " rows before ", sequences(),
            " sequences, expected none, or some before a single one");
    std::vector<std::int32_t> first, last, place;
    for (std::size_t s = 0; s + 1 < offsets.size(); ++s)
      for (index_t i = offsets[s]; i < offsets[s + 1]; ++i) {
        first.push_back(static_cast<std::int32_t>(offsets[s]));
        last.push_back(static_cast<std::int32_t>(offsets[s + 1]));
        place.push_back(static_cast<std::int32_t>(before + i - offsets[s]));
      }
    offset = Integers<B>(b, std::vector<std::int32_t>(offsets.begin(), offsets.end()));
    begin = Integers<B>(b, first);
    end = Integers<B>(b, last);
    position = Integers<B>(b, place);
  }
  [[nodiscard]] index_t rows() const { return offsets.back(); }
  [[nodiscard]] index_t sequences() const { return static_cast<index_t>(offsets.size()) - 1; }
};

namespace detail {
template <class B>
inline constexpr bool fast_attention = requires(B& b,
                                                AttentionCall<typename B::scalar, typename B::master> c) {
  b.attention(c);
};

template <Backend B, class T = typename B::scalar, class M = typename B::master>
row::Heads<T, M> heads(const AttentionShape& s, const Ragged<B>& where, MatrixRef<const T> q,
                       MatrixRef<const T> k, MatrixRef<const T> v, M* lse) {
  return {s, q.rows, where.begin.data(), where.end.data(), q, k, v, lse, where.before};
}

/// The forward pass alone: q [n, ...], k and v [before + n, ...].
template <Backend B> struct Attended {
  Tensor<B> o;          // [n, heads * head_dim]
  MasterTensor<B> lse;  // [heads, n]

  using T = typename B::scalar;
  using M = typename B::master;
  Attended(B& b, MatrixRef<const T> q, MatrixRef<const T> k, MatrixRef<const T> v, const Ragged<B>& where,
           const AttentionShape& s) {
    expects(s.kv_heads > 0 && s.heads % s.kv_heads == 0, "attention: ", s.heads, " heads cannot share ",
            s.kv_heads, " key/value heads");
    expects(s.window >= 0 && (s.window == 0 || s.causal), "attention: a window of ", s.window,
            s.causal ? "" : " over rows that also see what follows", ", expected 0 or above, causal");
    expects_shape("attention", "q", q.shape(), {where.rows(), s.heads * s.head_dim});
    expects_shape("attention", "k", k.shape(), {where.before + where.rows(), s.kv_heads * s.head_dim});
    expects_shape("attention", "v", v.shape(), k.shape());
    o = Tensor<B>(b, q.rows, q.cols);
    lse = MasterTensor<B>(b, s.heads, q.rows);
    if constexpr (fast_attention<B>) {
      b.attention(AttentionCall<T, M>{s, where.offsets, q, k, v, o.ref(), lse.data(), where.before});
    } else {
      expects(s.head_dim <= row::max_head_dim, "attention: heads of ", s.head_dim, ", at most ",
              row::max_head_dim);
      b.for_rows(q.rows * s.heads, row::Attend<T, M>{heads<B>(s, where, q, k, v, lse.data()), o.ref()});
    }
  }
};
}  // namespace detail

/// o = softmax(scale q k^T) v    q, o [n, heads * head_dim], k, v [n, kv_heads * head_dim]     Vaswani et al.
/// 2017, eq. (1) `where` must outlive the tape.
template <Backend B>
Var<B> attention(const Var<B>& q, const Var<B>& k, const Var<B>& v, const Ragged<B>& where,
                 const AttentionShape& s) {
  using T = typename B::scalar;
  using M = typename B::master;
  detail::Attended<B> made(q.backend(), q.value().ref(), k.value().ref(), v.value().ref(), where, s);
  auto& tape = q.tape();
  if (!q.needs_grad() && !k.needs_grad() && !v.needs_grad()) return tape.constant(std::move(made.o));
  expects(where.before == 0, "attention: a gradient is asked for in a batch with ", where.before,
          " rows before it, expected none");
  auto kept_lse = tape.keep(std::move(made.lse));
  // The output is kept beside being handed on: D_i = dO_i . O_i spares the backward pass a pass over all
  // scores.
  auto kept = std::make_shared<Var<B>>();
  Var<B> out = tape.record(std::move(made.o), true, [q, k, v, kept, kept_lse, &where, s](const auto& d_o) {
    B& be = q.backend();
    const auto& out_value = kept->value();
    auto dq = std::make_shared<Tensor<B>>(be, q.rows(), q.cols());
    auto dk = std::make_shared<Tensor<B>>(be, k.rows(), k.cols());
    auto dv = std::make_shared<Tensor<B>>(be, v.rows(), v.cols());
    if constexpr (detail::fast_attention<B>) {
      be.attention_gradient(AttentionGradientCall<T, M>{
          s, where.offsets, q.value().ref(), k.value().ref(), v.value().ref(), out_value.ref(), d_o->cref(),
          kept_lse->get().data(), dq->ref(), dk->ref(), dv->ref()});
    } else {
      const auto at =
          detail::heads<B>(s, where, q.value().ref(), k.value().ref(), v.value().ref(), kept_lse->own.data());
      be.for_rows(q.rows() * s.heads, row::AttendByQuery<T, M>{at, out_value.ref(), d_o->cref(), dq->ref()});
      be.for_rows(q.rows() * s.kv_heads,
                  row::AttendByKey<T, M>{at, out_value.ref(), d_o->cref(), dk->ref(), dv->ref()});
    }
    if (q.needs_grad()) q.add_gradient(dq);
    if (k.needs_grad()) k.add_gradient(dk);
    if (v.needs_grad()) v.add_gradient(dv);
    *kept = Var<B>();
  });
  *kept = out;
  return out;
}
/// The same of keys and values that stand off the tape: those of `where.before` rows and then the batch's
/// own, [before + n, kv_heads * head_dim]. Without a gradient.
template <Backend B, class T = typename B::scalar>
Var<B> attention(const Var<B>& q, MatrixRef<const T> k, MatrixRef<const T> v, const Ragged<B>& where,
                 const AttentionShape& s) {
  expects(!q.needs_grad(), "attention: q has a gradient, keys and values that stand off the tape have none");
  return q.tape().constant(detail::Attended<B>(q.backend(), q.value().ref(), k, v, where, s).o);
}

namespace fn {
/// Rotates the pairs of every head of row i by position_i theta^(-2j / dim), or back.
template <class T, class M> struct Rotate {
  MatrixRef<const T> x;
  const std::int32_t* position;
  const M* frequency;  // [head_dim / 2]
  MatrixRef<T> y;
  index_t head_dim;
  bool interleaved, back, add;
  LORICA_HD index_t cols() const { return x.cols; }
  /// By a block of threads, a pair each.
  LORICA_HD void operator()(index_t i) const {
    const index_t pairs = head_dim / 2, all = x.cols / head_dim * pairs, threads = block::threads();
    for (index_t pair = block::thread(); pair < all; pair += threads) {
      using std::cos;
      using std::sin;
      const index_t first = pair / pairs * head_dim, j = pair % pairs;
      const M angle = M(position[i]) * frequency[j];
      const M c = cos(angle), s = back ? -sin(angle) : sin(angle);
      const index_t a = first + (interleaved ? 2 * j : j), b = first + (interleaved ? 2 * j + 1 : j + pairs);
      const M u = convert<M>(x.row(i)[a]), v = convert<M>(x.row(i)[b]);
      M p = u * c - v * s, q = v * c + u * s;
      if (add) {
        p += convert<M>(y.row(i)[a]);
        q += convert<M>(y.row(i)[b]);
      }
      y.row(i)[a] = convert<T>(p);
      y.row(i)[b] = convert<T>(q);
    }
  }
};
}  // namespace fn

/// Rotary positions: pair j of every head is turned by position * frequency_j.   x, y [n, heads * head_dim]
/// Su et al. 2021 Pairs are (j, j + head_dim/2), as in Hugging Face's Llama, or (2j, 2j + 1) where
/// `interleaved`, as in the paper. Keeps nothing. `where` and `frequency` [1, head_dim / 2] must outlive the
/// tape.
template <Backend B>
Var<B> rotary(const Var<B>& x, const Ragged<B>& where, const MasterTensor<B>& frequency,
              bool interleaved = false) {
  using T = typename B::scalar;
  using M = typename B::master;
  B& b = x.backend();
  const index_t dim = 2 * frequency.size();
  expects<ShapeError>(dim > 0 && x.cols() % dim == 0 && x.rows() == where.rows(), "rotary: x is ", x.shape(),
                      ", heads are ", dim, " wide and the batch has ", where.rows(), " rows");
  Tensor<B> y(b, x.rows(), x.cols());
  b.for_rows(x.rows(), fn::Rotate<T, M>{x.value().ref(), where.position.data(), frequency.data(), y.ref(),
                                        dim, interleaved, false, false});
  return x.tape().record(
      std::move(y), x.needs_grad(),
      [x = x.gradient_only(), &where, &frequency, dim, interleaved](const auto& dy) {
        const auto dx = x.into();
        x.backend().for_rows(dy->rows(), fn::Rotate<T, M>{dy->cref(), where.position.data(), frequency.data(),
                                                          dx.ref(), dim, interleaved, true, !dx.fresh});
      });
}

}  // namespace lorica
