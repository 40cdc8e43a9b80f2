// SPDX-License-Identifier: MIT
#include <lorica/nn/objective.hpp>

#include "nn/tiny.hpp"

using namespace lorica;
using B = test::Reference;

namespace {
/// The states of a token are its row of a table; the head is another table.
struct Lookup {
  B& b;
  index_t vocabulary = 13, width = 5;
  Tensor<B> table{b, vocabulary, width, test::random_numbers(1, vocabulary* width)};
  Frozen<B> out{b, Tensor<B>(b, vocabulary, width, test::random_numbers(2, vocabulary* width))};
  template <class P> Var<B> forward(Tape<B>& tape, const nn::Batch<B>& batch, P&) const {
    return embedding(tape, table, batch.ids);
  }
  const Frozen<B>& head() const { return out; }
};
struct Counts {
  template <class... A> nn::Loss<B> loss(A&...) const { return {}; }
};  // no targets_of

static_assert(nn::Objective<nn::NextToken, Lookup, B>);
static_assert(!nn::Objective<Counts, Lookup, B> && !nn::Objective<int, Lookup, B>);

nn::Loss<B> loss_of(const Lookup& model, Tape<B>& tape, const nn::Batch<B>& batch, index_t chunk = 256) {
  Bare bare;
  return nn::NextToken{.chunk = chunk}.loss(tape, model, bare, batch);
}
double number(const nn::Loss<B>& l) { return l.sum.value().host<double>(l.sum.backend())[0]; }
}  // namespace

TEST_CASE("the loss of the next token is the sum of -log softmax over the rows with a target",
          "[nn][objective]") {
  B b;
  const Lookup model{.b = b};
  const auto all = test::sequences();
  const nn::Batch<B> batch(b, all);
  Tape<B> tape(b);
  const auto got = loss_of(model, tape, batch);
  const auto table = test::matrix(b, model.table), head = test::matrix(b, model.out.dense(b));
  double want = 0;
  index_t count = 0;
  for (std::size_t i = 0; i < all.ids.size(); ++i) {
    if (all.targets[i] < 0) continue;
    std::vector<double> z;
    for (index_t t = 0; t < model.vocabulary; ++t) {
      double dot = 0;
      for (index_t j = 0; j < model.width; ++j) dot += table(all.ids[i], j) * head(t, j);
      z.push_back(dot);
    }
    double total = 0;
    for (const double v : z) total += std::exp(v);
    want += std::log(total) - z[static_cast<std::size_t>(all.targets[i])];
    ++count;
  }
  CHECK(got.count == count);
  CHECK(count == 8);
  CHECK(number(got) == Approx(want).epsilon(1e-13));
  CHECK(number(loss_of(model, tape, batch, 3)) == Approx(want).epsilon(1e-13));
}

TEST_CASE("losses add up over batches, however they are cut", "[nn][objective]") {
  B b;
  const Lookup model{.b = b};
  const auto all = test::sequences();
  const nn::Batch<B> whole(b, all);
  Tape<B> tape(b);
  double sum = 0;
  index_t count = 0;
  for (index_t s = 0; s < all.count(); ++s) {
    const nn::Batch<B> one(b, test::only(all, s));
    const auto loss = loss_of(model, tape, one);
    sum += number(loss);
    count += loss.count;
    CHECK(loss.count == nn::NextToken{}.targets_of(whole, s));
    CHECK(loss.count == nn::NextToken{}.targets_of(one, 0));
  }
  const auto loss = loss_of(model, tape, whole);
  CHECK(count == loss.count);
  CHECK(sum == Approx(number(loss)).epsilon(1e-13));
}
