// SPDX-License-Identifier: MIT
/// @file tests/adapt/peft_oracle.hpp
/// oracle/methods.json against an adapter: two linear layers, their starts, forward, every gradient and ten
/// steps of AdamW.
#pragma once

#include "adapt/toy.hpp"

#include <lorica/io/json.hpp>
#include <lorica/train/optimizer.hpp>

#include <filesystem>

namespace lorica::test {

/// Numbers as oracle/methods.py has them: scale x / 128, x in -100 .. 100 by a hash of name and index.
inline std::vector<double> hashed_numbers(const std::string& name, index_t n, double scale = 1) {
  std::uint32_t h = 2166136261u;
  for (const char c : name) h = (h ^ static_cast<unsigned char>(c)) * 16777619u;
  std::vector<double> out;
  for (index_t i = 0; i < n; ++i) {
    std::uint32_t x = h + static_cast<std::uint32_t>(i) * 2654435761u;
    x ^= x >> 15;
    x *= 2246822519u;
    x ^= x >> 13;
    out.push_back(scale * (double(x % 201) - 100) / 128);
  }
  return out;
}
inline std::vector<double> numbers_in(const io::json::Value& from) {
  std::vector<double> out;
  for (const auto& x : from.as_array()) out.push_back(x.as_number());
  return out;
}

/// Largest relative errors against the oracle: of numbers a parameterization makes from W, of the output, of
/// a loss, of a gradient and of a parameter after ten steps.
struct FromPeft {
  double made = 1e-10, forward = 1e-10, loss = 1e-10, gradient = 1e-10, after = 1e-10;
};
/// All that the oracle says of `method`.
template <Backend R = Reference, class A>
void is_as_in_peft(const std::string& method, const A& adapter, const FromPeft& within = {}) {
  INFO(method);
  const auto oracle = io::json::read(std::filesystem::path(LORICA_TESTS_DIR) / "oracle/methods.json");
  const io::json::Value* found = nullptr;
  for (const auto& one : oracle.at("cases").as_array())
    if (one.at("method").as_string() == method) found = &one;
  REQUIRE(found != nullptr);
  const auto& want = *found;

  R b;
  const index_t k = 6, h = 5, m = 4, rows = 5, rank = oracle.at("rank").as_integer();
  const std::vector<index_t> offsets = {0, rows};
  std::vector<SiteInfo> sites = {{0, 0, Role::up, k, h, "up"}, {1, 0, Role::down, h, m, "down"}};
  std::vector<Frozen<R>> weights;
  std::vector<MasterTensor<R>> biases;
  std::vector<typename A::template state<R>> states;
  for (const auto& s : sites) {
    weights.emplace_back(b, Tensor<R>(b, s.out, s.in, hashed_numbers(s.path + ".weight", s.out * s.in)));
    biases.emplace_back(b, 1, s.out, hashed_numbers(s.path + ".bias", s.out, 0.25));
    states.push_back(adapter.make(b, s, WeightView<R>(weights.back()), rank, 0));
  }
  std::map<std::string, Parameter<R>*> parameters;
  for (auto& st : states) adapter.for_each(st, [&](Parameter<R>& p) { parameters[p.name] = &p; });
  Parameter<R> x{"x", MasterTensor<R>(b, rows, k, hashed_numbers("x", rows * k)), {}};
  const Tensor<R> target(b, rows, m, hashed_numbers("target", rows * m));

  const auto& made = want.at("made").as_object();
  for (const auto& [name, values] : made) {
    INFO("made " << name);
    CHECK(relative_error(parameters.at(name)->value.template host<double>(b), numbers_in(values)) <
          within.made);
  }
  CHECK(want.at("start").as_object().size() == parameters.size());
  for (const auto& [name, values] : want.at("start").as_object()) {
    auto& p = *parameters.at(name);
    p.value = MasterTensor<R>(b, p.rows(), p.cols(), numbers_in(values));
  }

  struct Policy {
    const A& adapter;
    std::vector<typename A::template state<R>>& states;
    Var<R> visit(const SiteCall<R>& c) const {
      return adapter.visit(states[static_cast<std::size_t>(c.site.ordinal)], c);
    }
  } policy{adapter, states};
  const auto& c = want.at("adamw");
  const train::AdamW adamw{c.at("lr").as_number(), c.at("beta1").as_number(), c.at("beta2").as_number(),
                           c.at("eps").as_number(), c.at("weight_decay").as_number()};
  typename train::AdamW::state<R> optimizer;
  const auto losses = numbers_in(want.at("losses"));
  REQUIRE(losses.size() == 10);
  for (std::size_t step = 0; step < losses.size(); ++step) {
    for (auto& [name, p] : parameters) p->grad = {};
    x.grad = {};
    {
      Tape<R> tape(b);
      const auto hidden = lorica::tanh(
          at_site(sites[0], cast<typename R::scalar>(tape.leaf(x)), weights[0], &biases[0], offsets, policy));
      const auto y = at_site(sites[1], hidden, weights[1], &biases[1], offsets, policy);
      if (step == 0)
        CHECK(relative_error(y.value().template host<double>(b), numbers_in(want.at("forward"))) <
              within.forward);
      const auto loss = squared_error(y, target);
      CHECK(loss.value().template host<double>(b)[0] == Approx(losses[step]).epsilon(within.loss));
      tape.backward(loss);
    }
    if (step == 0) {
      std::size_t seen = 0;
      const auto& gradients = want.at("gradients").as_object();
      for (const auto& [name, values] : gradients) {
        INFO("gradient of " << name);
        const auto& g = name == "x" ? x.grad : parameters.at(name)->grad;
        REQUIRE(!g.empty());
        CHECK(relative_error(g.template host<double>(b), numbers_in(values)) < within.gradient);
        ++seen;
      }
      for (const auto& [name, p] : parameters) seen += p->grad.empty() ? 1 : 0;
      CHECK(seen == parameters.size() + 1);  // what has no gradient there has none here
    }
    for (auto& st : states)
      if constexpr (requires { adapter.precondition(b, st); }) adapter.precondition(b, st);
    for (auto& [name, p] : parameters) {
      const double rate = adapter.rate(*p);
      if (rate > 0) optimizer.update(b, adamw, *p, adamw.lr * rate, static_cast<index_t>(step) + 1);
    }
  }
  for (const auto& [name, values] : want.at("after").as_object()) {
    INFO(name << " after ten steps");
    CHECK(relative_error(parameters.at(name)->value.template host<double>(b), numbers_in(values)) <
          within.after);
  }
}

}  // namespace lorica::test
