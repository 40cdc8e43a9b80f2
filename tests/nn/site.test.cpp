// SPDX-License-Identifier: MIT
#include <lorica/nn/site.hpp>

#include "support/op_cases.hpp"

using namespace lorica;
using test::Matrix;

namespace {

struct Silent {
  template <Backend B> void visit(const SiteCall<B>&) const {}
};
struct Deaf {};

/// Policies to compose: one stretches what leaves the site, one shifts it.
struct Stretch {
  double by;
  template <Backend B> Var<B> visit(const SiteCall<B>& call) const { return scale(call.y, by); }
};
struct Shift {
  double by;
  template <Backend B> Var<B> visit(const SiteCall<B>& call) const {
    auto& tape = call.y.tape();
    return add(call.y, tape.constant(Tensor<B>(
                           tape.backend(), call.y.rows(), call.y.cols(),
                           std::vector<double>(static_cast<std::size_t>(call.y.value().size()), by))));
  }
};

static_assert(SitePolicy<Bare, test::Reference> && SitePolicy<Stretch, test::Reference>);
static_assert(SitePolicy<Then<Bare, Stretch>, test::Reference> &&
              SitePolicy<Then<Then<Bare, Shift>, Stretch>, test::Reference>);
static_assert(!SitePolicy<Silent, test::Reference> && !SitePolicy<Deaf, test::Reference> &&
              !SitePolicy<Then<Bare, Deaf>, test::Reference>);

/// A linear [3, 2] with a bias, and what it makes of two rows.
template <Backend B> struct Site {
  B b;
  SiteInfo info{0, 0, Role::other, 2, 3, "mine"};
  std::vector<double> w = {1, 2, 3, 4, 5, 6}, d = {10, 20, 30}, x = {1, -1, 2, 0.5};
  std::vector<index_t> offsets = {0, 1, 2};
  Parameter<B> parameter{"w", MasterTensor<B>(b, 3, 2, w), {}};
  Frozen<B> frozen{b, Tensor<B>(b, 3, 2, w)};
  MasterTensor<B> bias{b, 1, 3, d};

  template <class Weight, class P>
  std::vector<double> answer(const Weight& weight, const MasterTensor<B>* to_add, P&& policy) {
    Tape<B> tape(b);
    const auto rows = tape.constant(Tensor<B>(b, 2, 2, x));
    return at_site(info, rows, weight, to_add, offsets, policy).value().template host<double>(b);
  }
};

const std::vector<double> product = {-1, -1, -1, 3, 8, 13};
std::vector<double> each(std::vector<double> v, double times, double plus) {
  for (double& x : v) x = times * x + plus;
  return v;
}
std::vector<double> with_bias(std::vector<double> v) {
  for (std::size_t i = 0; i < v.size(); ++i) v[i] += 10.0 * double(i % 3 + 1);
  return v;
}

/// Remembers what it was shown.
struct Witness {
  std::string path;
  Shape weight, x, y;
  bool biased = false;
  std::vector<index_t> offsets;
  template <Backend B> Var<B> visit(const SiteCall<B>& call) {
    path = call.site.path;
    weight = call.weight.shape();
    x = call.x.shape();
    y = call.y.shape();
    biased = call.bias != nullptr;
    offsets.assign(call.offsets.begin(), call.offsets.end());
    return std::move(call.y);
  }
};
/// Answers with y itself, and says where its numbers lie.
struct Handing {
  const void* seen = nullptr;
  template <Backend B> Var<B> visit(const SiteCall<B>& call) {
    seen = call.y.value().data();
    return std::move(call.y);
  }
};

/// A model that knows of nn nothing but this header.
template <Backend B> struct Own {
  SiteInfo first{0, 0, Role::other, 2, 3, "net.first"}, second{1, 1, Role::other, 3, 1, "net.second"};
  Frozen<B> w1, w2;
  template <class P> Var<B> forward(const Var<B>& x, std::span<const index_t> offsets, P& policy) const {
    const MasterTensor<B>* none = nullptr;
    return at_site(second, at_site(first, x, w1, none, offsets, policy), w2, none, offsets, policy);
  }
  template <class F> void for_each_site(F f) const {
    f(first, WeightView<B>(w1));
    f(second, WeightView<B>(w2));
  }
};

}  // namespace

TEMPLATE_TEST_CASE("a bare site is x W^T plus its bias", "[nn][site]", LORICA_SOME_BACKENDS) {
  Site<TestType> s;
  const double tolerance = test::tolerance<TestType>();
  CHECK(test::relative_error(s.answer(s.frozen, nullptr, Bare{}), product) < tolerance);
  CHECK(test::relative_error(s.answer(s.parameter, nullptr, Bare{}), product) < tolerance);
  CHECK(test::relative_error(s.answer(s.frozen, &s.bias, Bare{}), with_bias(product)) < tolerance);
  CHECK(test::relative_error(s.answer(s.parameter, &s.bias, Bare{}), with_bias(product)) < tolerance);
}

TEMPLATE_TEST_CASE("a view multiplies by its weight, measures its rows and copies it", "[nn][site]",
                   LORICA_SOME_BACKENDS) {
  using B = TestType;
  B b;
  const index_t n = 4, m = 5, k = 7;
  Matrix w(m, k), x(n, k), y(n, m);
  w.numbers = test::rounded<typename B::scalar>(test::random_numbers(1, m * k));
  x.numbers = test::rounded<typename B::scalar>(test::random_numbers(2, n * k));
  y.numbers = test::rounded<typename B::scalar>(test::random_numbers(3, n * m));
  const Matrix by_rows = test::product_nt(x, w),
               by_columns =
                   test::product_nt(y, test::matrix_of(k, m, [&](index_t i, index_t j) { return w(j, i); }));
  std::vector<double> norms;
  for (index_t i = 0; i < m; ++i) {
    double s = 0;
    for (index_t j = 0; j < k; ++j) s += w(i, j) * w(i, j);
    norms.push_back(std::sqrt(s));
  }
  const Frozen<B> frozen(b, Tensor<B>(b, m, k, w.numbers));
  const Parameter<B> parameter{"w", MasterTensor<B>(b, m, k, w.numbers), {}};
  const Tensor<B> rows(b, n, k, x.numbers), gradients(b, n, m, y.numbers);
  for (const auto& view : {WeightView<B>(frozen), WeightView<B>(parameter)}) {
    CHECK(view.rows() == m);
    CHECK(view.cols() == k);
    CHECK(view.shape() == Shape{m, k});
    const auto there = view.product(b, rows, Trans::yes), back = view.product(b, gradients, Trans::no);
    CHECK(there.shape() == Shape{n, m});
    CHECK(back.shape() == Shape{n, k});
    CHECK(test::relative_error(there.template host<double>(b), by_rows.numbers) < test::tolerance<B>());
    CHECK(test::relative_error(back.template host<double>(b), by_columns.numbers) < test::tolerance<B>());
    CHECK(view.dense(b).shape() == Shape{m, k});
    CHECK(view.dense(b).template host<double>(b) == w.numbers);
    CHECK(view.row_norms(b).shape() == Shape{1, m});
    CHECK(test::relative_error(view.row_norms(b).template host<double>(b), norms) < test::tolerance<B>());
  }
}

TEST_CASE("policies compose in order and neither knows of the other", "[nn][site]") {
  Site<test::Reference> s;
  Stretch twice{2};
  Shift up{1};
  CHECK(s.answer(s.frozen, nullptr, Then{twice, up}) == each(product, 2, 1));
  CHECK(s.answer(s.frozen, nullptr, Then{up, twice}) == each(product, 2, 2));
  Then both{twice, up};
  CHECK(s.answer(s.frozen, nullptr, Then{both, twice}) == each(product, 4, 2));
  Bare bare;
  CHECK(s.answer(s.frozen, nullptr, Then{bare, up}) == each(product, 1, 1));
}

TEST_CASE("the bias comes after the policy", "[nn][site]") {
  Site<test::Reference> s;
  CHECK(s.answer(s.frozen, &s.bias, Stretch{2}) == with_bias(each(product, 2, 0)));
  CHECK(s.answer(s.parameter, &s.bias, Shift{1}) == with_bias(each(product, 1, 1)));
}

TEST_CASE("a bias that is a parameter trains", "[nn][site]") {
  using B = test::Reference;
  Site<B> s;
  const Parameter<B> bias{"d", MasterTensor<B>(s.b, 1, 3, s.d), {}};
  const MasterTensor<B> zero(s.b, 2, 3, std::vector<double>(6));
  Tape<B> tape(s.b);
  Stretch twice{2};
  const auto x = tape.constant(Tensor<B>(s.b, 2, 2, s.x));
  const auto y = at_site(s.info, x, s.frozen, &bias, s.offsets, twice);
  tape.backward(squared_error(y, zero));
  // y = 2 x W^T + d, L = |y|^2, dL/dd = 2 sum of the rows of y
  const auto rows = with_bias(each(product, 2, 0));
  CHECK(bias.grad.host<double>(s.b) ==
        std::vector<double>{2 * (rows[0] + rows[3]), 2 * (rows[1] + rows[4]), 2 * (rows[2] + rows[5])});
}

TEST_CASE("a policy is shown the site, both sides of it and the sequences", "[nn][site]") {
  Site<test::Reference> s;
  Witness w;
  (void)s.answer(s.frozen, &s.bias, w);
  CHECK(w.path == "mine");
  CHECK(w.weight == Shape{3, 2});
  CHECK(w.x == Shape{2, 2});
  CHECK(w.y == Shape{2, 3});
  CHECK(w.biased);
  CHECK(w.offsets == s.offsets);
  (void)s.answer(s.parameter, nullptr, w);
  CHECK_FALSE(w.biased);
}

TEST_CASE("a policy that is done with y hands its memory on", "[nn][site]") {
  using B = test::Reference;
  Site<B> s;
  Tape<B> tape(s.b);
  Handing policy;
  const auto x = tape.constant(Tensor<B>(s.b, 2, 2, s.x));
  const auto y = at_site(s.info, x, s.frozen, &s.bias, s.offsets, policy);
  CHECK(policy.seen == y.value().data());
  CHECK(y.value().host<double>(s.b) == with_bias(product));
}

TEST_CASE("a host's own model is adaptable by two calls", "[nn][site]") {
  using B = test::Reference;
  B b;
  const Own<B> net{.w1 = Frozen<B>(b, Tensor<B>(b, 3, 2, std::vector<double>{1, 2, 3, 4, 5, 6})),
                   .w2 = Frozen<B>(b, Tensor<B>(b, 1, 3, std::vector<double>{1, 1, 1}))};
  const std::vector<index_t> offsets = {0, 2};
  Tape<B> tape(b);
  const auto x = tape.constant(Tensor<B>(b, 2, 2, std::vector<double>{1, -1, 2, 0.5}));
  Bare bare;
  Stretch twice{2};
  CHECK(net.forward(x, offsets, bare).value().host<double>(b) == std::vector<double>{-3, 24});
  CHECK(net.forward(x, offsets, twice).value().host<double>(b) == std::vector<double>{-12, 96});
  std::vector<std::string> paths;
  net.for_each_site([&](const SiteInfo& site, const WeightView<B>& w) {
    paths.push_back(site.path);
    CHECK(w.shape() == Shape{site.out, site.in});
  });
  CHECK(paths == std::vector<std::string>{"net.first", "net.second"});
}

TEST_CASE("every role has its name", "[nn][site]") {
  CHECK(std::string(name_of(Role::query)) == "q");
  CHECK(std::string(name_of(Role::qkv)) == "qkv");
  CHECK(std::string(name_of(Role::output)) == "o");
  CHECK(std::string(name_of(Role::other)) == "other");
  CHECK(role_count == static_cast<int>(Role::other) + 1);
  CHECK(message(SiteInfo{3, 1, Role::down, 4, 2, "blocks.1.down"}) == "blocks.1.down");
}
