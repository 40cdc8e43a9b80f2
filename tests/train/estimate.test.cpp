// SPDX-License-Identifier: MIT
#include <lorica/train/estimate.hpp>

#include <support/backends.hpp>
#include <train/tiny.hpp>

#include <sstream>

using namespace lorica;
using B = cpu::EigenBackend<float>;

namespace {
const train::Windows text(test::tiny_text(400), {.length = 16});
constexpr index_t batch = 6;

/// What the tape counts for a batch of windows of one length.
template <class Model, class T> double counted(B& b, const Model& model, T& trainee) {
  nn::Sequences s;
  for (index_t i = 0; i < batch; ++i) text.append(s, i);
  const nn::Batch<B> rows(b, s);
  if constexpr (requires { trainee.phase(std::optional<std::uint64_t>()); }) trainee.phase(std::uint64_t{0});
  Tape<B> tape(b);
  const auto loss = nn::NextToken{}.loss(tape, model, trainee, rows);
  tape.backward(loss.sum);
  return double(tape.saved_bytes());
}
}  // namespace

TEST_CASE("activations are estimated as a batch of equal windows takes them", "[train][estimate]") {
  B b;
  const auto model = test::tiny_model<Frozen<B>>(b);
  auto all = adapt::attach(b, model, adapt::Lora{.placement = {.rank = 4}});
  auto last =
      adapt::attach(b, model, adapt::Lora{.placement = {.rank = 4, .sites = {.paths = {"blocks.1.down"}}}});
  auto dropped =
      adapt::attach(b, model, adapt::SvdLora{.adapter = {.dropout = 0.1}, .placement = {.rank = 4}});
  const train::FitConfig config{.batch = batch, .accumulate = 3};
  REQUIRE(double(train::estimate(b, model, all, text, config).activations) ==
          Approx(counted(b, model, all)).epsilon(0.02));
  REQUIRE(double(train::estimate(b, model, last, text, config).activations) ==
          Approx(counted(b, model, last)).epsilon(0.02));
  REQUIRE(double(train::estimate(b, model, dropped, text, config).activations) ==
          Approx(counted(b, model, dropped)).epsilon(0.02));
  REQUIRE(counted(b, model, last) < 0.5 * counted(b, model, all));  // frozen blocks below save nothing

  auto trained = test::tiny_model<Parameter<B>>(b);
  train::Everything<B, decltype(trained)> everything(trained);
  REQUIRE(double(train::estimate(b, trained, everything, text, config).activations) ==
          Approx(counted(b, trained, everything)).epsilon(0.02));
}

TEST_CASE("an estimate leaves dropout off and no gradient behind", "[train][estimate]") {
  B b;
  const auto model = test::tiny_model<Frozen<B>>(b);
  auto adapted = adapt::attach(b, model, adapt::Lora{.adapter = {.dropout = 0.1}, .placement = {.rank = 4}});
  train::estimate(b, model, adapted, text, {});
  for (const auto& s : adapted.slots()) REQUIRE_FALSE(s.state.draw.has_value());
  adapted.for_each_parameter([](Parameter<B>& p, double) { REQUIRE(p.grad.empty()); });
}

TEST_CASE("every byte is counted once", "[train][estimate]") {
  B b;
  const auto model = test::tiny_model<Frozen<B>>(b);
  const std::size_t weights = train::weight_bytes<B>(model);
  // embedding, and of each block q, o; k, v; gate, up, down; two gains; then the last gain
  REQUIRE(weights == 4 * (31 * 16 + 2 * (2 * 16 * 16 + 2 * 8 * 16 + 3 * 24 * 16 + 2 * 16) + 16));
  auto adapted =
      adapt::attach(b, model, adapt::Lora{.placement = {.rank = 4, .sites = {.paths = {"blocks.0.up"}}}});
  const auto m = train::estimate(b, model, adapted, text, {});
  REQUIRE(m.weights == weights);
  REQUIRE(m.parameters == 4 * 4 * (16 + 24));
  REQUIRE(m.gradients == m.parameters);
  REQUIRE(m.moments == 2 * m.parameters);
  REQUIRE(m.total() == m.weights + m.activations + 4 * m.parameters);

  auto trained = test::tiny_model<Parameter<B>>(b);
  train::Everything<B, decltype(trained)> everything(trained);
  const auto e = train::estimate(b, trained, everything, text, {});
  REQUIRE(e.parameters == weights);
  REQUIRE(e.weights == 0);
}

TEST_CASE("an estimate is one line in MiB, and the stream is as before", "[train][estimate]") {
  std::ostringstream out;
  train::print(out, {.weights = 3 << 20,
                     .activations = 1 << 19,
                     .parameters = 1 << 20,
                     .gradients = 1 << 20,
                     .moments = 2 << 20});
  REQUIRE(out.str() ==
          "memory: weights 3.0 MiB, activations 0.5, parameters 1.0, gradients 1.0, moments 2.0; about 7.5 "
          "MiB in all\n");
  out.str("");
  out << 0.123456;
  REQUIRE(out.str() == "0.123456");
}
