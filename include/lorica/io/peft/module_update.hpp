// SPDX-License-Identifier: MIT
/// @file lorica/io/peft/module_update.hpp
/// What adapters do to each module, on the host in double: what a folder is written from.
#pragma once

#include <lorica/adapt/attach.hpp>
#include <lorica/io/json_value.hpp>
#include <lorica/io/peft/module.hpp>

#include <map>
#include <stdexcept>

namespace lorica::io::peft {

/// s B diag(e) A at one module; its directions are those that are left.
struct ModuleUpdate {
  Module module;
  HostMatrix a;                        // [q, k]
  HostMatrix b;                        // [m, q]
  std::vector<double> e = {};          // [q]; empty where the update is B A
  std::vector<double> magnitude = {};  // [m], of DoRA
  std::vector<double> bias = {};       // [m], scaled by s as B A is
  double scale = 1;                    // s
  std::vector<bool> kept = {};         // of the directions there were at the start; q of them
  [[nodiscard]] index_t rank() const { return a.rows; }
};

namespace detail {

/// The masks of a run's allocator by ordinal; none before a cut, or where the groups are not the placement's
/// (a second run on what a first one left).
template <Backend B, class M>
std::map<index_t, std::vector<bool>> masks_of(const adapt::Adapted<B, M>& adapted) {
  std::map<index_t, std::vector<bool>> out;
  if constexpr (adapt::Adapted<B, M>::moves) {
    const auto& allocator = adapted.allocator();
    if (!allocator || !allocator->last()) return out;
    const auto& start = adapted.placement().rank;
    std::size_t group = 0;
    try {
      for (std::size_t i = 0; i < start.size(); ++i) {
        if (start[i] == 0) continue;
        const auto host = allocator->kept(group++).template host<double>(adapted.backend());
        if (static_cast<index_t>(host.size()) != start[i]) return {};
        for (const double x : host) out[static_cast<index_t>(i)].push_back(x != 0);
      }
    } catch (const std::out_of_range&) {
      return {};
    }
  }
  return out;
}

template <Backend B> HostMatrix host_of(B& b, const MasterTensor<B>& t) {
  return {t.rows(), t.cols(), t.template host<double>(b)};
}
/// [x, sign y] and [x; y].
inline HostMatrix beside(const HostMatrix& x, const HostMatrix& y, double sign) {
  HostMatrix out(x.rows, x.cols + y.cols);
  for (index_t i = 0; i < x.rows; ++i) {
    std::copy_n(x.row(i), x.cols, out.row(i));
    std::transform(y.row(i), y.row(i) + y.cols, out.row(i) + x.cols, [sign](double v) { return sign * v; });
  }
  return out;
}
inline HostMatrix above(HostMatrix x, const HostMatrix& y) {
  x.values.insert(x.values.end(), y.values.begin(), y.values.end());
  return {x.rows + y.rows, x.cols, std::move(x.values)};
}

template <Backend B> ModuleUpdate factors_of(B& b, const adapt::LowRank::factors<B>& f) {
  return {{}, host_of(b, f.a.value), host_of(b, f.b.value)};
}
template <Backend B> ModuleUpdate factors_of(B& b, const adapt::Svd::factors<B>& f) {
  return {{}, host_of(b, f.q.value), host_of(b, f.p.value), f.lambda.value.template host<double>(b)};
}

/// Whether direction i does anything.
inline bool sounds(const ModuleUpdate& u, index_t i) {
  if (!u.e.empty()) return u.e[static_cast<std::size_t>(i)] != 0;
  for (index_t j = 0; j < u.b.rows; ++j)
    if (u.b(j, i) != 0) return true;
  return false;
}
/// The directions of `u` whose flag is set, in order.
inline void shrink(ModuleUpdate& u, const std::vector<bool>& keep) {
  ModuleUpdate out{u.module, {}, HostMatrix(u.b.rows, static_cast<index_t>(std::ranges::count(keep, true)))};
  out.a = HostMatrix(out.b.cols, u.a.cols);
  index_t at = 0;
  for (index_t i = 0; i < u.rank(); ++i) {
    if (!keep[static_cast<std::size_t>(i)]) continue;
    std::copy_n(u.a.row(i), u.a.cols, out.a.row(at));
    for (index_t j = 0; j < u.b.rows; ++j) out.b(j, at) = u.b(j, i);
    if (!u.e.empty()) out.e.push_back(u.e[static_cast<std::size_t>(i)]);
    ++at;
  }
  u.a = std::move(out.a);
  u.b = std::move(out.b);
  u.e = std::move(out.e);
}
/// Removes what a mask has switched off and what has not moved since: between two cuts of an interval a
/// direction that is off still trains, and what it does then must not be lost.
inline void shrink_to_mask(ModuleUpdate& u, const std::vector<bool>& mask) {
  u.kept = mask;
  const auto left = std::ranges::count(mask, true);
  if (static_cast<std::size_t>(u.rank()) != mask.size()) {  // already gone: only where it was is told
    if (left != u.rank()) u.kept.assign(static_cast<std::size_t>(u.rank()), true);
    return;
  }
  for (std::size_t i = 0; i < mask.size(); ++i) u.kept[i] = mask[i] || sounds(u, static_cast<index_t>(i));
  // A magnitude or a bias needs a module to stand at, and that one direction.
  if (std::ranges::count(u.kept, true) == 0 && (!u.magnitude.empty() || !u.bias.empty())) u.kept[0] = true;
  shrink(u, u.kept);
}

template <Backend B, class State> ModuleUpdate update_of(B& b, const State& st) {
  ModuleUpdate u = factors_of(b, st.factors);
  if constexpr (requires { st.held.a; }) {  // B A - B0 A0 = [B, -B0] [A; A0]
    u.a = above(std::move(u.a), host_of(b, st.held.a));
    u.b = beside(u.b, host_of(b, st.held.b), -1);
  }
  if constexpr (requires { st.magnitude; }) u.magnitude = st.magnitude.value.template host<double>(b);
  if constexpr (requires { st.bias; }) u.bias = st.bias.value.template host<double>(b);
  u.scale = st.scale;
  return u;
}

}  // namespace detail

/// The modules of all sites, by ordinal; two sites at one module are an error.
template <class Model> std::vector<Module> modules_of(const Model& model, const ModuleOf& module_of) {
  std::vector<Module> out;
  std::map<std::string, std::string> sites;
  model.for_each_site([&](const SiteInfo& s, const auto&) {
    out.push_back(module_of(s));
    const auto [at, fresh] = sites.emplace(out.back().path, s.path);
    expects(fresh && !out.back().path.empty(), "peft: the sites ", at->second, " and ", s.path,
            " are both called ", json::quote(out.back().path), ", expected a module for every site");
  });
  return out;
}

/// All that is attached, in the order of the sites, together with sites that a budget has emptied (rank 0). A
/// start whose B A is not 0 is written into the update, whose rank is then twice as high.
template <Backend B, class M>
std::vector<ModuleUpdate> updates_of(const adapt::Adapted<B, M>& adapted, const std::vector<SiteInfo>& sites,
                                     const std::vector<Module>& modules) {
  const auto masks = detail::masks_of(adapted);
  const auto& slots = adapted.slots();
  std::vector<ModuleUpdate> out;
  for (const SiteInfo& s : sites) {
    const auto i = static_cast<std::size_t>(s.ordinal);
    if (adapted.placement().rank[i] == 0) continue;
    const auto slot = std::ranges::find(slots, s.ordinal, [](const auto& x) { return x.site.ordinal; });
    ModuleUpdate u{{}, HostMatrix(0, s.in), HostMatrix(s.out, 0)};
    if (slot != slots.end()) u = detail::update_of(adapted.backend(), slot->state);
    u.module = modules[i];
    if (masks.contains(s.ordinal))
      detail::shrink_to_mask(u, masks.at(s.ordinal));
    else
      u.kept.assign(static_cast<std::size_t>(u.rank()), true);
    out.push_back(std::move(u));
  }
  return out;
}

}  // namespace lorica::io::peft
