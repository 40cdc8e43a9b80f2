// SPDX-License-Identifier: MIT
/// @file lorica/nn/models/any.hpp
/// A model whose family is known at run time: one of the few types that all families are made of, behind the
/// interface each of them has.
#pragma once

#include <lorica/nn/models/bert.hpp>
#include <lorica/nn/models/deberta.hpp>
#include <lorica/nn/models/gpt2.hpp>
#include <lorica/nn/models/llama.hpp>

#include <variant>

namespace lorica::nn {

/// The configuration of a model of any family.
using AnyConfig = std::variant<TransformerConfig<LlamaBlock>, TransformerConfig<Gpt2Block>,
                               TransformerConfig<BertBlock>, TransformerConfig<DebertaBlock>>;

/// A model of any family; what it can do, every Transformer can. Move-only.
template <Backend B, class Weight = Frozen<B>> class AnyModel {
 public:
  using backend = B;
  using weight_type = Weight;

  /// What does not depend on the family.
  struct Size {
    index_t vocabulary, width, layers, positions;
  };

  AnyModel(B& b, const AnyConfig& config, const Source& from)
      : held_(std::visit([&](const auto& c) { return built(b, c, from); }, config)) {}

  template <class P>
  Var<B> forward(Tape<B>& tape, const Batch<B>& batch, P& policy, const RowsRead<B>* read = nullptr) const {
    return std::visit([&](const auto& m) { return m.forward(tape, batch, policy, read); }, held_);
  }
  static constexpr bool repeats() { return true; }
  [[nodiscard]] const auto& head() const {
    return std::visit(
        [](const auto& m) -> const auto& { return m.head(); }, held_);
  }
  template <class F> void for_each_site(F f) const {
    std::visit([&](const auto& m) { m.for_each_site(f); }, held_);
  }
  [[nodiscard]] index_t site_count() const {
    return std::visit([](const auto& m) { return m.site_count(); }, held_);
  }
  [[nodiscard]] bool meets_sites_again() const {
    return std::visit([](const auto& m) { return m.meets_sites_again(); }, held_);
  }
  template <class F> void for_each_weight(F f) const {
    std::visit([&](const auto& m) { m.for_each_weight(f); }, held_);
  }
  template <class F> void for_each_parameter(F f) {
    std::visit([&](auto& m) { m.for_each_parameter(f); }, held_);
  }
  [[nodiscard]] Size config() const {
    return std::visit(
        [](const auto& m) {
          const auto& c = m.config();
          return Size{c.vocabulary, c.width, c.layers, c.positions};
        },
        held_);
  }
  /// f(model) with the model as what it is.
  template <class F> decltype(auto) visit(F f) const { return std::visit(f, held_); }

 private:
  using Held = std::variant<Llama<B, Weight>, Gpt2<B, Weight>, Bert<B, Weight>, Deberta<B, Weight>>;
  template <class Block> static Held built(B& b, const TransformerConfig<Block>& c, const Source& from) {
    return Held(std::in_place_type<Transformer<B, Block, Weight>>, b, c, from);
  }
  Held held_;
};

}  // namespace lorica::nn
