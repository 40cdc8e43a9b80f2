// SPDX-License-Identifier: MIT
#include <lorica/io/json.hpp>
#include <lorica/train/optimizer.hpp>

#include <support/backends.hpp>

#include <filesystem>
#include <map>

using namespace lorica;

namespace {

std::vector<double> numbers(const io::json::Value& list) {
  std::vector<double> out;
  for (const auto& x : list.as_array()) out.push_back(x.as_number());
  return out;
}
/// As oracle/adamw.py writes it.
std::vector<double> gradient(index_t step, const std::vector<double>& w) {
  std::vector<double> g(w.size());
  for (std::size_t i = 0; i < g.size(); ++i)
    g[i] = double((37 * step + 11 * static_cast<index_t>(i)) % 101 - 50) / 64 + w[i] * 0.25;
  if (step < 5) g[3] = 0;
  return g;
}
template <Backend B> struct Moments : StateVisitor<B> {
  B& backend;
  std::map<std::string, std::vector<double>> of = {};
  explicit Moments(B& b) : backend(b) {}
  void tensor(const std::string& name, MasterTensor<B>& t) override {
    of[name] = t.template host<double>(backend);
  }
  void number(const std::string&, double&) override {}
  void count(const std::string&, index_t&) override {}
};

}  // namespace

TEMPLATE_TEST_CASE("AdamW walks as PyTorch's does, with its moments, over 100 steps", "[train][optimizer]",
                   LORICA_SOME_BACKENDS) {
  using B = TestType;
  const double tolerance = std::same_as<typename B::master, double> ? 1e-12 : 1e-5;
  const auto oracle = io::json::read(std::filesystem::path(LORICA_TESTS_DIR) / "oracle/adamw.json");
  const auto start = numbers(oracle.at("start"));
  REQUIRE(oracle.at("cases").as_array().size() == 5);
  for (const auto& c : oracle.at("cases").as_array()) {
    B b;
    const auto value = [&](const char* key) { return c.at(key).as_number(); };
    const train::AdamW config{value("lr"), value("beta1"), value("beta2"), value("eps"),
                              value("weight_decay")};
    Parameter<B> p{"w", MasterTensor<B>(b, 2, 3, start), {}};
    typename train::AdamW::template state<B> state;
    index_t step = 0;
    for (const auto& want : c.at("shown").as_array()) {
      while (step < want.at("step").as_integer()) {
        ++step;
        p.grad = MasterTensor<B>(b, 2, 3, gradient(step, p.value.template host<double>(b)));
        state.update(b, config, p, config.lr, step);
      }
      Moments<B> moments(b);
      state.visit_state(moments, b, p);
      CAPTURE(config.lr, config.weight_decay, step);
      REQUIRE(test::relative_error(p.value.template host<double>(b), numbers(want.at("weight"))) < tolerance);
      REQUIRE(test::relative_error(moments.of.at("w.adam_mean"), numbers(want.at("mean"))) < tolerance);
      REQUIRE(test::relative_error(moments.of.at("w.adam_square"), numbers(want.at("square"))) < tolerance);
    }
    REQUIRE(step == 100);
  }
}

TEMPLATE_TEST_CASE("weight decay is no part of the gradient", "[train][optimizer]", LORICA_SOME_BACKENDS) {
  using B = TestType;
  using M = typename B::master;
  B b;
  Parameter<B> p{"w", MasterTensor<B>(b, 1, 2, std::vector<double>{8, -4}), zeros<M>(b, 1, 2)};
  typename train::AdamW::template state<B> state;
  state.update(b, train::AdamW{.lr = 7, .weight_decay = 0.5}, p, 0.5,
               1);  // the rate that counts is the one given
  REQUIRE(p.value.template host<double>(b) == std::vector<double>{6, -3});
}

TEMPLATE_TEST_CASE("every parameter has moments of its own, at zero before its first step",
                   "[train][optimizer]", LORICA_SOME_BACKENDS) {
  using B = TestType;
  B b;
  const auto one = [&](const char* name, double g) {
    return Parameter<B>{name, MasterTensor<B>(b, 1, 1, std::vector<double>{1}),
                        MasterTensor<B>(b, 1, 1, std::vector<double>{g})};
  };
  Parameter<B> x = one("x", 4), y = one("y", -2);
  typename train::AdamW::template state<B> state;
  state.update(b, train::AdamW{.beta1 = 0.5}, x, 0.1, 1);
  Moments<B> moments(b);
  state.visit_state(moments, b, x);
  state.visit_state(moments, b, y);
  REQUIRE(moments.of.at("x.adam_mean") == std::vector<double>{2});
  REQUIRE(moments.of.at("y.adam_mean") == std::vector<double>{0});
  state.update(b, train::AdamW{.beta1 = 0.5}, y, 0.1, 1);
  state.visit_state(moments, b, x);
  state.visit_state(moments, b, y);
  REQUIRE(moments.of.at("x.adam_mean") == std::vector<double>{2});
  REQUIRE(moments.of.at("y.adam_mean") == std::vector<double>{-1});
}

TEMPLATE_TEST_CASE("moments that begin anew are corrected from their own beginning", "[train][optimizer]",
                   LORICA_SOME_BACKENDS) {
  using B = TestType;
  B b;
  Parameter<B> p{"w", MasterTensor<B>(b, 1, 1, std::vector<double>{1}), {}};
  const train::AdamW config{.weight_decay = 0};
  typename train::AdamW::template state<B> state;
  // A gradient that stays the same makes every step as long as the rate, if the correction is right.
  const auto steps_of_one_length = [&](index_t first, index_t last) {
    for (index_t step = first; step <= last; ++step) {
      const double before = p.value.template host<double>(b)[0];
      p.grad = MasterTensor<B>(b, 1, 1, std::vector<double>{0.25});
      state.update(b, config, p, 0.125, step);
      CAPTURE(step);
      REQUIRE(before - p.value.template host<double>(b)[0] == Approx(0.125).epsilon(1e-4));
    }
  };
  steps_of_one_length(1, 100);
  state.companions()(p, Change<B>{});
  Moments<B> moments(b);
  state.visit_state(moments, b, p);
  CHECK(moments.of.at("w.adam_mean") == std::vector<double>{0});
  steps_of_one_length(101, 120);
}
