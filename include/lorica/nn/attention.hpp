// SPDX-License-Identifier: MIT
/// @file lorica/nn/attention.hpp
/// Self-attention as a policy of a block. An attention policy is made once a layer (weights) and once for the
/// stack (shared: what all layers have in common, such as positions). Called, it answers what its output
/// linear `o` reads; the block calls that, on the rows that are read.
#pragma once

#include <lorica/autograd/shape_ops.hpp>
#include <lorica/nn/batch.hpp>
#include <lorica/nn/linear.hpp>
#include <lorica/nn/norm.hpp>
#include <lorica/nn/positions.hpp>

namespace lorica::nn {

/// Queries, keys and values each by a linear of their own: three sites.
struct Separate {
  template <class W> struct weights {
    using B = backend_of<W>;
    Linear<W> q, k, v;
    /// x [n, d] -> q [n, heads dim], k and v [n, kv_heads dim]
    template <class P>
    std::array<Var<B>, 3> operator()(const Var<B>& x, std::span<const index_t> offsets, P& policy) const {
      return side_by_side(x, offsets, policy, q, k, v);
    }
    template <class F> void for_each_linear(F&& f) const {
      f(q);
      f(k);
      f(v);
    }
  };
  template <class W>
  static weights<W> make(backend_of<W>& b, const Source& from, SiteCounter& site, index_t layer,
                         index_t width, index_t queries, index_t keys, bool bias) {
    auto q = make_linear<W>(b, from, site(layer, Role::query, width, queries), bias);
    auto k = make_linear<W>(b, from, site(layer, Role::key, width, keys), bias);
    return {std::move(q), std::move(k), make_linear<W>(b, from, site(layer, Role::value, width, keys), bias)};
  }
};
/// All three by one linear, its rows those of q, then k, then v: one site (GPT-2).
struct Fused {
  template <class W> struct weights {
    using B = backend_of<W>;
    Linear<W> qkv;
    index_t queries, keys;
    template <class P>
    std::array<Var<B>, 3> operator()(const Var<B>& x, std::span<const index_t> offsets, P& policy) const {
      const Var<B> all = qkv(x, offsets, policy);
      return {columns(all, 0, queries), columns(all, queries, keys), columns(all, queries + keys, keys)};
    }
    template <class F> void for_each_linear(F&& f) const { f(qkv); }
  };
  template <class W>
  static weights<W> make(backend_of<W>& b, const Source& from, SiteCounter& site, index_t layer,
                         index_t width, index_t queries, index_t keys, bool bias) {
    return {make_linear<W>(b, from, site(layer, Role::qkv, width, queries + 2 * keys), bias), queries, keys};
  }
};

/// softmax(q k^T / sqrt(head_dim)) v with grouped key/value heads; o is a site.
template <class Positions, class Projections> struct SelfAttention {
  index_t heads = 1;
  index_t kv_heads = 1;
  index_t head_dim = 0;  // 0: width / heads
  bool causal = true;
  bool bias = false;                      // of q, k and v
  bool output_bias = false;               // of o
  index_t window = 0;                     // rows that a row sees, itself included; 0: all before it
  index_t window_from = 0;                // the layers before this one see all
  std::optional<RmsNorm> head_norm = {};  // of every head of q and k, before positions (Qwen3)
  Positions positions = {};

  /// Whether what a row says of itself stays true of it when more rows follow.
  [[nodiscard]] bool continues() const { return causal; }

  template <class W> struct weights {
    using B = backend_of<W>;
    index_t layer;
    AttentionShape shape;
    typename Projections::template weights<W> projections;
    std::optional<RmsNorm::weights<W>> q_norm, k_norm;
    Linear<W> o;

    /// x [n, d] -> [n, heads dim], before o. Rows of a past are seen as if they stood before those of x.
    template <class P>
    Var<B> operator()(const Var<B>& x, const Batch<B>& batch,
                      const typename Positions::template state<B>& turned, P& policy) const {
      const auto& where = batch.where;
      auto [q, k, v] = projections(x, where.offsets, policy);
      if (q_norm) q = (*q_norm)(q);
      if (k_norm) k = (*k_norm)(k);
      q = turned(q, where);
      k = turned(k, where);
      if (batch.past == nullptr) return attention(q, k, v, where, shape);
      const auto [keys, values] = batch.past->append(layer, where.before, k, v);
      return attention(q, keys, values, where, shape);
    }
    template <class F> void for_each_linear(F&& f) const {
      projections.for_each_linear(f);
      f(o);
    }
    template <class F> void for_each_weight(F&& f) const {
      for_each_linear([&](const auto& l) { l.for_each_weight(f); });
      if (q_norm) q_norm->for_each_weight(f);
      if (k_norm) k_norm->for_each_weight(f);
    }
  };
  template <class W>
  weights<W> make(backend_of<W>& b, const Source& from, SiteCounter& site, index_t layer,
                  index_t width) const {
    const index_t dim = dim_of(width);
    expects(kv_heads > 0 && heads % kv_heads == 0, "attention: ", heads, " heads cannot share ", kv_heads,
            " key/value heads");
    const AttentionShape s{
        heads, kv_heads, dim, causal, 1.0 / std::sqrt(double(dim)), layer >= window_from ? window : 0};
    auto projections =
        Projections::template make<W>(b, from, site, layer, width, heads * dim, kv_heads * dim, bias);
    weights<W> w{
        layer, s,  std::move(projections),
        {},    {}, make_linear<W>(b, from, site(layer, Role::output, heads * dim, width), output_bias)};
    if (head_norm) {
      w.q_norm = head_norm->template make<W>(b, from, message("blocks.", layer, ".q_norm"), dim);
      w.k_norm = head_norm->template make<W>(b, from, message("blocks.", layer, ".k_norm"), dim);
    }
    return w;
  }

  template <class W> struct shared {
    using B = backend_of<W>;
    typename Positions::template state<B> positions;
    /// What every layer of one forward pass is given.
    const auto& begin(Tape<B>&, const Batch<B>&) const { return positions; }
    template <class F> void for_each_weight(F&&) const {}
  };
  template <class W> shared<W> make_shared(backend_of<W>& b, const Source&, index_t width) const {
    return {positions.make(b, dim_of(width))};
  }

 private:
  [[nodiscard]] index_t dim_of(index_t width) const {
    expects(heads > 0 && (head_dim > 0 || width % heads == 0), "attention: a width of ", width,
            " does not divide into ", heads, " heads");
    return head_dim > 0 ? head_dim : width / heads;
  }
};

}  // namespace lorica::nn
