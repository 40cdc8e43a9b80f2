// SPDX-License-Identifier: MIT
#include <lorica/train/evaluate.hpp>
#include <lorica/train/fit.hpp>

#include <support/backends.hpp>
#include <support/threads.hpp>
#include <train/tiny.hpp>

#include <functional>
#include <limits>

using namespace lorica;
using B = cpu::EigenBackend<double>;
using train::FitConfig;

namespace {
const adapt::Lora lora{.placement = {.rank = 4}};
const adapt::SvdLora svd{.placement = {.rank = 3}};

struct Outcome {
  test::Numbered state;
  std::vector<double> loss, penalty;
  train::FitResult result;
};
struct PenaltyCurve {
  std::vector<double> value = {};
  template <class R> void step(const R&, const train::StepInfo& s) { value.push_back(s.penalty); }
};
/// A run of new adapters on a new model.
template <class Backend = B, class Method, class Data>
Outcome run(const Method& method, const Data& data, const FitConfig& c,
            const nn::DecoderConfig& shape = test::tiny_config()) {
  Backend b;
  const auto model = test::tiny_model<Frozen<Backend>>(b, shape);
  auto adapted = adapt::attach(b, model, method);
  train::LossCurve curve;
  PenaltyCurve penalty;
  test::Snapshot snapshot;
  const auto result = train::fit(b, model, adapted, data, c, curve, penalty, snapshot);
  return {snapshot.numbers, curve.loss, penalty.value, result};
}
template <class Act> std::string numeric_error(Act act) {
  try {
    act();
  } catch (const NumericError& e) {
    return e.what();
  }
  return "nothing thrown";
}
}  // namespace

TEST_CASE("one step, followed by hand", "[train][fit]") {
  B b;
  test::Point<B> point(b, {0, 1});
  const test::OneEach samples{{3, 5}};
  struct Watch {
    test::Point<B>& point;
    train::StepInfo info = {};
    std::vector<double> gradient = {};
    void step(const train::Run<B>& r, const train::StepInfo& s) {
      info = s;
      gradient = point.w.grad.host<double>(r.backend);
    }
  } watch{point};
  const FitConfig config{.steps = 1, .batch = 2, .optimizer = {.lr = 0.5, .weight_decay = 0}, .clip = 0};
  const auto result = train::fit(b, test::Nothing{}, point, samples, config, test::Distance{}, watch);
  REQUIRE(watch.info.loss == 27);                          // ((3^2 + 2^2) + (5^2 + 4^2)) / 2
  REQUIRE(watch.gradient == std::vector<double>{-8, -6});  // 2 (w - 4), in place when callbacks look
  REQUIRE(watch.info.gradient_norm == Approx(10).epsilon(1e-15));
  REQUIRE(watch.info.lr == 0.5);
  REQUIRE(point.w.value.host<double>(b)[0] == Approx(0.5).epsilon(1e-8));  // Adam's first step is lr long
  REQUIRE(point.w.value.host<double>(b)[1] == Approx(1.5).epsilon(1e-8));
  REQUIRE(result.steps == 1);
  REQUIRE(result.targets == 2);
  REQUIRE(result.loss == 27);
}

TEST_CASE("the norm is told before clipping, the gradient used is clipped", "[train][fit]") {
  B b;
  test::Point<B> point(b, {0, 1});
  const test::OneEach samples{{3, 5}};
  struct Watch {
    test::Point<B>& point;
    double norm = 0, clipped = 0;
    void step(const train::Run<B>& r, const train::StepInfo& s) {
      norm = s.gradient_norm;
      clipped = train::gradient_norm(r.backend, point, s.step);
    }
  } watch{point};
  train::fit(b, test::Nothing{}, point, samples, {.steps = 1, .batch = 2, .clip = 0.25}, test::Distance{},
             watch);
  REQUIRE(watch.norm == Approx(10).epsilon(1e-15));
  REQUIRE(watch.clipped == Approx(0.25 * 10 / (10 + 1e-6)).epsilon(1e-14));
}

TEST_CASE("k micro-batches of n are one batch of k n, whatever targets they have", "[train][fit]") {
  const test::RaggedSamples samples;
  const auto with = [&](const auto& method, index_t batch, index_t accumulate) {
    return run(method, samples,
               {.steps = 8, .batch = batch, .accumulate = accumulate, .optimizer = {.lr = 5e-3}});
  };
  const auto same = [&](const auto& method) {
    const auto whole = with(method, 6, 1);
    REQUIRE(whole.loss.back() != whole.loss.front());
    for (const index_t batch :
         {index_t{3}, index_t{2}, index_t{1}}) {  // single samples may have no target at all
      CAPTURE(batch);
      const auto cut = with(method, batch, 6 / batch);
      REQUIRE(test::distance(cut.state, whole.state) < 1e-12);
      REQUIRE(test::relative_error(cut.loss, whole.loss) < 1e-12);
      REQUIRE(test::relative_error(cut.penalty, whole.penalty) <
              1e-12);  // enters once, however often we accumulate
      REQUIRE(cut.result.targets == whole.result.targets);
    }
    REQUIRE(test::distance(with(method, 3, 1).state, whole.state) > 1e-6);
    return whole;
  };
  REQUIRE(same(lora).penalty.back() == 0);
  REQUIRE(same(svd).penalty.back() > 0);
}

namespace {
/// A point with every optional hook, and the regulariser |w|^2.
struct Hooked : test::Point<B> {
  using Point::Point;
  std::string heard = {};
  void begin(index_t total) { heard += message("begin ", total, ';'); }
  void phase(std::optional<std::uint64_t> draw) { heard += draw ? message("draw ", *draw, ';') : "rest;"; }
  std::optional<MasterVar<B>> penalty(Tape<B>& tape) {
    heard += "penalty;";
    return squared_error(tape.leaf(w), zeros<double>(tape.backend(), 1, w.cols()));
  }
  template <class Companions> void after_step(index_t step, const Companions&) {
    heard += message("after ", step, w.grad.empty() ? " without;" : ";");
  }
};
}  // namespace

TEST_CASE("a trainee is told of every pass, and asked for its regulariser once a step", "[train][fit]") {
  B b;
  Hooked point(b, {1, 2});
  const test::OneEach samples{{3, 5}};
  struct Note {
    Hooked& point;
    double loss = 0, penalty = 0;
    std::vector<double> gradient = {};
    void step(const train::Run<B>& r, const train::StepInfo& s) {
      if (s.step == 0) loss = s.loss, penalty = s.penalty, gradient = point.w.grad.host<double>(r.backend);
    }
  } note{point};
  train::fit(b, test::Nothing{}, point, samples, {.steps = 2, .batch = 1, .accumulate = 2, .clip = 0},
             test::Distance{}, note);
  REQUIRE(point.heard == "begin 2;draw 0;draw 1;penalty;after 0;draw 2;draw 3;penalty;after 1;rest;");
  REQUIRE(note.loss == 15);  // ((4 + 1) + (16 + 9)) / 2, the regulariser apart
  REQUIRE(note.penalty == 5);
  REQUIRE(note.gradient == std::vector<double>{-6 + 2, -4 + 4});  // 2 (w - 4) + 2 w
}

TEST_CASE("data that has an order of its own is seen in it", "[train][fit]") {
  struct Backwards {
    test::RaggedSamples samples = {};
    std::vector<index_t>* seen;
    index_t size() const { return samples.size(); }
    void append(nn::Sequences& to, index_t i) const {
      seen->push_back(i);
      samples.append(to, i);
    }
    auto order(Seed, index_t) const {
      return [n = size()](index_t position) { return n - 1 - position % n; };
    }
  };
  std::vector<index_t> seen;
  (void)run(lora, Backwards{.seen = &seen}, {.steps = 2, .batch = 3});
  CHECK(seen == std::vector<index_t>{23, 22, 21, 20, 19, 18});
}

TEST_CASE("a run is a function of its seed", "[train][fit]") {
  const test::RaggedSamples samples;
  const auto with = [&](Seed seed) { return run(lora, samples, {.steps = 6, .batch = 4, .seed = seed}); };
  const auto one = with(1), again = with(1), other = with(2);
  REQUIRE(test::difference(one.state, again.state) == "");
  REQUIRE(one.loss == again.loss);
  REQUIRE(one.loss != other.loss);
}

TEMPLATE_TEST_CASE("a run does not depend on how many threads there are", "[train][fit]",
                   cpu::EigenBackend<double>, cpu::EigenBackend<float>) {
  const nn::DecoderConfig shape{
      .vocabulary = 31,
      .width = 64,
      .layers = 1,
      .positions = 32,
      .block = {.attention = {.heads = 4, .kv_heads = 2}, .feed_forward = {.hidden = 112}}};
  const train::Windows text(test::tiny_text(2000), {.length = 32});
  adapt::Lora method = lora;
  method.adapter.dropout = 0.1;
  const auto with = [&](int n) {
    const test::Threads threads(n);
    return run<TestType>(method, text, {.steps = 4, .batch = 16, .optimizer = {.lr = 1e-2}}, shape);
  };
  const auto one = with(1);
  for (const int n : {2, 3}) {
    CAPTURE(n);
    const auto more = with(n);
    REQUIRE(test::difference(more.state, one.state) == "");
    REQUIRE(more.loss == one.loss);
  }
}

TEST_CASE("dropout is active in training and only there", "[train][fit]") {
  const test::RaggedSamples samples;
  adapt::Lora dropping = lora;
  dropping.adapter.dropout = 0.5;
  const FitConfig config{.steps = 6, .batch = 6, .optimizer = {.lr = 2e-2}};
  const auto with = run(dropping, samples, config), without = run(lora, samples, config);
  REQUIRE(with.loss[0] == without.loss[0]);  // B = 0: nothing is added yet
  REQUIRE(with.loss[3] != without.loss[3]);

  B b;
  const auto model = test::tiny_model<Frozen<B>>(b);
  auto adapted = adapt::attach(b, model, dropping);
  struct Evaluate {
    std::function<void()> now;
    void step(const train::Run<B>&, const train::StepInfo& s) const {
      if (s.step + 1 < s.steps) now();
    }
  };
  train::LossCurve curve;
  test::Snapshot snapshot;
  train::fit(b, model, adapted, samples, config, curve, snapshot,
             Evaluate{[&] { train::evaluate(b, model, adapted, samples); }});
  REQUIRE(test::difference(snapshot.numbers, with.state) == "");  // looking on the way changes nothing
  REQUIRE(curve.loss == with.loss);
  for (const auto& s : adapted.slots()) REQUIRE_FALSE(s.state.draw.has_value());
}

TEST_CASE("a parameter that becomes NaN ends the run with its name and the step", "[train][fit]") {
  B b;
  const auto model = test::tiny_model<Frozen<B>>(b);
  auto adapted = adapt::attach(b, model, lora);
  struct Poison {
    Parameter<B>& p;
    void step(train::Run<B>& r, const train::StepInfo& s) const {
      if (s.step == 2) fill(r.backend, p.value, std::numeric_limits<double>::quiet_NaN());
    }
  };
  Parameter<B>& down = adapted.slots()[6].state.factors.b;
  REQUIRE(down.name == "blocks.0.down.B");
  const auto what = numeric_error([&] {
    train::fit(b, model, adapted, test::RaggedSamples{}, {.steps = 9, .batch = 4, .optimizer = {.lr = 0.25}},
               Poison{down});
  });
  REQUIRE(what ==
          "step 3: the loss is nan, and the parameter blocks.0.down.B is not finite; lower the learning rate "
          "(0.25 at this step), or look for tokens "
          "the model has never seen");
}

TEST_CASE("a loss that is not finite though all parameters are says so", "[train][fit]") {
  B b;
  test::Point<B> point(b, {1e200});
  const test::OneEach samples{{3, 5}};
  const auto what =
      numeric_error([&] { train::fit(b, test::Nothing{}, point, samples, {.steps = 1}, test::Distance{}); });
  REQUIRE(what.find("step 0: the loss is inf, though every parameter is finite; lower") == 0);
}

TEST_CASE("a gradient that is not finite ends the run before the step is made", "[train][fit]") {
  struct Wild : test::Point<B> {
    using Point::Point;
    std::optional<MasterVar<B>> penalty(Tape<B>& tape) {
      return lorica::scale(squared_error(tape.leaf(w), zeros<double>(tape.backend(), 1, 1)),
                           std::numeric_limits<double>::infinity());
    }
  };
  B b;
  Wild point(b, {1});
  const test::OneEach samples{{3, 5}};
  const auto what =
      numeric_error([&] { train::fit(b, test::Nothing{}, point, samples, {.steps = 1}, test::Distance{}); });
  REQUIRE(what.find("step 0: the gradient of w is not finite; lower the learning rate, or clip") == 0);
  REQUIRE(point.w.value.host<double>(b) == std::vector<double>{1});
}

TEST_CASE("a batch without any target is refused", "[train][fit]") {
  struct Untold {
    [[nodiscard]] index_t size() const { return 2; }
    void append(nn::Sequences& to, index_t) const { to.add(std::vector<std::int32_t>{1, 2}, {}); }
  };
  REQUIRE_THROWS_WITH(run(lora, Untold{}, {.steps = 1, .batch = 1}), "step 0: the batch has no targets");
  REQUIRE_THROWS_WITH(run(lora, test::RaggedSamples{0}, {.steps = 1}), "data: no samples");
}

namespace {
struct Rated : test::Point<B> {
  double rate;
  Rated(B& b, double r) : Point(b, {0}), rate(r) {}
  template <class F> void for_each_parameter(F f) { f(w, rate); }
};
}  // namespace

TEST_CASE("the rate follows the schedule and the trainee's own multiple, a rate of 0 keeps still",
          "[train][fit]") {
  const test::OneEach samples{{3}};
  const FitConfig config{
      .steps = 1, .batch = 1, .optimizer = {.lr = 0.5, .weight_decay = 0}, .schedule = {.warmup = 1}};
  const auto moved = [&](double rate, const FitConfig& c) {
    B b;
    Rated point(b, rate);
    train::fit(b, test::Nothing{}, point, samples, c, test::Distance{});
    return point.w.value.host<double>(b)[0];
  };
  REQUIRE(moved(1, config) == Approx(0.5).epsilon(1e-7));
  REQUIRE(moved(16, config) == Approx(8).epsilon(1e-7));
  REQUIRE(moved(0, config) == 0);
  FitConfig warming = config;
  warming.steps = 2;
  warming.schedule.warmup = 2;
  REQUIRE(moved(1, warming) == Approx(0.25 + 0.5).epsilon(0.02));  // half the rate, then the whole
}

namespace {
/// Trains a number of its own beside the trainee's, towards 3.
struct WithHead : test::Distance {
  Parameter<B>* head;
  template <class F> void for_each_parameter(F f) const { f(*head); }
  template <class P>
  nn::Loss<B> loss(Tape<B>& tape, const test::Nothing& model, P& policy, const nn::Batch<B>& batch) const {
    auto both = Distance::loss(tape, model, policy, batch);
    const MasterTensor<B> three(tape.backend(), 1, 1, std::vector<double>{3});
    both.sum = add(std::move(both.sum), squared_error(tape.leaf(*head), three));
    return both;
  }
};
}  // namespace

TEST_CASE("what the objective trains has a rate of its own where one is given", "[train][fit]") {
  const auto moved = [](std::optional<double> head_lr) {
    B b;
    test::Point<B> point(b, {0});
    Parameter<B> head{"head", zeros<double>(b, 1, 1), {}};
    train::fit(b, test::Nothing{}, point, test::OneEach{{3}},
               {.steps = 1,
                .batch = 1,
                .optimizer = {.lr = 0.5, .weight_decay = 0},
                .schedule = {.warmup = 1},
                .head_lr = head_lr},
               WithHead{{}, &head});
    return std::pair(point.w.value.host<double>(b)[0], head.value.host<double>(b)[0]);
  };
  CHECK(moved({}).first == Approx(0.5).epsilon(1e-7));
  CHECK(moved({}).second == Approx(0.5).epsilon(1e-7));
  CHECK(moved(0.125).first == Approx(0.5).epsilon(1e-7));
  CHECK(moved(0.125).second == Approx(0.125).epsilon(1e-7));
}

TEST_CASE("two parameters of one name would share their moments, and are refused", "[train][fit]") {
  B b;
  test::Point<B> point(b, {0});
  Parameter<B> head{point.w.name, zeros<double>(b, 1, 1), {}};
  REQUIRE_THROWS_WITH(
      train::fit(b, test::Nothing{}, point, test::OneEach{{3}}, {.steps = 1, .batch = 1},
                 WithHead{{}, &head}),
      "fit: two parameters are named '" + point.w.name + "', expected a name of its own for each");
  REQUIRE(point.w.grad.empty());
}

TEST_CASE("a configuration that cannot be right is refused before the first step", "[train][fit]") {
  const auto refused = [](FitConfig c, const std::string& text) {
    B b;
    test::Point<B> point(b, {0});
    CAPTURE(text);
    REQUIRE_THROWS_WITH(train::fit(b, test::Nothing{}, point, test::OneEach{{1}}, c, test::Distance{}), text);
    REQUIRE(point.w.grad.empty());
  };
  refused({.steps = 0}, "fit: 0 steps, expected at least 1");
  refused({.batch = 0}, "fit: a batch of 0 accumulated 1 times, expected at least 1 and 1");
  refused({.accumulate = -1}, "fit: a batch of 16 accumulated -1 times, expected at least 1 and 1");
  refused({.optimizer = {.lr = 0}}, "fit: the learning rate is 0, expected above 0");
  refused({.optimizer = {.lr = std::numeric_limits<double>::infinity()}},
          "fit: the learning rate is inf, expected above 0");
  refused({.head_lr = 0.0}, "fit: the head's learning rate is 0, expected above 0");
  refused({.optimizer = {.beta1 = 1}}, "fit: the betas are 1 and 0.999, expected 0 <= beta < 1");
  refused({.optimizer = {.beta2 = -0.5}}, "fit: the betas are 0.9 and -0.5, expected 0 <= beta < 1");
  refused({.optimizer = {.eps = 0}},
          "fit: eps is 0 and the weight decay 0.01, expected above 0, and 0 or above");
  refused({.optimizer = {.weight_decay = -1}},
          "fit: eps is 1e-08 and the weight decay -1, expected above 0, and 0 or above");
  refused({.clip = -1}, "fit: clipping at a norm of -1, expected 0 (off) or above");
  refused({.steps = 5, .schedule = {.warmup = 6}}, "schedule: a warm-up of 6 steps in a run of 5");
}

TEST_CASE("a run that recomputes blocks is the same run", "[train][fit]") {
  const test::RaggedSamples samples;
  const adapt::AdaLora<> method{
      .adapter = {.dropout = 0.2},
      .placement = {.start = {.rank = 4}, .target = {.per_matrix = 2}, .tinit = {2}, .tfinal = {2}}};
  FitConfig config{.steps = 8, .batch = 3, .accumulate = 2, .optimizer = {.lr = 5e-3}};
  auto shape = test::tiny_config();
  shape.layers = 3;
  const auto kept = run(method, samples, config, shape);
  const auto identity = config.whole_identity();
  config.checkpoint_blocks = true;
  const auto again = run(method, samples, config, shape);
  REQUIRE(test::difference(again.state, kept.state).empty());
  REQUIRE(again.loss == kept.loss);
  REQUIRE(again.penalty == kept.penalty);
  REQUIRE(config.whole_identity() == identity);  // one may go on with the other's checkpoint
}

TEST_CASE("a run's identity tells apart whatever a resumed run must agree on", "[train][fit]") {
  const FitConfig base{.identity = "lora"};
  const auto differs = [&](const std::function<void(FitConfig&)>& change) {
    FitConfig c = base;
    change(c);
    return c.whole_identity() != base.whole_identity();
  };
  REQUIRE_FALSE(differs([](FitConfig&) {}));
  REQUIRE(differs([](FitConfig& c) { c.identity = "svd"; }));
  REQUIRE(differs([](FitConfig& c) { c.steps = 101; }));
  REQUIRE(differs([](FitConfig& c) { c.batch = 8; }));
  REQUIRE(differs([](FitConfig& c) { c.accumulate = 2; }));
  REQUIRE(differs(
      [](FitConfig& c) { c.optimizer.lr = std::nextafter(c.optimizer.lr, 1); }));  // the last bit counts
  REQUIRE(differs([](FitConfig& c) { c.optimizer.weight_decay = 0; }));
  REQUIRE(differs([](FitConfig& c) { c.schedule.shape = train::Schedule::cosine; }));
  REQUIRE(differs([](FitConfig& c) { c.head_lr = 1e-3; }));
  REQUIRE(differs([](FitConfig& c) { c.clip = 0; }));
  REQUIRE(differs([](FitConfig& c) { c.seed = 1; }));
}
