// SPDX-License-Identifier: MIT
#include <lorica/nn/models/any.hpp>

#include "nn/tiny.hpp"

using namespace lorica;
using B = test::Reference;

namespace {
template <class Block> void is_the_model_itself() {
  B b;
  const auto config = test::tiny<Block>();
  const nn::AnyModel<B> any(b, config, test::weights_of(4));
  const nn::Transformer<B, Block> model(b, config, test::weights_of(4));
  const nn::Batch<B> batch(b, test::sequences());
  Tape<B> tape(b, false);
  Bare bare;
  CHECK(any.forward(tape, batch, bare).value().template host<double>(b) ==
        model.forward(tape, batch, bare).value().template host<double>(b));
  CHECK(any.site_count() == model.site_count());
  CHECK(any.config().width == 16);
  std::vector<std::string> ours, theirs;
  any.for_each_weight([&](const std::string& name, const auto&) { ours.push_back(name); });
  model.for_each_weight([&](const std::string& name, const auto&) { theirs.push_back(name); });
  CHECK(ours == theirs);
  CHECK(nn::numbers(b, any.head()) == nn::numbers(b, model.head()));
}
}  // namespace

TEST_CASE("a model of any family is the model itself", "[nn][models]") {
  is_the_model_itself<nn::LlamaBlock>();
  is_the_model_itself<nn::BertBlock>();
}
