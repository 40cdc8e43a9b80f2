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

namespace {
/// Texts of 4 to 48 tokens.
struct Lengths {
  index_t count = 60;
  [[nodiscard]] index_t size() const { return count; }
  void append(nn::Sequences& to, index_t i) const {
    const auto n = 4 + static_cast<index_t>(Stream(5, "length", "").below(45, static_cast<std::uint64_t>(i)));
    const auto ids = test::tiny_text(n + 1, static_cast<Seed>(i + 1));
    to.add(std::span(ids).first(static_cast<std::size_t>(n)),
           std::span(ids).last(static_cast<std::size_t>(n)));
  }
};
/// What was foreseen of a run over what it had at its peak. Weights in float stay where the source made them;
/// in double all is the backend's memory.
template <class Backend, class Model, class T, class D>
double foreseen(Backend& b, const Model& model, T& trainee, const D& data, const train::FitConfig& c) {
  const std::size_t before = b.pool().in_use();
  const auto m = train::estimate(b, model, trainee, data, c);
  CHECK(b.pool().in_use() == before);
  const auto result = train::fit(b, model, trainee, data, c);
  CHECK(m.measured(result) == m.weights + m.parameters + result.peak);
  if (std::same_as<typename Backend::scalar, double>)
    CHECK(double(m.weights + m.parameters) == Approx(double(before)).epsilon(0.03));
  return double(m.total()) / double(m.measured(result));
}
template <class Backend>
void foresees(const nn::DecoderConfig& shape, bool checkpoint, index_t samples, index_t accumulate) {
  const train::Windows windows(test::tiny_text(3000), {.length = 48});
  const train::FitConfig config{
      .steps = 4, .batch = samples, .accumulate = accumulate, .checkpoint_blocks = checkpoint};
  INFO(shape.width << " wide, " << shape.layers << " layers" << (checkpoint ? ", recomputed" : "")
                   << ", accumulated " << accumulate);
  const auto within = [&](const char* what, double ratio) {
    INFO(what << ": " << ratio);
    CHECK(ratio > 0.9);
    CHECK(ratio < 1.1);
  };
  const auto of = [&](const char* what, const auto& method) {
    Backend b;
    const auto model = test::tiny_model<Frozen<Backend>>(b, shape);
    for (const bool ragged : {false, true}) {
      auto adapted = adapt::attach(b, model, method);
      if (ragged)
        within(what, foreseen(b, model, adapted, Lengths{}, config));
      else
        within(what, foreseen(b, model, adapted, windows, config));
    }
  };
  of("LoRA", adapt::Lora{.adapter = {.dropout = 0.1}, .placement = {.rank = 4}});
  of("DomLoRA's one site", adapt::Lora{.placement = {.rank = 4, .sites = {.paths = {"blocks.1.down"}}}});
  of("AdaLoRA", adapt::AdaLora<>{.placement = {.start = {.rank = 4}, .target = {.per_matrix = 2}}});
  Backend b;
  auto model = test::tiny_model<Parameter<Backend>>(b, shape);
  train::Everything<Backend, decltype(model)> everything(model);
  within("all weights", foreseen(b, model, everything, windows, config));
}
}  // namespace

TEST_CASE("an estimate is within a tenth of what a run has in use at its peak", "[train][estimate]") {
  nn::DecoderConfig shape = test::tiny_config();
  shape.positions = 48;
  shape.layers = 4;
  for (const bool checkpoint : {false, true}) {
    foresees<cpu::EigenBackend<float>>(shape, checkpoint, 24, 1);  // windows of 1152 rows: half is measured
    auto wider = shape;
    wider.width = 64, wider.vocabulary = 400, wider.layers = 3, wider.block.feed_forward.hidden = 160;
    foresees<cpu::EigenBackend<float>>(wider, checkpoint, 7, 2);
  }
  shape.layers = 2;
  foresees<cpu::EigenBackend<double>>(shape, true, 3, 1);
}

TEST_CASE("the largest batch of the run is what is measured", "[train][estimate]") {
  const Lengths data{20};
  const auto rows = [&](index_t i) {
    nn::Sequences s;
    data.append(s, i);
    return s.rows();
  };
  train::FitConfig c{.steps = 7, .batch = 3, .accumulate = 2, .seed = 4};
  const auto largest = train::detail::largest_batch(data, c);
  REQUIRE(largest.size() == 3);
  REQUIRE(rows(largest[0]) >= rows(largest[1]));
  REQUIRE(rows(largest[1]) >= rows(largest[2]));
  index_t most = 0;
  struct Peak {
    index_t& most;
    void step(const train::Run<B>&, const train::StepInfo& s) { most = std::max(most, s.tokens); }
  };
  c.steps *= c.accumulate, c.accumulate = 1;  // the same batches, told one by one
  B b;
  const auto model = test::tiny_model<Frozen<B>>(b, [] {
    auto shape = test::tiny_config();
    shape.positions = 48;
    return shape;
  }());
  auto lora = adapt::attach(b, model, adapt::Lora{.placement = {.rank = 1}});
  train::fit(b, model, lora, data, c, Peak{most});
  REQUIRE(rows(largest[0]) + rows(largest[1]) + rows(largest[2]) == most);
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
  REQUIRE(m.total() == m.weights + 3 * m.parameters + m.step);

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
                     .moments = 2 << 20,
                     .step = 2 << 20});
  REQUIRE(
      out.str() ==
      "memory: weights 3.0 MiB, activations 0.5, parameters 1.0, gradients 1.0, moments 2.0; at most about "
      "8.0 MiB at a time\n");
  out.str("");
  out << 0.123456;
  REQUIRE(out.str() == "0.123456");
}
