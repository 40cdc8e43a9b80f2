// SPDX-License-Identifier: MIT
#include <lorica/nn/linear.hpp>

#include "nn/tiny.hpp"

using namespace lorica;
using B = test::Reference;

namespace {
const std::vector<index_t> offsets = {0, 3};

template <class W> void is_affine(bool bias) {
  B b;
  const auto from = test::weights_of(1);
  nn::SiteCounter site;
  const auto linear = nn::make_linear<W>(b, from, site(4, Role::up, 5, 7), bias);
  Tape<B> tape(b);
  Bare bare;
  const auto x = test::some_rows<B>(tape, 3, 5);
  const auto d = bias ? test::matrix(from, "blocks.4.up.bias", 1, 7).numbers : std::vector<double>(7);
  const auto want =
      test::affine(test::matrix(b, x.value()), test::matrix(from, "blocks.4.up.weight", 7, 5), d);
  CHECK(test::relative_error(linear(x, offsets, bare).value().template host<double>(b), want.numbers) <
        1e-14);
  CHECK(linear.bias.has_value() == bias);
  std::vector<std::string> names;
  linear.for_each_weight([&](const std::string& name, const auto& w) {
    names.push_back(name);
    CHECK(nn::numbers(b, w) == from(name, {w.rows(), w.cols()}).list());
  });
  CHECK(names == (bias ? std::vector<std::string>{"blocks.4.up.weight", "blocks.4.up.bias"}
                       : std::vector<std::string>{"blocks.4.up.weight"}));
}
}  // namespace

TEST_CASE("a linear is x W^T, with a bias or without, frozen or trained", "[nn][linear]") {
  for (const bool bias : {false, true}) {
    is_affine<Frozen<B>>(bias);
    is_affine<Parameter<B>>(bias);
  }
}

TEST_CASE("sites are numbered in the order of building and named by layer and role", "[nn][linear]") {
  nn::SiteCounter site;
  const SiteInfo first = site(0, Role::query, 8, 8), second = site(3, Role::down, 12, 8);
  CHECK(first.ordinal == 0);
  CHECK(first.path == "blocks.0.q");
  CHECK(second.ordinal == 1);
  CHECK(second.layer == 3);
  CHECK(second.role == Role::down);
  CHECK(second.in == 12);
  CHECK(second.out == 8);
  CHECK(second.path == "blocks.3.down");
}
