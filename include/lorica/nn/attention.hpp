// SPDX-License-Identifier: MIT
/// @file lorica/nn/attention.hpp
/// Self-attention policies of a block: q, k, v, o are four sites.
#pragma once

#include <lorica/autograd/attention_ops.hpp>
#include <lorica/nn/batch.hpp>
#include <lorica/nn/linear.hpp>

namespace lorica::nn {

/// No positions in attention: the model adds learned ones to its embedding (GPT-2, BERT).
struct Unrotated {
  template <Backend B> struct state {
    Var<B> operator()(const Var<B>& x, const Ragged<B>&) const { return x; }
  };
  template <Backend B> state<B> make(B&, index_t) const { return {}; }
};
/// Rotary positions (Llama, Qwen): frequency_j = base^(-2j / head_dim).
struct Rotary {
  double base = 10000;
  template <Backend B> struct state {
    MasterTensor<B> frequency;
    Var<B> operator()(const Var<B>& x, const Ragged<B>& where) const { return rotary(x, where, frequency); }
  };
  template <Backend B> state<B> make(B& b, index_t head_dim) const {
    expects(head_dim % 2 == 0, "rotary positions: the head dimension is ", head_dim,
            ", expected an even number");
    std::vector<double> f(static_cast<std::size_t>(head_dim / 2));
    for (std::size_t j = 0; j < f.size(); ++j) f[j] = std::pow(base, -2.0 * double(j) / double(head_dim));
    return {MasterTensor<B>(b, 1, head_dim / 2, f)};
  }
};

/// softmax(q k^T / sqrt(head_dim)) v with grouped key/value heads.
template <class Positions> struct SelfAttention {
  index_t heads = 1;
  index_t kv_heads = 1;
  bool causal = true;
  bool bias = false;
  Positions positions = {};

  template <class W> struct weights {
    using B = backend_of<W>;
    AttentionShape shape;
    Linear<W> q, k, v, o;
    typename Positions::template state<B> positions;

    /// x [n, d] -> [n, d]
    template <class P> Var<B> operator()(const Var<B>& x, const Batch<B>& batch, P& policy) const {
      const auto& where = batch.where;
      const Var<B> queries = positions(q(x, where.offsets, policy), where);
      const Var<B> keys = positions(k(x, where.offsets, policy), where);
      const Var<B> values = v(x, where.offsets, policy);
      return o(attention(queries, keys, values, where, shape), where.offsets, policy);
    }
    template <class F> void for_each_linear(F&& f) const {
      f(q);
      f(k);
      f(v);
      f(o);
    }
  };
  template <class W>
  weights<W> make(backend_of<W>& b, const Source& from, SiteCounter& site, index_t layer,
                  index_t width) const {
    expects(heads > 0 && width % heads == 0, "attention: a width of ", width, " does not divide into ", heads,
            " heads");
    expects(kv_heads > 0 && heads % kv_heads == 0, "attention: ", heads, " heads cannot share ", kv_heads,
            " key/value heads");
    const index_t dim = width / heads;
    const auto linear = [&](Role role, index_t in, index_t out) {
      return make_linear<W>(b, from, site(layer, role, in, out), bias);
    };
    const AttentionShape s{heads, kv_heads, dim, causal, 1.0 / std::sqrt(double(dim))};
    auto q = linear(Role::query, width, width), k = linear(Role::key, width, kv_heads * dim),
         v = linear(Role::value, width, kv_heads * dim);
    return {s,
            std::move(q),
            std::move(k),
            std::move(v),
            linear(Role::output, width, width),
            positions.make(b, dim)};
  }
};

}  // namespace lorica::nn
