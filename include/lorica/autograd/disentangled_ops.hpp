// SPDX-License-Identifier: MIT
/// @file lorica/autograd/disentangled_ops.hpp
/// Disentangled attention within each sequence of a ragged batch: scores of content with content, of content
/// with position and of position with content. Keeps its five inputs, its output and the log-sum-exp of each
/// row and head; scores are rebuilt.
#pragma once

#include <lorica/autograd/attention_ops.hpp>
#include <lorica/core/disentangled.hpp>

#include <memory>
#include <optional>

namespace lorica {

/// The rows of a table of relative positions that sequences of at most `reach` rows read, and which of them
/// each distance reads, in the backend's memory. Position terms are [count, width]: they begin at row `low`
/// of the table.
template <Backend B> class RelativeRows {
 public:
  RelativeRows(B& b, const RelativePositions& p, index_t reach) : reach_(reach) {
    p.validate();
    expects(reach > 0, "RelativeRows: sequences of ", reach, " rows, expected at least 1");
    low_ = p.row(1 - reach);
    count_ = p.row(reach - 1) - low_ + 1;
    std::vector<std::int32_t> of, first;
    for (index_t d = 1 - reach; d < reach; ++d) {
      of.push_back(static_cast<std::int32_t>(p.row(d) - low_));
      // The row of a distance never falls as the distance rises; a row that none reads begins where it ends.
      while (static_cast<std::int32_t>(first.size()) <= of.back())
        first.push_back(static_cast<std::int32_t>(d));
    }
    first.push_back(static_cast<std::int32_t>(reach));
    of_ = Integers<B>(b, of);
    first_ = Integers<B>(b, first);
  }
  [[nodiscard]] index_t low() const noexcept { return low_; }
  [[nodiscard]] index_t count() const noexcept { return count_; }
  [[nodiscard]] index_t reach() const noexcept { return reach_; }
  [[nodiscard]] RelativeRowsRef ref() const { return {of_.data(), first_.data(), reach_, count_}; }

 private:
  index_t reach_, low_ = 0, count_ = 0;
  Integers<B> of_, first_;
};

/// Rows low .. low + count of a table, with their gradient.
/// Keeps nothing.
template <Backend B, class T> Var<B, T> table_rows(const Var<B, T>& table, index_t low, index_t count) {
  B& b = table.backend();
  expects<ShapeError>(low >= 0 && count >= 0 && low + count <= table.rows(), "table_rows: rows ", low, " to ",
                      low + count, " of a table ", table.shape());
  const index_t d = table.cols();
  Tensor<B, T> y(b, count, d);
  b.copy(table.value().data() + low * d, y.data(), y.size());
  return table.tape().record(
      std::move(y), table.needs_grad(), [table = table.gradient_only(), low, d](const auto& dy) {
        B& be = table.backend();
        const auto to = table.into();
        if (to.fresh) fill(be, *to.tensor, arithmetic_t<T>(0));
        T* at = to.data() + low * d;
        be.map(dy->size(), fn::Add{}, at, static_cast<const T*>(at), std::as_const(*dy).data());
      });
}

namespace detail {
/// What the row functors read; lse is theirs to write.
template <Backend B, class T = typename B::scalar, class M = typename B::master>
row::Disentangled<T, M> disentangled(const DisentangledShape& s, const Ragged<B>& where, const Var<B>& q,
                                     const Var<B>& k, const Var<B>& v, MatrixRef<const T> pos_k,
                                     MatrixRef<const T> pos_q, const RelativeRows<B>& rows, M* lse) {
  return {s,
          q.rows(),
          where.begin.data(),
          where.end.data(),
          q.value().ref(),
          k.value().ref(),
          v.value().ref(),
          pos_k,
          pos_q,
          rows.ref(),
          lse};
}
template <Backend B> MatrixRef<const typename B::scalar> read(const std::optional<Var<B>>& x) {
  return x ? x->value().ref() : MatrixRef<const typename B::scalar>();
}
}  // namespace detail

/// o = softmax(scale (q_i k_j + q_i pos_k_t + k_j pos_q_t)) v, t the row that distance i - j reads.
///     q, k, v, o [n, heads * head_dim], pos_k, pos_q [rows->count(), heads * head_dim] or none
/// DeBERTa, He et al. 2021; both terms of position read the row of i - j, as the code of its checkpoints has
/// it. `where` must outlive the tape; `rows` is shared with it.
template <Backend B>
Var<B> disentangled_attention(const Var<B>& q, const Var<B>& k, const Var<B>& v,
                              const std::optional<Var<B>>& pos_k, const std::optional<Var<B>>& pos_q,
                              const Ragged<B>& where, std::shared_ptr<const RelativeRows<B>> rows,
                              const DisentangledShape& s) {
  using T = typename B::scalar;
  using M = typename B::master;
  B& b = q.backend();
  expects_shape("disentangled_attention", "q", q.shape(), {where.rows(), s.heads * s.head_dim});
  expects_shape("disentangled_attention", "k", k.shape(), q.shape());
  expects_shape("disentangled_attention", "v", v.shape(), q.shape());
  const Shape table{rows->count(), q.cols()};
  if (pos_k) expects_shape("disentangled_attention", "pos_k", pos_k->shape(), table);
  if (pos_q) expects_shape("disentangled_attention", "pos_q", pos_q->shape(), table);
  for (std::size_t i = 0; i + 1 < where.offsets.size(); ++i)
    expects(where.offsets[i + 1] - where.offsets[i] <= rows->reach(), "disentangled_attention: sequence ", i,
            " has ", where.offsets[i + 1] - where.offsets[i], " rows, the relative rows reach ",
            rows->reach());
  Tensor<B> o(b, q.rows(), q.cols());
  MasterTensor<B> lse(b, s.heads, q.rows());
  constexpr bool fast = requires(DisentangledCall<T> c) { b.disentangled_attention(c); };
  if constexpr (fast) {
    b.disentangled_attention(DisentangledCall<T>{s, where.offsets, q.value().ref(), k.value().ref(),
                                                 v.value().ref(), detail::read<B>(pos_k),
                                                 detail::read<B>(pos_q), rows->ref(), o.ref(), lse.data()});
  } else {
    expects(s.head_dim <= row::max_head_dim, "disentangled_attention: heads of ", s.head_dim, ", at most ",
            row::max_head_dim);
    b.for_rows(q.rows() * s.heads,
               row::DisentangledAttend<T, M>{detail::disentangled(s, where, q, k, v, detail::read<B>(pos_k),
                                                                  detail::read<B>(pos_q), *rows, lse.data()),
                                             o.ref()});
  }
  auto& tape = q.tape();
  const bool by_table = (pos_k && pos_k->needs_grad()) || (pos_q && pos_q->needs_grad());
  if (!q.needs_grad() && !k.needs_grad() && !v.needs_grad() && !by_table) return tape.constant(std::move(o));
  auto kept_lse = tape.keep(std::move(lse));
  // The output is kept beside being handed on: D_i = dO_i . O_i spares the backward pass a pass over all
  // scores.
  auto kept = std::make_shared<Var<B>>();
  Var<B> out = tape.record(
      std::move(o), true, [q, k, v, pos_k, pos_q, rows, kept, kept_lse, &where, s](const auto& d_o) {
        B& be = q.backend();
        const auto& out_value = kept->value();
        const auto gradient = [&](const Var<B>& x) {
          return std::make_shared<Tensor<B>>(be, x.rows(), x.cols());
        };
        const auto of_table = [&](const std::optional<Var<B>>& x) {
          return x && x->needs_grad() ? gradient(*x) : nullptr;
        };
        const auto ref = [](const auto& t) { return t ? t->ref() : MatrixRef<T>(); };
        const auto dq = gradient(q), dk = gradient(k), dv = gradient(v);
        const auto dpos_k = of_table(pos_k), dpos_q = of_table(pos_q);
        if constexpr (fast) {
          be.disentangled_attention_gradient(DisentangledGradientCall<T>{
              s, where.offsets, q.value().ref(), k.value().ref(), v.value().ref(), detail::read<B>(pos_k),
              detail::read<B>(pos_q), rows->ref(), out_value.ref(), d_o->cref(), kept_lse->get().data(),
              dq->ref(), dk->ref(), dv->ref(), ref(dpos_k), ref(dpos_q)});
        } else {
          const auto at = detail::disentangled(s, where, q, k, v, detail::read<B>(pos_k),
                                               detail::read<B>(pos_q), *rows, kept_lse->own.data());
          MasterTensor<B> mean(be, s.heads, q.rows());
          const index_t n = q.rows() * s.heads;
          be.for_rows(
              n, row::DisentangledByQuery<T, M>{at, out_value.ref(), d_o->cref(), dq->ref(), mean.data()});
          be.for_rows(n, row::DisentangledByKey<T, M>{at, d_o->cref(), mean.data(), dk->ref(), dv->ref()});
          if (dpos_k || dpos_q)
            be.for_rows(rows->count() * s.heads, row::DisentangledByPosition<T, M>{
                                                     at, d_o->cref(), mean.data(), ref(dpos_k), ref(dpos_q)});
        }
        if (q.needs_grad()) q.add_gradient(dq);
        if (k.needs_grad()) k.add_gradient(dk);
        if (v.needs_grad()) v.add_gradient(dv);
        if (dpos_k) pos_k->add_gradient(dpos_k);
        if (dpos_q) pos_q->add_gradient(dpos_q);
        *kept = Var<B>();
      });
  *kept = out;
  return out;
}

}  // namespace lorica
