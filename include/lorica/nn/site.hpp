// SPDX-License-Identifier: MIT
/// @file lorica/nn/site.hpp
/// The hinge. A site is a linear map of the checkpoint that may be adapted; it knows where it is, and asks a
/// policy what leaves it. A model of your own becomes adaptable with this header alone: call at_site() in
/// your linears (at_sites() for those that read the same x), and offer for_each_site(f), which calls
/// f(SiteInfo, WeightView) for each.
#pragma once

#include <lorica/autograd/low_rank_ops.hpp>

#include <cmath>
#include <concepts>
#include <ostream>
#include <string>

namespace lorica {

/// What a linear does in its block; `qkv` is a fused projection, one site; `other` is a host's own.
enum class Role : std::uint8_t { query, key, value, qkv, output, gate, up, down, other };
inline constexpr int role_count = 9;

constexpr const char* name_of(Role r) {
  constexpr const char* names[role_count] = {"q", "k", "v", "qkv", "o", "gate", "up", "down", "other"};
  return names[static_cast<int>(r)];
}

/// Which site. The path is stable: generators and files are keyed by it.
struct SiteInfo {
  index_t ordinal = 0;  // position in for_each_site's order
  index_t layer = 0;
  Role role = Role::other;
  index_t in = 0;    // k
  index_t out = 0;   // m
  std::string path;  // "blocks.3.down"
  friend std::ostream& operator<<(std::ostream& os, const SiteInfo& s) { return os << s.path; }
};

namespace fn {
/// norm_i <- |w_i|_2. Public: nvcc refuses kernels over private types.
template <class M> struct RowNorm {
  MatrixRef<const M> w;
  M* norm;
  LORICA_HD index_t cols() const { return w.cols; }
  LORICA_HD void operator()(index_t i) const {
    using V = RowLanes<M>;
    V squares(0);
    for (index_t j = 0; j < w.cols; j += V::count()) {
      const V v = load<V>(w.row(i) + j, w.cols - j);
      squares += v * v;
    }
    using std::sqrt;
    norm[i] = sqrt(sum(squares));
  }
};
}  // namespace fn

/// What a policy may know of the weight W [m, k] at a site, frozen or not: its shape, its products in both
/// directions, its row norms, and a copy.
template <Backend B> class WeightView {
 public:
  using M = typename B::master;

  explicit WeightView(const Frozen<B>& w) : frozen_(&w) {}
  explicit WeightView(const Parameter<B>& w) : parameter_(&w) {}

  [[nodiscard]] index_t rows() const { return frozen_ != nullptr ? frozen_->rows() : parameter_->rows(); }
  [[nodiscard]] index_t cols() const { return frozen_ != nullptr ? frozen_->cols() : parameter_->cols(); }
  [[nodiscard]] Shape shape() const { return {rows(), cols()}; }

  /// x W^T (Trans::yes, x [n, k]) or x W (Trans::no, x [n, m])
  [[nodiscard]] Tensor<B> product(B& b, const Tensor<B>& x, Trans t) const {
    Tensor<B> y(b, x.rows(), t == Trans::yes ? rows() : cols());
    if (frozen_ != nullptr)
      b.multiply(x.ref(), frozen_->packed(), t, M(0), y.ref());
    else
      b.gemm(Trans::no, t, M(1), x.ref(), parameter_->value.cref(), M(0), y.ref());
    return y;
  }
  /// W, [m, k]
  [[nodiscard]] MasterTensor<B> dense(B& b) const {
    if (parameter_ != nullptr) return parameter_->value.clone(b);
    const Tensor<B> w = frozen_->dense(b);
    MasterTensor<B> out(b, w.rows(), w.cols());
    b.map(out.size(), fn::Copy{}, out.data(), w.data());
    return out;
  }
  /// |W_i|_2 of every row, [1, m]
  [[nodiscard]] MasterTensor<B> row_norms(B& b) const {
    const MasterTensor<B> w = dense(b);
    MasterTensor<B> out(b, 1, rows());
    b.for_rows(rows(), fn::RowNorm<M>{w.ref(), out.data()});
    return out;
  }

 private:
  const Frozen<B>* frozen_ = nullptr;
  const Parameter<B>* parameter_ = nullptr;
};

/// What a policy is shown. y is x W^T before the bias, which is added to whatever the policy answers. A
/// policy that is done with y may move from it, so that its memory serves again.
template <Backend B> struct SiteCall {
  const SiteInfo& site;
  WeightView<B> weight;
  Var<B> x;                          // [n, k]
  mutable Var<B> y;                  // [n, m]
  const MasterTensor<B>* bias;       // [1, m], or null
  std::span<const index_t> offsets;  // of the batch's sequences, [sequences + 1]
};

/// A site policy answers one question: what leaves the site instead of y?
template <class P, class B>
concept SitePolicy = Backend<B> && requires(P& p, const SiteCall<B>& call) {
  { p.visit(call) } -> std::same_as<Var<B>>;
};

/// A policy that may know beforehand that a site only adds a low-rank product, or nothing: the site is then
/// one operation (adapted_linears), and visit() is not called. None: visit() decides.
template <class P, class B>
concept LowRankPolicy = SitePolicy<P, B> && requires(P& p, Tape<B>& tape, const SiteInfo& site) {
  { p.low_rank(tape, site) } -> std::same_as<std::optional<LowRankTerm<B>>>;
};

/// Nothing happens.
struct Bare {
  template <Backend B> Var<B> visit(const SiteCall<B>& call) const { return std::move(call.y); }
  template <Backend B> std::optional<LowRankTerm<B>> low_rank(Tape<B>&, const SiteInfo&) const {
    return LowRankTerm<B>{};
  }
};

/// First p, then q on p's answer. Policies compose; neither knows of the other.
template <class P, class Q> struct Then {
  P& p;
  Q& q;
  template <Backend B>
  Var<B> visit(const SiteCall<B>& call) const requires(SitePolicy<P, B>&& SitePolicy<Q, B>) {
    return q.visit(SiteCall<B>{call.site, call.weight, call.x, p.visit(call), call.bias, call.offsets});
  }
};
template <class P, class Q> Then(P&, Q&) -> Then<P, Q>;

namespace detail {
template <Backend B> const MasterTensor<B>& tensor_of(const MasterTensor<B>& t) { return t; }
template <Backend B> const MasterTensor<B>& tensor_of(const Parameter<B>& p) { return p.value; }
template <class P, class B> inline constexpr bool is_site_policy = SitePolicy<P, B>;
}  // namespace detail

/// A site's weight, Frozen<B> or Parameter<B>, and its bias [1, m] (MasterTensor, Parameter, or null).
template <class Weight, class Bias> struct SiteWeight {
  const SiteInfo& site;
  const Weight& weight;
  const Bias* bias;
};

/// y = x W^T, then what the policy makes of it, then the bias, of every linear that reads x; `offsets` the
/// sequences of the batch. A policy may keep a reference to site and weight until the backward pass (Probe
/// does): they live as long as the tape, temporaries do not.
template <Backend B, class Weight, class Bias, class P>
std::vector<Var<B>> at_sites(const Var<B>& x, std::span<const SiteWeight<Weight, Bias>> sites,
                             std::span<const index_t> offsets, P& policy) {
  static_assert(
      detail::is_site_policy<P, B>,
      "lorica: forward(batch, policy): the policy must model SitePolicy (a visit(const SiteCall<B>&) that returns "
      "Var<B>). See docs/concepts.md#site-policy.");
  if constexpr (LowRankPolicy<P, B> && std::same_as<Weight, Frozen<B>> &&
                std::same_as<Bias, MasterTensor<B>>) {
    std::vector<AdaptedLinear<B>> linears;
    for (const auto& s : sites)
      if (auto term = policy.low_rank(x.tape(), s.site))
        linears.push_back({&s.weight, s.bias, std::move(*term)});
    if (linears.size() == sites.size()) return adapted_linears(x, std::span<const AdaptedLinear<B>>(linears));
  }
  std::vector<Var<B>> out;
  for (const auto& s : sites) {
    const MasterTensor<B>* shown = nullptr;
    if (s.bias != nullptr) shown = &detail::tensor_of<B>(*s.bias);
    Var<B> y =
        policy.visit(SiteCall<B>{s.site, WeightView<B>(s.weight), x, linear(x, s.weight), shown, offsets});
    out.push_back(s.bias == nullptr ? std::move(y) : add_bias(std::move(y), operand(x.tape(), *s.bias)));
  }
  return out;
}
/// The same of one linear.
template <Backend B, class Weight, class Bias, class P>
Var<B> at_site(const SiteInfo& site, const Var<B>& x, const Weight& weight, const Bias* bias,
               std::span<const index_t> offsets, P& policy) {
  const SiteWeight<Weight, Bias> only[] = {{site, weight, bias}};
  return std::move(at_sites(x, std::span<const SiteWeight<Weight, Bias>>(only), offsets, policy).front());
}
/// The same of one linear, and f of it. f.of(x, linear) is f(y) of one operation, where f has such a thing.
template <Backend B, class Weight, class Bias, class P, class F>
Var<B> at_site_then(const F& f, const SiteInfo& site, const Var<B>& x, const Weight& weight, const Bias* bias,
                    std::span<const index_t> offsets, P& policy) {
  if constexpr (LowRankPolicy<P, B> && requires(const AdaptedLinear<B>& l) { f.of(x, l); } &&
                std::same_as<Weight, Frozen<B>> && std::same_as<Bias, MasterTensor<B>>) {
    if (auto term = policy.low_rank(x.tape(), site))
      return f.of(x, AdaptedLinear<B>{&weight, bias, std::move(*term)});
  }
  return f(at_site(site, x, weight, bias, offsets, policy));
}

}  // namespace lorica
