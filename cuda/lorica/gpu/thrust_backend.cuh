// SPDX-License-Identifier: MIT
/// @file lorica/gpu/thrust_backend.cuh
/// One source, three machines: CUDA under nvcc; OpenMP or serial C++ under any compiler, where
/// THRUST_DEVICE_SYSTEM says OMP or CPP. Only the Gemm policy differs. Thrust checks every call it makes and
/// throws thrust::system_error.
#pragma once

#include <lorica/core/backend.hpp>
#include <lorica/gpu/attention.cuh>
#include <lorica/gpu/buffer.cuh>
#include <lorica/gpu/loop_gemm.cuh>
#include <lorica/gpu/recording.cuh>
#include <lorica/gpu/sorted.cuh>
#include <lorica/gpu/sweep.cuh>

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace lorica::gpu {

namespace detail {

/// y_i <- f(x_i, ...)
template <class F, class Y, class... X> struct Mapped;
template <class F, class Y, class A> struct Mapped<F, Y, A> {
  F f;
  Y* y;
  const A* a;
  LORICA_HD void operator()(index_t i) const { y[i] = convert<Y>(f(convert<arithmetic_t<A>>(a[i]))); }
};
template <class F, class Y, class A, class B> struct Mapped<F, Y, A, B> {
  F f;
  Y* y;
  const A* a;
  const B* b;
  LORICA_HD void operator()(index_t i) const {
    y[i] = convert<Y>(f(convert<arithmetic_t<A>>(a[i]), convert<arithmetic_t<B>>(b[i])));
  }
};
template <class F, class Y, class A, class B, class C> struct Mapped<F, Y, A, B, C> {
  F f;
  Y* y;
  const A* a;
  const B* b;
  const C* c;
  LORICA_HD void operator()(index_t i) const {
    y[i] = convert<Y>(
        f(convert<arithmetic_t<A>>(a[i]), convert<arithmetic_t<B>>(b[i]), convert<arithmetic_t<C>>(c[i])));
  }
};

template <class T> struct Itself {
  LORICA_HD double operator()(T x) const { return convert<double>(x); }
};
template <class T> struct Square {
  LORICA_HD double operator()(T x) const { return convert<double>(x) * convert<double>(x); }
};

/// Piece i of a sum: at most `piece_size` neighbours, in order.
inline constexpr index_t piece_size = 256;
template <class F, class T> struct PieceSum {
  F f;
  const T* x;
  index_t n;
  double* part;
  LORICA_HD void operator()(index_t i) const {
    const index_t first = i * piece_size, last = n - first < piece_size ? n : first + piece_size;
    double s = 0;
    for (index_t j = first; j < last; ++j) s += f(x[j]);
    part[i] = s;
  }
};

/// The one index: all parts, in order.
template <class M> struct AddUp {
  const double* part;
  index_t n;
  M* out;
  LORICA_HD void operator()(index_t) const {
    double s = 0;
    for (index_t i = 0; i < n; ++i) s += part[i];
    *out = convert<M>(s);
  }
};

/// x_ij
template <class T, class M> struct Entry {
  MatrixRef<T> x;
  LORICA_HD M operator()(index_t i, index_t j) const { return convert<M>(x.row(i)[j]); }
};
/// x_ij y_ij
template <class T, class U, class M> struct EntryProduct {
  MatrixRef<T> x;
  MatrixRef<U> y;
  LORICA_HD M operator()(index_t i, index_t j) const {
    return convert<M>(x.row(i)[j]) * convert<M>(y.row(i)[j]);
  }
};
/// Index p * cols + j: d_pj <- sum_i f(i, j) + beta d_pj over the rows of piece p, `height` of them, in
/// order.
template <class F, class M> struct ColumnSum {
  F f;
  index_t rows, cols, height;
  M beta;
  M* d;
  LORICA_HD void operator()(index_t index) const {
    const index_t j = index % cols, first = index / cols * height;
    const index_t last = rows - first < height ? rows : first + height;
    M s = 0;
    for (index_t i = first; i < last; ++i) s += f(i, j);
    d[index] = beta == M(0) ? s : s + beta * d[index];
  }
};
template <class From, class To> struct CopyElement {
  MatrixRef<const From> from;
  MatrixRef<To> to;
  LORICA_HD void operator()(index_t i) const {
    to.row(i / to.cols)[i % to.cols] = convert<To>(from.row(i / to.cols)[i % to.cols]);
  }
};

}  // namespace detail

/// T: weights and activations; Master: parameters, gradients, statistics, the residual stream. Memory is the
/// device's: what data() of a buffer points to may be read by these verbs alone.
template <Scalar T, class Gemm = LoopGemm, Scalar Master = arithmetic_t<T>> class ThrustBackend {
 public:
  using scalar = T;
  using master = Master;
  using packed = typename Gemm::template packed<T>;
  template <class U> using buffer = Buffer<U>;
  static constexpr double pack_factor = Gemm::pack_factor;

 private:
  using Tables = std::vector<std::shared_ptr<const detail::TileTable<Buffer>>>;

 public:
  /// Work that can be done again, and what it reads that nobody else holds.
  struct Recorded {
    Recording work;
    Tables tiles;
    std::shared_ptr<const void> lease;
    std::size_t losses;
  };

  explicit ThrustBackend(Gemm gemm = {}) : gemm_(std::move(gemm)) {
    if constexpr (requires { gemm_.take_from(pool_); }) gemm_.take_from(pool_);
  }

  // --- memory ---
  template <class U> [[nodiscard]] Buffer<U> allocate(index_t n) { return Buffer<U>(pool_, n); }
  template <class U> void upload(std::span<const U> host, U* to) {
    if (!host.empty()) detail::to_device(host.data(), to, static_cast<index_t>(host.size()));
  }
  template <class U> void download(const U* from, std::span<U> host) {
    if (!host.empty()) detail::to_host(from, host.data(), static_cast<index_t>(host.size()));
  }
  template <class U> void copy(const U* from, U* to, index_t n) {
    if (n > 0) detail::on_device(from, to, n);
  }
  /// What is in use and what was, for reports.
  [[nodiscard]] Pool& pool() noexcept { return *pool_; }

  // --- products ---
  template <class TA, class TB, class TC>
  void gemm(Trans ta, Trans tb, Master alpha, MatrixRef<TA> a, MatrixRef<TB> b, Master beta,
            MatrixRef<TC> c) {
    const Shape x = ta == Trans::no ? a.shape() : Shape{a.cols, a.rows},
                y = tb == Trans::no ? b.shape() : Shape{b.cols, b.rows};
    expects_shape("gemm", "op(B)", y, {x.cols, c.cols});
    expects_shape("gemm", "C", c.shape(), {x.rows, y.cols});
    gemm_.gemm(ta, tb, alpha, MatrixRef<const TA>(a), MatrixRef<const TB>(b), beta, c);
  }
  [[nodiscard]] packed pack(MatrixRef<const T> w, std::shared_ptr<const void> keep) {
    return gemm_.pack(w, std::move(keep));
  }
  void unpack(const packed& p, MatrixRef<T> w) {
    const MatrixRef<const T> from = gemm_.unpacked(p);
    expects_shape("unpack", "W", w.shape(), from.shape());
    detail::for_each_index(w.size(), detail::CopyElement<T, T>{from, w});
  }
  template <class TY>
  void multiply(MatrixRef<const T> x, const packed& w, Trans t, Master beta, MatrixRef<TY> y) {
    const MatrixRef<const T> m = gemm_.unpacked(w);
    expects_shape("multiply", "X", x.shape(), {x.rows, t == Trans::yes ? m.cols : m.rows});
    expects_shape("multiply", "Y", y.shape(), {x.rows, t == Trans::yes ? m.rows : m.cols});
    gemm_.gemm(Trans::no, t, Master(1), x, m, beta, y);
  }

  /// Y <- X W^T + 1 bias, bias [1, m]; false, and nothing is done, where the policy has no such product.
  [[nodiscard]] bool multiply_biased(MatrixRef<const T> x, const packed& w, const Master* bias,
                                     MatrixRef<T> y) {
    return multiply_then({bias, {}}, x, w, Master(0), y);
  }
  /// Z <- X W^T + 1 bias + beta Y, then Y <- GELU by tanh of Z; bias [1, m] may be null. False as above.
  [[nodiscard]] bool multiply_gelu_tanh(MatrixRef<const T> x, const packed& w, const Master* bias,
                                        Master beta, MatrixRef<T> z, MatrixRef<T> y) {
    expects_shape("multiply_gelu_tanh", "Z", z.shape(), y.shape());
    return multiply_then({bias, z}, x, w, beta, y);
  }

  // --- elementwise ---
  template <class F, class Y, class... X> void map(index_t n, F f, Y* y, const X*... x) {
    detail::for_each_index(n, detail::Mapped<F, Y, X...>{f, y, x...});
  }

  // --- rows ---
  template <class F> void for_rows(index_t n, F f) { detail::for_rows(n, f); }
  template <class F> void for_each_index(index_t n, F f) { detail::for_each_index(n, f); }

  // --- fast paths ---
  /// All parts in one launch, or a few.
  template <class F> void sweep(std::span<const SweepPart<F>> parts) { detail::sweep(parts); }
  /// The sums as `sum` and `sum_squares` have them, left on the device.
  template <class U> void sum_into(const U* x, index_t n, Master* out) {
    total_into(x, n, detail::Itself<U>{}, out);
  }
  template <class U> void sum_squares_into(const U* x, index_t n, Master* out) {
    total_into(x, n, detail::Square<U>{}, out);
  }
  /// The number that `kth_smallest` finds, left on the device.
  void kth_smallest_into(const Master* x, index_t n, index_t k, Master* out) {
    expects(k >= 1 && k <= n, "kth_smallest: number ", k, " of ", n, " was asked for; the first is number 1");
    const auto ascending = detail::sorted(pool_, x, n);
    copy(ascending.data() + (k - 1), out, 1);
  }
  /// Those of `sum_squares`: a launch or a few, and one copy to the host.
  [[nodiscard]] std::vector<double> sums_of_squares(std::span<const std::span<const Master>> all) {
    using Sum = detail::PieceSum<detail::Square<Master>, Master>;
    std::vector<double> sums(all.size());
    std::vector<index_t> first{0};  // part of each; a large one has none, and is for itself
    for (const auto& x : all) {
      const index_t pieces = pieces_of(static_cast<index_t>(x.size()));
      first.push_back(first.back() + (pieces > at_once ? 0 : pieces));
    }
    auto part = allocate<double>(first.back());
    std::vector<SweepPart<Sum>> sweeps;
    for (std::size_t i = 0; i < all.size(); ++i) {
      const auto n = static_cast<index_t>(all[i].size());
      if (const index_t pieces = first[i + 1] - first[i]; pieces > 0)
        sweeps.push_back({pieces, Sum{{}, all[i].data(), n, part.data() + first[i]}});
      else if (n > 0)
        sums[i] = sum_squares(all[i].data(), n);
    }
    sweep(std::span<const SweepPart<Sum>>(sweeps));
    std::vector<double> host(static_cast<std::size_t>(first.back()));
    download(std::as_const(part).data(), std::span<double>(host));
    for (std::size_t i = 0; i < all.size(); ++i)
      for (index_t p = first[i]; p < first[i + 1]; ++p) sums[i] += host[static_cast<std::size_t>(p)];
    return sums;
  }
  /// What f() queues, kept and not done; none where it cannot be, and `why`: f reads from the device or
  /// writes to it, there is no room, or CUDA refuses. Its addresses must stay what they are.
  template <class F> [[nodiscard]] std::optional<Recorded> record(F&& f, std::string* why = nullptr) {
    if (!pool_->records()) pool_->trim();  // what f takes is held for it from now on, beside what others take
    const auto lease = pool_->lease();
    const std::size_t losses = pool_->losses();
    std::string fault = "a recording: it has lost its memory while it was made";
    try {
      Recording work(std::forward<F>(f));
      if (pool_->losses() == losses) return Recorded{std::move(work), tiles_, lease, losses};
    } catch (const Error& e) {  // who does the same without a recording is told of what is wrong with f
      fault = e.what();
    }
    if (why != nullptr) *why = fault;
    return std::nullopt;
  }
  /// Does it once more. False, and nothing is done, where its memory has gone to somebody else, or the device
  /// has no room to start it.
  [[nodiscard]] bool replay(const Recorded& r) {
    return pool_->unless_lost(r.losses, [&] { return r.work.run(); });
  }
  /// In tiles; see gpu/attention.cuh.
  void attention(const AttentionCall<T, Master>& c) { attend(c, detail::Blocks{}); }
  void attention_gradient(const AttentionGradientCall<T, Master>& c) { attend_back(c, detail::Blocks{}); }

  // --- reductions ---
  template <class U> [[nodiscard]] double sum(const U* x, index_t n) {
    return total(x, n, detail::Itself<U>{});
  }
  template <class U> [[nodiscard]] double sum_squares(const U* x, index_t n) {
    return total(x, n, detail::Square<U>{});
  }
  template <class U> void column_sums(MatrixRef<U> x, Master beta, Master* d) {
    columns(x.rows, x.cols, detail::Entry<U, Master>{x}, beta, d);
  }
  template <class U, class W> void column_dots(MatrixRef<U> x, MatrixRef<W> y, Master beta, Master* d) {
    columns(x.rows, x.cols, detail::EntryProduct<U, W, Master>{x, y}, beta, d);
  }
  [[nodiscard]] double kth_smallest(const Master* x, index_t n, index_t k) {
    auto found = allocate<Master>(1);
    kth_smallest_into(x, n, k, found.data());
    Master host;
    download(std::as_const(found).data(), std::span<Master>(&host, 1));
    return convert<double>(host);
  }

 protected:
  template <class Launch> void attend(const AttentionCall<T, Master>& c, const Launch& launch) {
    detail::attention(c, tiles(c), launch);
  }
  template <class Launch> void attend_back(const AttentionGradientCall<T, Master>& c, const Launch& launch) {
    auto mean = allocate<Master>(c.shape.heads * c.q.rows);
    detail::attention_gradient(c, tiles(c), mean.data(), launch);
  }

 private:
  bool multiply_then(const Epilogue<Master, T>& then, MatrixRef<const T> x, const packed& w, Master beta,
                     MatrixRef<T> y) {
    const MatrixRef<const T> m = gemm_.unpacked(w);
    expects_shape("multiply", "X", x.shape(), {x.rows, m.cols});
    expects_shape("multiply", "Y", y.shape(), {x.rows, m.rows});
    if constexpr (requires { gemm_.multiply_then(then, x, m, beta, y); })
      return gemm_.multiply_then(then, x, m, beta, y);
    else
      return false;
  }
  /// Of the last few kinds of batch and of head; copies of the backend keep theirs.
  template <class Call> const detail::TileTable<Buffer>& tiles(const Call& c) {
    constexpr std::size_t kept = 4;
    const index_t side = detail::tile_side<T, Master>(c.shape.head_dim);
    const auto found =
        std::ranges::find_if(tiles_, [&](const auto& t) { return t->serves(c.offsets, side); });
    if (found != tiles_.end()) return **found;
    const auto host = detail::tiles_of(c.offsets, side);
    auto device = allocate<std::int32_t>(static_cast<index_t>(host.size()));
    upload(std::span<const std::int32_t>(host), device.data());
    if (tiles_.size() == kept) tiles_.erase(tiles_.begin());
    tiles_.push_back(std::make_shared<const detail::TileTable<Buffer>>(
        detail::TileTable<Buffer>{{c.offsets.begin(), c.offsets.end()},
                                  side,
                                  static_cast<index_t>(host.size() / 4),
                                  std::move(device)}));
    return *tiles_.back();
  }
  template <class U, class F> void total_into(const U* x, index_t n, F f, Master* out) {
    auto part = parts(x, n, f);
    index_t pieces = pieces_of(n);
    for (; pieces > at_once; pieces = pieces_of(pieces))
      part = parts(std::as_const(part).data(), pieces, detail::Itself<double>{});
    detail::for_each_index(1, detail::AddUp<Master>{std::as_const(part).data(), pieces, out});
  }
  /// d_j <- sum_i f(i, j) + beta d_j: tall columns in pieces of rows, whose sums are then added in order.
  template <class F> void columns(index_t rows, index_t cols, const F& f, Master beta, Master* d) {
    const index_t pieces = pieces_of(rows);
    if (pieces <= 1)
      return detail::for_each_index(cols, detail::ColumnSum<F, Master>{f, rows, cols, rows, beta, d});
    auto part = allocate<Master>(pieces * cols);
    detail::for_each_index(pieces * cols, detail::ColumnSum<F, Master>{f, rows, cols, detail::piece_size,
                                                                       Master(0), part.data()});
    using Sums = detail::Entry<const Master, Master>;
    const Sums sums{{std::as_const(part).data(), pieces, cols}};
    detail::for_each_index(cols, detail::ColumnSum<Sums, Master>{sums, pieces, cols, pieces, beta, d});
  }
  /// Parts that are added up in one go.
  static constexpr index_t at_once = 16 * detail::piece_size;
  static index_t pieces_of(index_t n) { return (n + detail::piece_size - 1) / detail::piece_size; }
  template <class U, class F> Buffer<double> parts(const U* x, index_t n, F f) {
    const index_t pieces = pieces_of(n);
    auto part = allocate<double>(pieces);
    detail::for_each_index(pieces, detail::PieceSum<F, U>{f, x, n, part.data()});
    return part;
  }
  /// Partial sums over fixed pieces, added in order: the same for any number of threads.
  template <class U, class F> double total(const U* x, index_t n, F f) {
    const index_t pieces = pieces_of(n);
    const auto part = parts(x, n, f);
    if (pieces > at_once) return sum(part.data(), pieces);
    std::vector<double> host(static_cast<std::size_t>(pieces));
    download(part.data(), std::span<double>(host));
    double s = 0;
    for (const double p : host) s += p;
    return s;
  }

  Gemm gemm_;
  std::shared_ptr<Pool> pool_ = std::make_shared<Pool>();
  Tables tiles_;
};

static_assert(Backend<ThrustBackend<float>> && Backend<ThrustBackend<double>> &&
              Backend<ThrustBackend<float, LoopGemm, double>>);

}  // namespace lorica::gpu
