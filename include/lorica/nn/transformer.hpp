// SPDX-License-Identifier: MIT
/// @file lorica/nn/transformer.hpp
/// Embedding, blocks, and what is read off the last row of states. The model is const and knows nothing of
/// adapters: forward takes the policy.
#pragma once

#include <lorica/autograd/recomputed.hpp>
#include <lorica/nn/block.hpp>

namespace lorica::nn {

/// The shape of a transformer around its blocks.
template <class BlockType> struct TransformerConfig {
  index_t vocabulary = 256;
  index_t width = 64;
  index_t layers = 2;
  index_t positions = 256;         // longest sequence
  bool learned_positions = false;  // added to the embedding; else the attention has its own
  index_t types = 0;               // segments with an embedding of their own, added as well (BERT)
  bool embedding_norm = false;     // BERT normalises its embedding
  bool tied = true;                // the head of the language model is the embedding
  BlockType block = {};
};

namespace detail {
/// The weights of what stands beside the first block; nothing, for what has none.
template <class Beside, class W> struct BesideOf { using type = typename Beside::template weights<W>; };
template <class W> struct BesideOf<Alone, W> { using type = Alone; };

/// What all blocks share, for as long as a tape may ask: what was made for one pass is taken over, what the
/// model owns is referred to.
template <class T> std::shared_ptr<const T> held(const T& t) {
  return std::shared_ptr<const T>(std::shared_ptr<const void>(), &t);
}
template <class T>
  requires(!std::is_reference_v<T>)
std::shared_ptr<const T> held(T&& t) { return std::make_shared<const T>(std::move(t)); }
}  // namespace detail

/// A stack of blocks over token ids: a causal language model or an encoder, by what its attention masks. The
/// head of the language model is the embedding itself where they are tied. Weight is Frozen<B> or
/// Parameter<B>.
template <Backend B, class BlockType, class Weight> class Transformer {
 public:
  using backend = B;
  using block_type = BlockType;
  using weight_type = Weight;
  using config_type = TransformerConfig<BlockType>;
  using W = Weight;
  using T = typename B::scalar;

  Transformer(B& b, const config_type& c, const Source& from)
      : config_(c), embedding_(make<table_of<W>>(b, from, "embedding.weight", c.vocabulary, c.width)) {
    expects(c.vocabulary > 0 && c.width > 0 && c.layers > 0 && c.positions > 0, "Transformer: vocabulary ",
            c.vocabulary, ", width ", c.width, ", layers ", c.layers, ", positions ", c.positions,
            "; all must be above 0");
    if (!c.tied)
      head_ = make<matrix_of<W>>(b, from, "head.weight", c.vocabulary, c.width);
    else if constexpr (!Kind<W>::trains)
      // Shares the table's numbers with the head, through a second packed copy only where packing moves them.
      head_ = Frozen<B>(b, embedding_.ref(), std::shared_ptr<const void>());
    if (c.types > 0) types_ = make<table_of<W>>(b, from, "types.weight", c.types, c.width);
    if (c.learned_positions)
      positions_ = make<table_of<W>>(b, from, "positions.weight", c.positions, c.width);
    if (c.embedding_norm) embedding_norm_ = c.block.norm.template make<W>(b, from, "embedding.norm", c.width);
    shared_.emplace(c.block.template make_shared<W>(b, from, c.width));
    SiteCounter site;
    for (index_t l = 0; l < c.layers; ++l)
      blocks_.push_back(c.block.template make<W>(b, from, site, l, c.width));
    if constexpr (with_beside)
      if (c.block.beside) beside_.emplace(c.block.beside->template make<W>(b, from, "beside", c.width));
    if (BlockType::residual_type::final_norm)
      final_norm_ = c.block.norm.template make<W>(b, from, "final_norm", c.width);
    sites_ = site.next;
  }
  Transformer(Transformer&&) = default;
  Transformer& operator=(Transformer&&) = default;

  /// States after the last block (and the final norm, where the blocks have one), [n, width]; with `read`, of
  /// these rows alone.
  /// The batch and the policy must outlive the tape, which says whether blocks are kept or computed again:
  /// all but the last, whose backward pass comes first. A batch with a past needs a model that continues().
  template <class P>
  Var<B> forward(Tape<B>& tape, const Batch<B>& batch, P& policy, const RowsRead<B>* read = nullptr) const {
    check(batch);
    MasterVar<B> r = embedded(tape, batch);
    const auto shared = detail::held(shared_->begin(tape, batch));
    for (std::size_t l = 0; l < blocks_.size(); ++l) {
      const bool last = l + 1 == blocks_.size();
      const RowsRead<B>* leaving = last && !(l == 0 && stands_beside()) ? read : nullptr;
      const auto block = [&weights = blocks_[l], &batch, shared, &policy, leaving](MasterVar<B> x) {
        return weights(std::move(x), batch, *shared, policy, leaving);
      };
      const auto through = [&](MasterVar<B> x) {
        const bool again = tape.blocks() == Blocks::recomputed && !last;
        return again ? recomputed(std::move(x), block) : block(std::move(x));
      };
      if constexpr (with_beside)
        if (l == 0 && stands_beside()) {
          const auto entered = cast<T>(r);
          r = (*beside_)(entered, through(std::move(r)), batch);
          continue;
        }
      r = through(std::move(r));
    }
    // The only block of a model, with something beside it, let all of them pass.
    if (read != nullptr && r.rows() > read->where.rows()) r = rows(r, read->which);
    if (final_norm_) return (*final_norm_)(r);
    return cast<T>(r);
  }
  Var<B> forward(Tape<B>& tape, const Batch<B>& batch) const {
    static Bare bare;  // outlives every tape
    return forward(tape, batch, bare);
  }

  /// Whether what a forward pass queues follows from the batch's shape alone.
  static constexpr bool repeats() { return true; }
  /// The head of the language model, [vocabulary, width]: Frozen<B> or Parameter<B>.
  [[nodiscard]] const auto& head() const {
    if constexpr (Kind<W>::trains)
      return head_ ? *head_ : embedding_;
    else
      return *head_;
  }

  /// f(SiteInfo, WeightView) for every linear of every block, in order.
  template <class F> void for_each_site(F f) const {
    for (const auto& block : blocks_)
      block.for_each_linear([&](const auto& l) { f(l.site, WeightView<B>(l.weight)); });
  }
  [[nodiscard]] index_t site_count() const noexcept { return sites_; }

  /// f(name, weight) for every weight, under the names of the checkpoint.
  template <class F> void for_each_weight(F f) const {
    f(std::string("embedding.weight"), embedding_);
    if (positions_) f(std::string("positions.weight"), *positions_);
    if (types_) f(std::string("types.weight"), *types_);
    if (embedding_norm_) embedding_norm_->for_each_weight(f);
    shared_->for_each_weight(f);
    for (const auto& block : blocks_) block.for_each_weight(f);
    if constexpr (with_beside)
      if (beside_) beside_->for_each_weight(f);
    if (final_norm_) final_norm_->for_each_weight(f);
    if (!config_.tied) f(std::string("head.weight"), *head_);
  }
  /// f(parameter) for everything that trains: nothing, where the weights are frozen.
  template <class F> void for_each_parameter(F f) {
    if constexpr (Kind<W>::trains)  // the walk is written once, over const; the model here is not
      for_each_weight([&](const std::string&, const Parameter<B>& w) { f(const_cast<Parameter<B>&>(w)); });
  }
  [[nodiscard]] const config_type& config() const noexcept { return config_; }
  /// Whether a forward pass comes to a site more than once: those who listen there must know.
  [[nodiscard]] bool meets_sites_again() const {
    if constexpr (requires { config_.block.attention.meets_sites_again(); })
      return config_.block.attention.meets_sites_again();
    else
      return false;
  }
  /// Whether a sequence may come in several batches: no row sees what follows it.
  [[nodiscard]] bool continues() const {
    if constexpr (!with_beside && requires { config_.block.attention.continues(); })
      return config_.block.attention.continues();
    else
      return false;
  }

 private:
  static constexpr bool with_beside = !std::same_as<typename BlockType::beside_type, Alone>;
  [[nodiscard]] bool stands_beside() const {
    if constexpr (with_beside)
      return beside_.has_value();
    else
      return false;
  }
  MasterVar<B> embedded(Tape<B>& tape, const Batch<B>& batch) const {
    MasterVar<B> r = embedding(tape, embedding_, batch.ids);
    if (positions_) r = add(std::move(r), embedding(tape, *positions_, batch.places));
    if (types_) r = add(std::move(r), embedding(tape, *types_, batch.types));
    if (embedding_norm_) r = embedding_norm_->template operator()<typename B::master>(r);
    return r;
  }
  void check(const Batch<B>& batch) const {
    expects(
        batch.past == nullptr || continues(),
        "forward: the batch has a past, and the rows of this model see what follows them: expected a causal "
        "model, or whole sequences");
    for (std::size_t s = 0; s + 1 < batch.where.offsets.size(); ++s) {
      const index_t length = batch.where.before + batch.where.offsets[s + 1] - batch.where.offsets[s];
      expects(length <= config_.positions, "forward: sequence ", s, " has ", length,
              " tokens, the model has ", config_.positions, " positions");
    }
    for (std::size_t i = 0; i < batch.ids.host.size(); ++i)
      expects(batch.ids.host[i] >= 0 && batch.ids.host[i] < config_.vocabulary, "forward: token ", i, " is ",
              batch.ids.host[i], ", the vocabulary has ", config_.vocabulary);
  }

  config_type config_;
  table_of<W> embedding_;
  std::optional<matrix_of<W>> head_;
  std::optional<table_of<W>> positions_, types_;
  std::optional<typename BlockType::norm_type::template weights<W>> embedding_norm_;
  std::optional<typename BlockType::template shared<W>> shared_;
  std::vector<typename BlockType::template weights<W>> blocks_;
  std::optional<typename detail::BesideOf<typename BlockType::beside_type, W>::type> beside_;
  std::optional<typename BlockType::norm_type::template weights<W>> final_norm_;
  index_t sites_ = 0;
};

using DecoderConfig = TransformerConfig<LlamaBlock>;

}  // namespace lorica::nn
