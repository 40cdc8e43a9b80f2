// SPDX-License-Identifier: MIT
/// @file lorica/autograd/loss_ops.hpp
/// Losses: sums over targets, never means, so that accumulation over batches is exact. A loss is [1, 1],
/// master.
#pragma once

#include <lorica/autograd/attention_ops.hpp>
#include <lorica/autograd/linear_ops.hpp>
#include <lorica/autograd/shape_ops.hpp>
#include <lorica/core/reduce.hpp>
#include <lorica/core/row.hpp>

namespace lorica {

/// Rows without a target; also what Hugging Face calls -100.
inline constexpr std::int32_t no_target = -100;

/// Targets by row, on the host and, for the rows that have one, in the backend's memory.
template <Backend B> struct Targets {
  index_t rows = 0;           // of the batch
  index_t count = 0;          // rows with a target
  Integers<B> row, target;    // [count]
  std::int32_t largest = -1;  // target

  Targets() = default;
  /// target[i] is the class of row i, or negative for none.
  Targets(B& b, std::span<const std::int32_t> by_row) : rows(static_cast<index_t>(by_row.size())) {
    const auto [r, t] = listed(by_row);
    count = static_cast<index_t>(r.size());
    row = Integers<B>(b, r);
    target = Integers<B>(b, t);
  }
  /// Others, of as many rows and as many of them with a target, in the memory that is there.
  void assign(B& b, std::span<const std::int32_t> by_row) {
    expects<ShapeError>(static_cast<index_t>(by_row.size()) == rows, "Targets: ", by_row.size(),
                        " rows in the place of ", rows);
    largest = -1;
    const auto [r, t] = listed(by_row);
    row.assign(b, r);
    target.assign(b, t);
  }

 private:
  /// The rows that have a target, and their targets.
  std::pair<std::vector<std::int32_t>, std::vector<std::int32_t>> listed(
      std::span<const std::int32_t> by_row) {
    std::vector<std::int32_t> r, t;
    for (std::size_t i = 0; i < by_row.size(); ++i) {
      if (by_row[i] < 0) continue;
      largest = std::max(largest, by_row[i]);
      r.push_back(static_cast<std::int32_t>(i));
      t.push_back(by_row[i]);
    }
    return {std::move(r), std::move(t)};
  }
};

/// The first and the last row of an answer in every sequence, counted within it (negative: none), on the host
/// and in the backend's memory.
template <Backend B> struct SpanTargets {
  std::vector<index_t> offsets = {0};
  std::vector<std::int32_t> host;  // [2 sequences]: first, then last
  index_t count = 0;               // ends that there are
  Integers<B> at;                  // [2 sequences]

  SpanTargets() = default;
  SpanTargets(B& b, std::vector<index_t> of_sequences, std::vector<std::int32_t> ends)
      : offsets(std::move(of_sequences)), host(std::move(ends)), count(counted()), at(b, host) {}
  /// Others of the same sequences, in the memory that is there.
  void assign(B& b, std::vector<std::int32_t> ends) {
    host = std::move(ends);
    count = counted();
    at.assign(b, host);
  }
  /// Every end within its sequence; else an error of the operation that reads them.
  void validate(const char* operation) const {
    for (std::size_t i = 0; i < host.size(); ++i) {
      const index_t rows = offsets[i / 2 + 1] - offsets[i / 2];
      expects(host[i] < rows, operation, ": the answer of sequence ", i / 2, " ends at row ", host[i],
              ", it has ", rows);
    }
  }

 private:
  [[nodiscard]] index_t counted() const {
    expects<ShapeError>(host.size() + 2 == 2 * offsets.size(), "SpanTargets: ", host.size(),
                        " ends of answers for ", offsets.size() - 1, " sequences, expected two each");
    return static_cast<index_t>(std::ranges::count_if(host, [](std::int32_t at_row) { return at_row >= 0; }));
  }
};

namespace fn {
/// s x times dl, which lies in the backend's memory.
template <class M> struct ScaleBy {
  const M* dl;
  M s = M(1);
  template <class V> LORICA_HD V operator()(V x) const { return x * V(s * *dl); }
};
}  // namespace fn

namespace detail {
/// The two kinds of head: frozen and packed, or a parameter.
template <Backend B>
void logits_of(B& b, MatrixRef<const typename B::scalar> h, const Frozen<B>& w,
               MatrixRef<typename B::master> z) {
  b.multiply(h, w.packed(), Trans::yes, 0, z);
}
template <Backend B>
void logits_of(B& b, MatrixRef<const typename B::scalar> h, const Parameter<B>& w,
               MatrixRef<typename B::master> z) {
  b.gemm(Trans::no, Trans::yes, 1, h, w.value.cref(), 0, z);
}
template <Backend B>
void gradient_of(B& b, MatrixRef<const typename B::scalar> dz, const Frozen<B>& w,
                 MatrixRef<typename B::scalar> dh) {
  b.multiply(dz, w.packed(), Trans::no, 0, dh);
}
template <Backend B>
void gradient_of(B& b, MatrixRef<const typename B::scalar> dz, const Parameter<B>& w,
                 MatrixRef<typename B::scalar> dh) {
  b.gemm(Trans::no, Trans::no, 1, dz, w.value.cref(), 0, dh);
}
/// master logits -> scalar operand of the next product, in place where they are one type
template <Backend B>
MatrixRef<const typename B::scalar> as_scalar(B& b, MatrixRef<const typename B::master> z, Tensor<B>& room) {
  if constexpr (std::same_as<typename B::scalar, typename B::master>) {
    return z;
  } else {
    if (room.size() < z.size()) room = Tensor<B>(b, z.rows, z.cols);
    b.map(z.size(), fn::Copy{}, room.data(), z.data);
    return {room.data(), z.rows, z.cols};
  }
}
/// dh, scaled by dL, into the rows that have a target.
template <Backend B>
void give_rows(const Var<B>& h, const Tensor<B>& dh, const Targets<B>& targets, const typename B::master* dl,
               bool all) {
  using T = typename B::scalar;
  using M = typename B::master;
  if (!h.needs_grad()) return;
  B& b = h.backend();
  if (all) {
    h.add_gradient(fn::ScaleBy<M>{dl}, dh);
    return;
  }
  const auto to = h.into();
  if (to.fresh) fill(b, *to.tensor, arithmetic_t<T>(0));
  b.for_rows(targets.count, fn::ScatterRows<T, M>{dh.ref(), targets.row.data(), to.ref(), dl, !to.fresh});
}
}  // namespace detail

/// L = sum over rows with a target of -log softmax(h W^T)_target      h [n, d], W [classes, d], frozen or a
/// parameter At most `chunk` rows of logits exist at any time; the gradient is formed beside the loss, so
/// that nothing is computed twice. Keeps dh of the rows with a target (in place of h), and dW where W trains.
template <Backend B, class Head>
MasterVar<B> cross_entropy(const Var<B>& h, const Head& w, const Targets<B>& targets, index_t chunk = 256) {
  using T = typename B::scalar;
  using M = typename B::master;
  constexpr bool trains = std::same_as<Head, Parameter<B>>;
  B& b = h.backend();
  auto& tape = h.tape();
  const index_t n = targets.count, d = h.cols();
  expects<ShapeError>(h.rows() == targets.rows && d == w.cols(), "cross_entropy: h is ", h.shape(),
                      ", the head ", w.shape(), ", targets ", targets.rows);
  expects(targets.largest < w.rows(), "cross_entropy: a target is ", targets.largest, ", the head has ",
          w.rows(), " classes");
  expects(chunk > 0, "cross_entropy: the chunk is ", chunk, " rows, expected at least 1");
  const bool all = n == h.rows();
  Tensor<B> picked;
  if (!all) {
    picked = Tensor<B>(b, n, d);
    b.for_rows(n, fn::GatherRows<T>{h.value().ref(), targets.row.data(), picked.ref()});
  }
  const auto rows_of_h = all ? h.value().cref() : picked.cref();
  const bool for_h = h.needs_grad(), for_w = trains && tape.recording();
  MasterTensor<B> losses(b, 1, std::max<index_t>(n, 1)), logits(b, std::min(n, chunk), w.rows());
  Tensor<B> dh = for_h ? Tensor<B>(b, n, d) : Tensor<B>(), room;
  MasterTensor<B> dw = for_w ? zeros<M>(b, w.rows(), d) : MasterTensor<B>();
  for (index_t first = 0; first < n; first += chunk) {
    const index_t rows = std::min(chunk, n - first);
    const MatrixRef<M> z(logits.data(), rows, w.rows());
    detail::logits_of(b, rows_of_h.slice(first, rows), w, z);
    b.for_rows(rows,
               row::CrossEntropy<M>{z, targets.target.data() + first, losses.data() + first, for_h || for_w});
    if (!for_h && !for_w) continue;
    const auto dz = detail::as_scalar(b, MatrixRef<const M>(z), room);
    if (for_h) detail::gradient_of(b, dz, w, dh.ref().slice(first, rows));
    if (for_w) b.gemm(Trans::yes, Trans::no, M(1), dz, rows_of_h.slice(first, rows), M(1), dw.ref());
  }
  auto total = sum_of(b, std::as_const(losses).data(), n);
  if constexpr (trains) {
    auto kept_h = tape.keep(std::move(dh));
    auto kept_w = tape.keep(std::move(dw));
    const auto leaf = tape.leaf(w);
    return tape.record(
        std::move(total), for_h || for_w,
        [h = h.gradient_only(), leaf = leaf.gradient_only(), kept_h, kept_w, &targets, all](const auto& dl) {
          if (leaf.needs_grad()) leaf.add_gradient(fn::ScaleBy<M>{dl->data()}, kept_w->get());
          detail::give_rows(h, kept_h->get(), targets, dl->data(), all);
        });
  } else {
    auto kept_h = tape.keep(std::move(dh));
    return tape.record(std::move(total), for_h,
                       [h = h.gradient_only(), kept_h, &targets, all](const auto& dl) {
                         detail::give_rows(h, kept_h->get(), targets, dl->data(), all);
                       });
  }
}

namespace fn {
/// loss_i, dz_i <- w_t loss_i, w_t dz_i, t the target of row i        dz [n, classes], w [classes]
template <class M> struct WeighRow {
  MatrixRef<M> dz;
  M* loss;
  const std::int32_t* target;
  const M* w;
  LORICA_HD void operator()(index_t i) const {
    const M by = w[target[i]];
    loss[i] *= by;
    for (index_t j = 0; j < dz.cols; ++j) dz.row(i)[j] *= by;
  }
};
}  // namespace fn

/// L = sum over rows with a target of -w_target log softmax(z)_target      z [n, classes], master; w 1 if
/// none For the few classes of a classification. Keeps w (softmax(z) - onehot(target)). `targets` must
/// outlive the tape.
template <Backend B>
MasterVar<B> category_loss(const MasterVar<B>& z, const Targets<B>& targets,
                           std::span<const double> weights = {}) {
  using M = typename B::master;
  B& b = z.backend();
  const index_t n = targets.count;
  expects<ShapeError>(z.rows() == targets.rows, "category_loss: logits are ", z.shape(), ", targets ",
                      targets.rows);
  expects(targets.largest < z.cols(), "category_loss: a target is ", targets.largest, ", there are ",
          z.cols(), " classes");
  MasterTensor<B> dz(b, n, z.cols()), losses(b, 1, std::max<index_t>(n, 1));
  b.for_rows(n, fn::GatherRows<M>{z.value().ref(), targets.row.data(), dz.ref()});
  b.for_rows(n, row::CrossEntropy<M>{dz.ref(), targets.target.data(), losses.data(), true});
  if (!weights.empty()) {
    expects<ShapeError>(static_cast<index_t>(weights.size()) == z.cols(), "category_loss: ", weights.size(),
                        " weights for ", z.cols(), " classes");
    const MasterTensor<B> w(b, 1, z.cols(), weights);
    b.for_each_index(n, fn::WeighRow<M>{dz.ref(), losses.data(), targets.target.data(), w.data()});
  }
  auto total = sum_of(b, std::as_const(losses).data(), n);
  auto kept = z.tape().keep(std::move(dz));
  return z.tape().record(
      std::move(total), z.needs_grad(), [z = z.gradient_only(), kept, &targets](const auto& dl) {
        const auto to = z.into();
        if (to.fresh) fill(z.backend(), *to.tensor, M(0));
        z.backend().for_rows(targets.count, fn::ScatterRows<M, M>{kept->get().ref(), targets.row.data(),
                                                                  to.ref(), dl->data(), true});
      });
}

namespace fn {
/// Index 2 s + side: minus the log-probability of one end of sequence s's answer among its rows; z's gradient
/// into dz. at[2 s + side] is the row within the sequence, negative: none.
template <class M> struct SpanLoss {
  MatrixRef<const M> z;        // [n, 2]
  const std::int32_t* offset;  // [sequences + 1]
  const std::int32_t* at;      // [2 sequences]
  MatrixRef<M> dz;             // [n, 2]
  M* loss;                     // [2 sequences]
  LORICA_HD void operator()(index_t index) const {
    const index_t side = index % 2, begin = offset[index / 2], end = offset[index / 2 + 1];
    const bool asked = at[index] >= 0;
    M top = z.row(begin)[side], total = M(0);
    for (index_t i = begin; i < end; ++i) top = z.row(i)[side] > top ? z.row(i)[side] : top;
    for (index_t i = begin; i < end; ++i) total += math::exp(z.row(i)[side] - top);
    for (index_t i = begin; i < end; ++i)
      dz.row(i)[side] = asked ? math::exp(z.row(i)[side] - top) / total : M(0);
    loss[index] = M(0);
    if (!asked) return;
    using std::log;
    loss[index] = top + log(total) - z.row(begin + at[index])[side];
    dz.row(begin + at[index])[side] -= M(1);
  }
};
}  // namespace fn

/// L = sum over sequences of -log softmax(z_0)_first - log softmax(z_1)_last, each softmax over the rows of
/// the sequence       z [n, 2] master; `where` and `ends` of the same sequences
/// Keeps the gradient of z. Extractive answers, as in Devlin et al. 2019, section 4.2.
template <Backend B>
MasterVar<B> span_loss(const MasterVar<B>& z, const Ragged<B>& where, const SpanTargets<B>& ends) {
  using M = typename B::master;
  B& b = z.backend();
  expects_shape("span_loss", "the scores", z.shape(), {where.rows(), 2});
  expects<ShapeError>(ends.offsets == where.offsets, "span_loss: the answers are of ",
                      ends.offsets.size() - 1, " sequences of ", ends.offsets.back(), " rows, the scores of ",
                      where.sequences(), " of ", where.rows(), ", expected the same sequences");
  ends.validate("span_loss");
  MasterTensor<B> dz(b, z.rows(), 2), losses(b, 1, ends.at.size());
  b.for_each_index(ends.at.size(), fn::SpanLoss<M>{z.value().ref(), where.offset.data(), ends.at.data(),
                                                   dz.ref(), losses.data()});
  auto total = sum_of(b, std::as_const(losses).data(), losses.size());
  auto kept = z.tape().keep(std::move(dz));
  return z.tape().record(std::move(total), z.needs_grad(), [z = z.gradient_only(), kept](const auto& dl) {
    z.add_gradient(fn::ScaleBy<M>{dl->data()}, kept->get());
  });
}

/// L = sum over i, j of (y_ij - t_ij)^2      y, t [n, m]
/// Keeps y - t.
template <Backend B, class T> MasterVar<B> squared_error(const Var<B, T>& y, const Tensor<B, T>& target) {
  using M = typename B::master;
  B& b = y.backend();
  expects_shape("squared_error", "the target", target.shape(), y.shape());
  Tensor<B, T> e(b, y.rows(), y.cols());
  b.map(e.size(), fn::Subtract{}, e.data(), y.value().data(), target.data());
  auto total = sum_of_squares(b, std::as_const(e).data(), e.size());
  auto kept = y.tape().keep(std::move(e));
  return y.tape().record(std::move(total), y.needs_grad(), [y = y.gradient_only(), kept](const auto& dl) {
    y.add_gradient(fn::ScaleBy<M>{dl->data(), M(2)}, kept->get());
  });
}

}  // namespace lorica
