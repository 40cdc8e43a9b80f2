// SPDX-License-Identifier: MIT
/// @file lorica/nn/linear.hpp
/// y = x W^T + b, asking the site policy in between.
#pragma once

#include <lorica/nn/weights.hpp>

#include <algorithm>
#include <array>
#include <optional>

namespace lorica::nn {

/// A site of a block: its weight [out, in], its bias [1, out] or none, and where it is.
template <class W> struct Linear {
  using B = backend_of<W>;
  SiteInfo site;
  matrix_of<W> weight;
  std::optional<vector_of<W>> bias;

  /// x [n, in] -> [n, out]
  template <class P> Var<B> operator()(const Var<B>& x, std::span<const index_t> offsets, P& policy) const {
    return at_site(site, x, weight, bias ? &*bias : nullptr, offsets, policy);
  }
  /// f of that, in one operation where f has one.
  template <class F, class P>
  Var<B> then(const F& f, const Var<B>& x, std::span<const index_t> offsets, P& policy) const {
    return at_site_then(f, site, x, weight, bias ? &*bias : nullptr, offsets, policy);
  }
  [[nodiscard]] SiteWeight<matrix_of<W>, vector_of<W>> as_site() const {
    return {site, weight, bias ? &*bias : nullptr};
  }
  /// f(name, weight) for every weight.
  template <class F> void for_each_weight(F&& f) const {
    f(site.path + ".weight", weight);
    if (bias) f(site.path + ".bias", *bias);
  }
};

/// Several linears of the same x [n, in] -> one [n, out_i] each
template <class W, class P, class... L>
std::array<Var<backend_of<W>>, 1 + sizeof...(L)> side_by_side(const Var<backend_of<W>>& x,
                                                              std::span<const index_t> offsets, P& policy,
                                                              const Linear<W>& first, const L&... others) {
  using Site = SiteWeight<matrix_of<W>, vector_of<W>>;
  const Site sites[] = {first.as_site(), others.as_site()...};
  auto y = at_sites(x, std::span<const Site>(sites), offsets, policy);
  std::array<Var<backend_of<W>>, 1 + sizeof...(L)> out;
  std::ranges::move(y, out.begin());
  return out;
}

/// Numbers sites as a model is built, in its own order.
struct SiteCounter {
  index_t next = 0;
  SiteInfo operator()(index_t layer, Role role, index_t in, index_t out) {
    return {next++, layer, role, in, out, message("blocks.", layer, '.', name_of(role))};
  }
};

template <class W>
Linear<W> make_linear(backend_of<W>& b, const Source& from, const SiteInfo& site, bool bias) {
  Linear<W> l{site, make<matrix_of<W>>(b, from, site.path + ".weight", site.out, site.in), {}};
  if (bias) l.bias = make<vector_of<W>>(b, from, site.path + ".bias", 1, site.out);
  return l;
}

}  // namespace lorica::nn
