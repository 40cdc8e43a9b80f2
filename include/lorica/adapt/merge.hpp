// SPDX-License-Identifier: MIT
/// @file lorica/adapt/merge.hpp
/// Adapters made part of the weights: delta W of a site as a matrix, and models whose weights have it in
/// them. A frozen weight is never written: merging makes a new model. Any site policy that is linear in x can
/// be merged, be it one method's adapters or a Sum of several; dropout is off.
#pragma once

#include <lorica/adapt/sum.hpp>

#include <map>

namespace lorica::adapt {

namespace detail {
/// Rows first .. of the identity and of W^T.
template <class T, class M> struct UnitRows {
  MatrixRef<const M> w;  // [m, k]
  MatrixRef<T> x, y;     // [n, k], [n, m]
  index_t first;
  bool bare;  // y as the frozen weight has it, else 0
  LORICA_HD void operator()(index_t i) const {
    for (index_t j = 0; j < x.cols; ++j) x.row(i)[j] = convert<T>(M(j == first + i ? 1 : 0));
    for (index_t j = 0; j < y.cols; ++j) y.row(i)[j] = convert<T>(bare ? w.row(j)[first + i] : M(0));
  }
};
/// delta_ij <- z_ji - y_ji for the columns first .. of delta.
template <class T, class M> struct TransposedDifference {
  MatrixRef<const T> z, y;  // [n, m]
  MatrixRef<M> delta;       // [m, k]
  index_t first;
  LORICA_HD void operator()(index_t i) const {
    for (index_t j = 0; j < z.rows; ++j)
      delta.row(i)[first + j] = convert<M>(z.row(j)[i]) - convert<M>(y.row(j)[i]);
  }
};
}  // namespace detail

/// delta W [m, k] at one site: what the policy makes of the rows of the identity, `block` at a time, less W.
/// Exact to the rounding of delta W in `scalar` for adapters that only add, of W + delta W for others (DoRA).
template <Backend B, class P>
[[nodiscard]] MasterTensor<B> delta_weight(B& b, P& policy, const SiteInfo& site, const WeightView<B>& w,
                                           index_t block = 256) {
  using T = typename B::scalar;
  using M = typename B::master;
  static_assert(lorica::detail::is_site_policy<P, B>,
                "lorica: delta_weight: the policy must model SitePolicy. See docs/concepts.md#site-policy.");
  expects(block > 0, "delta_weight: ", block, " rows at a time, expected at least 1");
  if constexpr (requires { policy.phase(std::optional<std::uint64_t>{}); }) policy.phase(std::nullopt);
  const MasterTensor<B> dense = w.dense(b);
  MasterTensor<B> delta(b, w.rows(), w.cols());
  for (index_t first = 0; first < w.cols(); first += block) {
    const index_t n = std::min(block, w.cols() - first);
    Tape<B> tape(b, false);
    Tensor<B> x(b, n, w.cols()), y(b, n, w.rows());
    b.for_rows(n, detail::UnitRows<T, M>{dense.cref(), x.ref(), y.ref(), first, !only_adds<P>});
    const index_t offsets[] = {0, n};
    const Var<B> z =
        policy.visit(SiteCall<B>{site, w, tape.constant(std::move(x)), tape.constant(y), nullptr, offsets});
    b.for_rows(w.rows(), detail::TransposedDifference<T, M>{z.value().cref(), y.cref(), delta.ref(), first});
  }
  Tape<B> tape(b, false);
  const index_t one[] = {0, 1};
  const Var<B> zero = policy.visit(SiteCall<B>{site, w, tape.constant(zeros<T>(b, 1, w.cols())),
                                               tape.constant(zeros<T>(b, 1, w.rows())), nullptr, one});
  expects(b.sum_squares(zero.value().data(), zero.value().size()) == 0, "delta_weight: what stands at ",
          site.path, " adds a bias of its own, which a weight cannot hold");
  return delta;
}

/// delta W of the sites that are adapted, by path.
template <Backend B> using Updates = std::map<std::string, MasterTensor<B>>;

namespace detail {
template <class P> bool adapts(const P&, const SiteInfo&) { return true; }
template <Backend B, class M> bool adapts(const Adapted<B, M>& a, const SiteInfo& s) {
  return std::ranges::any_of(a.slots(), [&](const auto& slot) { return slot.site.ordinal == s.ordinal; });
}
template <class... P> bool adapts(const Sum<P...>& all, const SiteInfo& s) {
  bool any = false;
  all.each([&](const auto& p) { any = any || adapts(p, s); });
  return any;
}
/// The numbers of a weight of any kind, on the host.
template <Backend B, class W> std::vector<double> host_of(B& b, const W& w) {
  if constexpr (requires { w.dense(b); })
    return w.dense(b).template host<double>(b);
  else if constexpr (requires { w.value; })
    return w.value.template host<double>(b);
  else
    return w.template host<double>(b);
}
/// The update of the weight that is called `name`, or null; its shape must be the weight's.
template <Backend B>
const MasterTensor<B>* update_of(const Updates<B>& all, const std::string& name, Shape shape) {
  constexpr std::string_view suffix = ".weight";
  if (!name.ends_with(suffix)) return nullptr;
  const auto it = all.find(name.substr(0, name.size() - suffix.size()));
  if (it == all.end()) return nullptr;
  expects_shape("merge", ("the update of " + it->first).c_str(), it->second.shape(), shape);
  return &it->second;
}
/// Every update must have its weight.
template <Backend B, class Model> void check_updates(const Model& model, const Updates<B>& all) {
  std::size_t found = 0;
  model.for_each_weight([&](const std::string& name, const auto& w) {
    found += update_of(all, name, {w.rows(), w.cols()}) != nullptr ? 1 : 0;
  });
  std::string names;
  for (const auto& [path, delta] : all) names += (names.empty() ? "" : ", ") + path + ".weight";
  expects(found == all.size(), "merge: the model has ", found, " of the ", all.size(), " weights to update (",
          names, ")");
}
}  // namespace detail

template <Backend B, class Model, class P>
[[nodiscard]] Updates<B> updates_of(B& b, const Model& model, P& policy) {
  Updates<B> all;
  model.for_each_site([&](const SiteInfo& s, const WeightView<B>& w) {
    if (detail::adapts(policy, s)) all.emplace(s.path, delta_weight(b, policy, s, w));
  });
  return all;
}

/// A source of weights (nn::Source) for the constructor of a model: those of `model` plus `sign` times their
/// updates, added in double and rounded to float once. Refers to `model` and `all`.
template <Backend B, class Model>
[[nodiscard]] auto merged_source(B& b, const Model& model, const Updates<B>& all, double sign = 1) {
  detail::check_updates(model, all);
  return [&b, &model, &all, sign](const std::string& wanted, Shape shape) {
    std::vector<float> out;
    model.for_each_weight([&](const std::string& name, const auto& w) {
      if (name != wanted) return;
      expects_shape("merge", name.c_str(), {w.rows(), w.cols()}, shape);
      std::vector<double> host = detail::host_of(b, w);
      if (const auto* delta = detail::update_of(all, name, shape)) {
        const auto d = delta->template host<double>(b);
        for (std::size_t i = 0; i < host.size(); ++i) host[i] += sign * d[i];
      }
      out.assign(host.begin(), host.end());
    });
    expects(!out.empty(), "merge: the model has no weight called ", wanted);
    return out;
  };
}
/// A new model of the same type, its weights the merged ones; `model` stays as it is.
template <Backend B, class Model>
[[nodiscard]] Model merged(B& b, const Model& model, const Updates<B>& all) {
  return Model(b, model.config(), merged_source(b, model, all));
}
/// The model that was merged from, to rounding; the updates are those of then.
template <Backend B, class Model>
[[nodiscard]] Model unmerged(B& b, const Model& model, const Updates<B>& all) {
  return Model(b, model.config(), merged_source(b, model, all, -1));
}

/// In place and in full precision, where the weights are parameters: w <- w + sign delta W.
template <Backend B, class Model>
void merge_into(B& b, Model& model, const Updates<B>& all, double sign = 1) {
  using M = typename B::master;
  detail::check_updates(model, all);
  std::size_t updated = 0;
  model.for_each_parameter([&](Parameter<B>& p) {
    const auto* delta = detail::update_of(all, p.name, p.shape());
    if (delta == nullptr) return;
    b.map(p.value.size(), lorica::fn::Axpy<M>{M(sign)}, p.value.data(), delta->data(), p.value.cref().data);
    ++updated;
  });
  expects(updated == all.size(), "merge_into: ", updated, " of ", all.size(),
          " weights are parameters; a frozen weight is never written: use merged()");
}
template <Backend B, class Model> void unmerge_from(B& b, Model& model, const Updates<B>& all) {
  merge_into(b, model, all, -1);
}

}  // namespace lorica::adapt
