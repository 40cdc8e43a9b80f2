// SPDX-License-Identifier: MIT
/// @file lorica/nn/linear.hpp
/// y = x W^T + b, asking the site policy in between.
#pragma once

#include <lorica/nn/weights.hpp>

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
  /// f(name, weight) for every weight.
  template <class F> void for_each_weight(F&& f) const {
    f(site.path + ".weight", weight);
    if (bias) f(site.path + ".bias", *bias);
  }
};

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
