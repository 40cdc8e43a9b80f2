// SPDX-License-Identifier: MIT
/// @file lorica/nn/disentangled_attention.hpp
/// DeBERTa's attention as a policy of a block: q, k, v, o are four sites, and all layers read one table of
/// relative positions, through q and k themselves or through two sites more.
#pragma once

#include <lorica/autograd/disentangled_ops.hpp>
#include <lorica/nn/batch.hpp>
#include <lorica/nn/linear.hpp>
#include <lorica/nn/norm.hpp>

#include <array>

namespace lorica::nn {

/// softmax of content with content, content with position (q with the keys of the table) and position with
/// content (k with the queries of the table), over the root of head_dim times the number of terms.
/// DeBERTa-v2 and v3, He et al. 2021. Every linear has a bias.
struct DisentangledAttention {
  index_t heads = 1;
  RelativePositions positions = {.buckets = 256, .longest = 512};
  bool content_to_position = true;
  bool position_to_content = true;
  /// The table goes through q and k of each layer, which are then met twice in a forward pass; else through
  /// pos_q and pos_k.
  bool share_projections = true;
  bool table_norm = true;
  double eps = 1e-7;  // of the table's norm

  [[nodiscard]] bool reads_table() const { return content_to_position || position_to_content; }
  /// Whether a site is met more than once in a forward pass: once with all sequences, once with the table.
  [[nodiscard]] bool meets_sites_again() const { return share_projections && reads_table(); }

  /// What the layers share in one forward pass.
  template <Backend B> struct context {
    std::shared_ptr<const RelativeRows<B>> rows;
    std::optional<Var<B>> table = {};       // the rows in reach, normalised, [rows->count(), width]
    std::span<const index_t> offsets = {};  // the table's rows as one sequence
  };

  /// The table [2 span, width], made once for the stack.
  template <class W> struct shared {
    using B = backend_of<W>;
    RelativePositions positions;
    std::optional<table_of<W>> table;
    std::optional<LayerNorm::weights<W>> norm;
    std::vector<std::array<index_t, 2>> offsets;  // {0, n} at n: a policy may keep them as long as the tape

    /// Only the rows that the longest sequence reaches are taken from the table.
    context<B> begin(Tape<B>& tape, const Batch<B>& batch) const {
      index_t longest = 1;
      for (std::size_t s = 0; s + 1 < batch.where.offsets.size(); ++s)
        longest = std::max(longest, batch.where.offsets[s + 1] - batch.where.offsets[s]);
      const auto rows = std::make_shared<const RelativeRows<B>>(tape.backend(), positions, longest);
      if (!table) return {rows};
      const auto some = table_rows(operand(tape, *table), rows->low(), rows->count());
      return {rows, norm ? (*norm)(some) : cast<typename B::scalar>(some),
              offsets[static_cast<std::size_t>(rows->count())]};
    }
    template <class F> void for_each_weight(F&& f) const {
      if (table) f(std::string("relative.weight"), *table);
      if (norm) norm->for_each_weight(f);
    }
  };
  template <class W> shared<W> make_shared(backend_of<W>& b, const Source& from, index_t width) const {
    positions.validate();
    shared<W> s{positions, {}, {}, {}};
    if (!reads_table()) return s;
    s.table = nn::make<table_of<W>>(b, from, "relative.weight", 2 * positions.span(), width);
    if (table_norm) s.norm = LayerNorm{eps}.make<W>(b, from, "relative.norm", width);
    for (index_t n = 0; n <= 2 * positions.span(); ++n) s.offsets.push_back({0, n});
    return s;
  }

  template <class W> struct weights {
    using B = backend_of<W>;
    DisentangledShape shape;
    bool content_to_position, position_to_content;
    Linear<W> q, k, v, o;
    std::optional<Linear<W>> pos_k, pos_q;
    /// q and k where the table meets them: the same sites by another path, which keys what is drawn there.
    SiteInfo q_again, k_again;

    /// x [n, d] -> [n, d], before o
    template <class P>
    Var<B> operator()(const Var<B>& x, const Batch<B>& batch, const context<B>& c, P& policy) const {
      const auto& where = batch.where;
      const Var<B> queries = q(x, where.offsets, policy);
      const Var<B> keys = k(x, where.offsets, policy);
      const Var<B> values = v(x, where.offsets, policy);
      std::optional<Var<B>> table_keys, table_queries;
      if (content_to_position) table_keys = of_table(pos_k, k, k_again, c, policy);
      if (position_to_content) table_queries = of_table(pos_q, q, q_again, c, policy);
      return disentangled_attention(queries, keys, values, table_keys, table_queries, where, c.rows, shape);
    }
    template <class F> void for_each_linear(F&& f) const {
      f(q);
      f(k);
      f(v);
      f(o);
      if (pos_k) f(*pos_k);
      if (pos_q) f(*pos_q);
    }
    template <class F> void for_each_weight(F&& f) const {
      for_each_linear([&](const auto& l) { l.for_each_weight(f); });
    }

   private:
    template <class P>
    static Var<B> of_table(const std::optional<Linear<W>>& own, const Linear<W>& met, const SiteInfo& again,
                           const context<B>& c, P& policy) {
      if (own) return (*own)(*c.table, c.offsets, policy);
      return at_site(again, *c.table, met.weight, met.bias ? &*met.bias : nullptr, c.offsets, policy);
    }
  };
  template <class W>
  weights<W> make(backend_of<W>& b, const Source& from, SiteCounter& site, index_t layer,
                  index_t width) const {
    expects(heads > 0 && width % heads == 0, "attention: a width of ", width, " does not divide into ", heads,
            " heads");
    const index_t dim = width / heads,
                  terms = 1 + (content_to_position ? 1 : 0) + (position_to_content ? 1 : 0);
    const auto linear = [&](SiteInfo s) { return make_linear<W>(b, from, s, true); };
    const auto own = [&](const char* name) {
      return SiteInfo{site.next++, layer, Role::other, width, width, message("blocks.", layer, '.', name)};
    };
    auto q = linear(site(layer, Role::query, width, width)), k = linear(site(layer, Role::key, width, width)),
         v = linear(site(layer, Role::value, width, width)),
         o = linear(site(layer, Role::output, width, width));
    SiteInfo q_again = q.site, k_again = k.site;
    q_again.path += ".relative";
    k_again.path += ".relative";
    weights<W> w{{heads, dim, 1.0 / std::sqrt(double(dim * terms))},
                 content_to_position,
                 position_to_content,
                 std::move(q),
                 std::move(k),
                 std::move(v),
                 std::move(o),
                 {},
                 {},
                 std::move(q_again),
                 std::move(k_again)};
    if (!share_projections && content_to_position) w.pos_k = linear(own("pos_k"));
    if (!share_projections && position_to_content) w.pos_q = linear(own("pos_q"));
    return w;
  }
};

}  // namespace lorica::nn
