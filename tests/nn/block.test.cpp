// SPDX-License-Identifier: MIT
#include <lorica/nn/block.hpp>

#include "nn/tiny.hpp"

using namespace lorica;
using B = test::Reference;

namespace {
/// A block of a family, layer 1, and a stream to send through it.
template <class Block> struct Layer {
  B b;
  nn::SiteCounter site;
  nn::TransformerConfig<Block> config = test::tiny<Block>();
  typename Block::template weights<Frozen<B>> weights =
      config.block.template make<Frozen<B>>(b, test::weights_of(7), site, 1, config.width);
  typename Block::template shared<Frozen<B>> shared =
      config.block.template make_shared<Frozen<B>>(b, test::weights_of(7), config.width);
  nn::Batch<B> batch{b, test::sequences()};
  Tape<B> tape{b, false};
  Bare bare;
  MasterVar<B> stream() {
    return tape.constant(
        MasterTensor<B>(b, batch.rows(), config.width, test::random_numbers(8, batch.rows() * config.width)));
  }
  const auto& context() { return shared.begin(tape, batch); }
  Var<B> attended(const Var<B>& x) {
    return weights.attention.o(weights.attention(x, batch, context(), bare), batch.where.offsets, bare);
  }
  std::vector<double> through() {
    return weights(stream(), batch, context(), bare).value().template host<double>(b);
  }
};
std::vector<double> numbers(const Var<B>& v) { return v.value().host<double>(v.backend()); }
}  // namespace

TEST_CASE("a pre-norm block adds to the stream what its normalised rows become", "[nn][block]") {
  Layer<nn::LlamaBlock> l;
  const auto r = l.stream();
  const auto middle = add(r, l.attended(l.weights.norm_1(r)));
  const auto want =
      add(middle, l.weights.feed_forward(l.weights.norm_2(middle), l.batch.where.offsets, l.bare));
  CHECK(test::relative_error(l.through(), numbers(want)) < 1e-14);
}

TEST_CASE("a post-norm block normalises the sum", "[nn][block]") {
  Layer<nn::BertBlock> l;
  const auto r = l.stream();
  const auto middle = l.weights.norm_1(add(r, l.attended(r)));
  const auto want =
      l.weights.norm_2(add(middle, l.weights.feed_forward(middle, l.batch.where.offsets, l.bare)));
  CHECK(test::relative_error(l.through(), numbers(want)) < 1e-14);
}

TEST_CASE("the weights of a block are named by layer and part", "[nn][block]") {
  Layer<nn::BertBlock> l;
  std::vector<std::string> names, sites;
  l.weights.for_each_weight([&](const std::string& name, const auto&) { names.push_back(name); });
  l.weights.for_each_linear([&](const auto& linear) { sites.push_back(linear.site.path); });
  CHECK(names == std::vector<std::string>{"blocks.1.norm_1.weight", "blocks.1.norm_1.bias",
                                          "blocks.1.norm_2.weight", "blocks.1.norm_2.bias",
                                          "blocks.1.q.weight", "blocks.1.q.bias", "blocks.1.k.weight",
                                          "blocks.1.k.bias", "blocks.1.v.weight", "blocks.1.v.bias",
                                          "blocks.1.o.weight", "blocks.1.o.bias", "blocks.1.up.weight",
                                          "blocks.1.up.bias", "blocks.1.down.weight", "blocks.1.down.bias"});
  CHECK(sites == std::vector<std::string>{"blocks.1.q", "blocks.1.k", "blocks.1.v", "blocks.1.o",
                                          "blocks.1.up", "blocks.1.down"});
}
