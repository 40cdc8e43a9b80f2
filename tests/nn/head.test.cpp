// SPDX-License-Identifier: MIT
#include <lorica/nn/head.hpp>

#include "nn/tiny.hpp"

using namespace lorica;
using B = test::Reference;
using test::Matrix;

namespace {
constexpr index_t width = 6;
std::vector<std::string> names(nn::Head<B>& head) {
  std::vector<std::string> out;
  head.for_each_parameter([&](Parameter<B>& p) { out.push_back(p.name); });
  return out;
}
}  // namespace

TEST_CASE("a head is its dense map, its activation and its output, on the rows that are pooled",
          "[nn][head]") {
  B b;
  const auto from = test::weights_of(5);
  nn::Head<B> head(b, nn::bert_head(3), width, from);
  const nn::Batch<B> batch(b, test::sequences());
  Tape<B> tape(b, false);
  const auto x = test::some_rows<B>(tape, batch.rows(), width);
  const auto all = test::matrix(b, x.value());
  const auto firsts = test::matrix_of(batch.where.sequences(), width, [&](index_t i, index_t j) {
    return all(batch.where.offsets[static_cast<std::size_t>(i)], j);
  });
  const auto read = [&](const std::string& name, index_t rows, index_t cols) {
    return test::matrix(from, name, rows, cols);
  };
  Matrix dense = test::affine(firsts, read("bert.pooler.dense.weight", width, width),
                              read("bert.pooler.dense.bias", 1, width).numbers);
  for (double& v : dense.numbers) v = std::tanh(v);
  const Matrix want =
      test::affine(dense, read("classifier.weight", 3, width), read("classifier.bias", 1, 3).numbers);
  CHECK(test::relative_error(head(x, batch.where).value().host<double>(b), want.numbers) < 1e-13);
  CHECK(names(head) == std::vector<std::string>{"bert.pooler.dense.weight", "bert.pooler.dense.bias",
                                                "classifier.weight", "classifier.bias"});
}

TEST_CASE("a causal model's head reads the last row, a span's every row", "[nn][head]") {
  B b;
  const auto from = test::weights_of(5);
  nn::Head<B> score(b, nn::decoder_head(2), width, from), span(b, nn::span_head(), width, from);
  const nn::Batch<B> batch(b, test::sequences());
  Tape<B> tape(b, false);
  const auto x = test::some_rows<B>(tape, batch.rows(), width);
  const auto all = test::matrix(b, x.value());
  const auto lasts = test::matrix_of(batch.where.sequences(), width, [&](index_t i, index_t j) {
    return all(batch.where.offsets[static_cast<std::size_t>(i) + 1] - 1, j);
  });
  CHECK(test::relative_error(score(x, batch.where).value().host<double>(b),
                             test::product_nt(lasts, test::matrix(from, "score.weight", 2, width)).numbers) <
        1e-13);
  CHECK(span(x, batch.where).shape() == Shape{batch.rows(), 2});
  CHECK(names(score) == std::vector<std::string>{"score.weight"});
}

TEST_CASE("a fresh head begins small, by its seed, its biases at zero", "[nn][head]") {
  const auto one = nn::initial_head(1)("classifier.weight", {40, 50}).list(),
             two = nn::initial_head(2)("classifier.weight", {40, 50}).list();
  double squares = 0;
  for (const float x : one) squares += double(x) * double(x);
  CHECK(std::sqrt(squares / 2000) == Approx(0.02).epsilon(0.05));
  CHECK(one != two);
  CHECK(nn::initial_head(1)("classifier.bias", {1, 3}).list() == std::vector<float>(3));
}
