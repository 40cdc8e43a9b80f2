// SPDX-License-Identifier: MIT
/// @file lorica/nn/block.hpp
/// A transformer block out of four policies.
#pragma once

#include <lorica/nn/attention.hpp>
#include <lorica/nn/feed_forward.hpp>
#include <lorica/nn/norm.hpp>

namespace lorica::nn {

/// r' = r + f(norm_1(r)), then r' + g(norm_2(r')): GPT-2, Llama. The residual stream stays in the master type
/// from embedding to head. `left`: the rows of the stream that f answers for.
struct PreNorm {
  static constexpr bool final_norm = true;
  template <Backend B, class Norm, class F, class G, class Left>
  MasterVar<B> operator()(MasterVar<B> r, const Norm& norm_1, F f, const Norm& norm_2, G g, Left left) const {
    const Var<B> y = f(norm_1(r));
    auto [sum, x] = norm_2.of_sum(left(std::move(r)), y);
    const Var<B> z = g(std::exchange(x, {}));
    return add(std::move(sum), z);
  }
};
/// r' = norm_1(r + f(r)), then norm_2(r' + g(r')): BERT.
struct PostNorm {
  static constexpr bool final_norm = false;
  template <Backend B, class Norm, class F, class G, class Left>
  MasterVar<B> operator()(MasterVar<B> r, const Norm& norm_1, F f, const Norm& norm_2, G g, Left left) const {
    using T = typename B::scalar;
    using M = typename B::master;
    const Var<B> y = f(cast<T>(r));
    r = norm_1.template of_sum<M>(left(std::move(r)), y).second;
    const Var<B> z = g(cast<T>(r));
    return norm_2.template of_sum<M>(std::move(r), z).second;
  }
};

/// Nothing stands beside the first block.
struct Alone {};

/// Norm and attention, norm and feed-forward, joined to the residual stream as Residual says. The object is
/// the configuration; weights<W> is one layer of it. What stands Beside the first block, where there is such
/// a thing, is given what entered that block and what left it (DeBERTa-v2's convolution).
template <class Norm, class Attention, class FeedForward, class Residual, class Beside> struct Block {
  using norm_type = Norm;
  using residual_type = Residual;
  using beside_type = Beside;
  Norm norm = {};
  Attention attention = {};
  FeedForward feed_forward = {};
  std::optional<Beside> beside = {};

  template <class W> struct weights {
    using B = backend_of<W>;
    typename Norm::template weights<W> norm_1;
    typename Attention::template weights<W> attention;
    typename Norm::template weights<W> norm_2;
    typename FeedForward::template weights<W> feed_forward;

    /// `shared`: what the attention's shared part began this pass with. With `read`, only these rows leave:
    /// attention is where rows meet, so the others end before its output.
    template <class C, class P>
    MasterVar<B> operator()(MasterVar<B> r, const Batch<B>& batch, const C& shared, P& policy,
                            const RowsRead<B>* read = nullptr) const {
      const auto left = [read](auto v) { return read == nullptr ? std::move(v) : rows(v, read->which); };
      const std::span<const index_t> offsets = (read == nullptr ? batch.where : read->where).offsets;
      return Residual{}(
          std::move(r), norm_1,
          [&](const Var<B>& x) {
            return attention.o(left(attention(x, batch, shared, policy)), offsets, policy);
          },
          norm_2, [&](const Var<B>& x) { return feed_forward(x, offsets, policy); }, left);
    }
    template <class F> void for_each_linear(F&& f) const {
      attention.for_each_linear(f);
      feed_forward.for_each_linear(f);
    }
    template <class F> void for_each_weight(F&& f) const {
      norm_1.for_each_weight(f);
      norm_2.for_each_weight(f);
      attention.for_each_weight(f);
      feed_forward.for_each_linear([&](const auto& l) { l.for_each_weight(f); });
    }
  };
  /// What all layers have in common.
  template <class W> using shared = typename Attention::template shared<W>;
  template <class W> shared<W> make_shared(backend_of<W>& b, const Source& from, index_t width) const {
    return attention.template make_shared<W>(b, from, width);
  }
  template <class W>
  weights<W> make(backend_of<W>& b, const Source& from, SiteCounter& site, index_t layer,
                  index_t width) const {
    const std::string path = message("blocks.", layer);
    auto n1 = norm.template make<W>(b, from, path + ".norm_1", width);
    auto att = attention.template make<W>(b, from, site, layer, width);
    auto n2 = norm.template make<W>(b, from, path + ".norm_2", width);
    return {std::move(n1), std::move(att), std::move(n2),
            feed_forward.template make<W>(b, from, site, layer, width)};
  }
};

}  // namespace lorica::nn
