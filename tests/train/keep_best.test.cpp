// SPDX-License-Identifier: MIT
#include <lorica/train/keep_best.hpp>

#include <io/scratch.hpp>
#include <support/backends.hpp>
#include <train/tiny.hpp>

#include <lorica/io/checkpoint.hpp>

using namespace lorica;
using B = cpu::EigenBackend<double>;

namespace {
const test::OneEach samples{{1, 2, 3, 4}};
const double no_number = std::numeric_limits<double>::quiet_NaN();

/// Where w was after every step.
struct Path {
  std::vector<double> w = {};
  B& b;
  test::Point<B>& point;
  template <class R> void step(R&, const train::StepInfo&) { w.push_back(point.w.value.host<double>(b)[0]); }
};
/// A run whose measurements are given.
struct Scripted {
  std::vector<double> said = {};
  train::KeepBestConfig config = {};
  index_t steps = 8;

  B b = {};
  test::Point<B> point{b, {0}};
  Path path{{}, b, point};
  std::size_t asked = 0;
  std::optional<train::KeepBest<B>> best = {};
  train::FitResult result = {};

  void run() {
    config.measure = [this] { return said.at(asked++); };
    best.emplace(config);
    result =
        train::fit(b, test::Nothing{}, point, samples, {.steps = steps, .batch = 2, .optimizer = {.lr = 0.1}},
                   test::Distance{}, path, *best);
  }
  double w() { return point.w.value.host<double>(b)[0]; }
};
}  // namespace

TEST_CASE("what trains is left as it was when the measure was best", "[train][keep_best]") {
  for (const bool larger : {true, false}) {
    Scripted s{.said = {1, 3, 2, 3}, .config = {.every = 2}};
    if (!larger) {
      s.config.better = train::Better::smaller;
      for (double& x : s.said) x = -x;
    }
    s.run();
    CHECK(s.asked == 4);
    CHECK(s.best->step() == 4);  // of equals the first
    CHECK(s.best->value() == (larger ? 3 : -3));
    CHECK(s.w() == s.path.w[3]);
    CHECK(s.w() != s.path.w[7]);
    CHECK(s.result.steps == 8);
    CHECK_FALSE(s.result.stopped);
    CHECK_FALSE(s.best->gave_up());
  }
}

TEST_CASE("the last step is measured, wherever it falls", "[train][keep_best]") {
  Scripted s{.said = {1, 2, 5}, .config = {.every = 3}};
  s.run();
  CHECK(s.asked == 3);
  CHECK(s.best->step() == 8);
  CHECK(s.w() == s.path.w[7]);
}

TEST_CASE("a run ends when patience does, and begins to count anew where it became better",
          "[train][keep_best]") {
  Scripted s{.said = {1, 0, 2, 2, 1, 9}, .config = {.every = 1, .patience = 2}};
  s.run();
  CHECK(s.result.steps == 5);
  CHECK(s.result.stopped);
  CHECK(s.best->gave_up());
  CHECK(s.best->step() == 3);
  CHECK(s.w() == s.path.w[2]);
}

TEST_CASE("what is not a number is better than nothing", "[train][keep_best]") {
  Scripted some{.said = {no_number, 1, no_number, 0}, .config = {.every = 2}};
  some.run();
  CHECK(some.best->step() == 4);
  Scripted none{.said = {no_number, no_number, no_number, no_number}, .config = {.every = 2}};
  none.run();
  CHECK(none.best->step() == 0);
  CHECK(none.w() == none.path.w[7]);
}

TEST_CASE("a measure and its times are needed", "[train][keep_best]") {
  CHECK(test::error_of<ConfigError>([] { train::KeepBest<B>({.every = 2}); }) ==
        "KeepBest: there is no measure, expected a function of what to compare");
  CHECK(test::error_of<ConfigError>([] {
          train::KeepBest<B>({.measure = [] { return 1.0; }, .every = 0});
        }) == "KeepBest: every 0 steps with a patience of 0, expected at least 1 and 0");
}

namespace {
/// AdaLoRA on a decoder, measured after every step by a measure that falls: the first that counts is best.
struct Moving {
  bool compact;
  B b = {};
  nn::Decoder<B> model = test::tiny_model<Frozen<B>>(b);
  adapt::AdaLora<> method() const {
    return {.placement = {.start = {.rank = 4},
                          .target = {.per_matrix = 2},
                          .tinit = {3},
                          .tfinal = {8},
                          .interval = 2,
                          .compact = compact}};
  }
};
const test::RaggedSamples few;
const train::FitConfig config{.steps = 20, .batch = 3, .optimizer = {.lr = 0.02}, .identity = "tiny"};
}  // namespace

TEST_CASE("under a budget only steps after the last cut are compared", "[train][keep_best]") {
  const bool compact = GENERATE(false, true);
  CAPTURE(compact);
  Moving m{compact};
  auto adapted = adapt::attach(m.b, m.model, m.method(), 4);
  std::vector<index_t> measured;
  index_t made = 0;
  test::Numbered then;
  train::KeepBest<B> best({.measure =
                               [&] {
                                 measured.push_back(made + 1);
                                 return -double(measured.size());
                               },
                           .every = 1,
                           .patience = 0});
  struct Count {
    index_t& made;
    test::Numbered& then;
    adapt::Adapted<B, adapt::AdaLora<>>& adapted;
    void step(train::Run<B>& run, const train::StepInfo&) {
      if (++made != 14) return;
      test::StateCopy copy(run.backend);
      adapted.visit_state(copy);
      then = copy.numbers;
    }
  } count{made, then, adapted};
  train::fit(m.b, m.model, adapted, few, config, best, count);
  REQUIRE(measured == std::vector<index_t>{14, 15, 16, 17, 18, 19, 20});  // step 13, 0-based, is the last cut
  CHECK(best.step() == 14);
  test::StateCopy now(m.b);
  adapted.visit_state(now);
  CHECK(test::difference(now.numbers, then).empty());
}

TEST_CASE("a resumed run keeps the best of before, and has the patience that was left",
          "[train][keep_best]") {
  const bool compact = GENERATE(false, true);
  const index_t stop = GENERATE(5, 15, 17);  // nothing measured yet, the best just kept, after it
  CAPTURE(compact, stop);
  const test::Scratch folder;
  const auto file = folder / "run.safetensors";
  const auto run = [&](bool with_file, index_t until) {
    Moving m{compact};
    auto adapted = adapt::attach(m.b, m.model, m.method(), 4);
    index_t made = 0;
    // Better at steps 14 and 15, worse from then on; by the step, so that a resumed run says the same.
    struct Count {
      index_t& made;
      void begin(train::Run<B>& run) { made = run.step; }
      void step(train::Run<B>& run, const train::StepInfo&) { made = run.step; }
    } count{made};
    train::KeepBest<B> best(
        {.measure = [&] { return made <= 15 ? double(made) : -double(made); }, .every = 1, .patience = 3});
    const auto stops = train::StopWhen{[&] { return made == until; }};
    train::FitResult result;
    if (with_file) {
      io::Checkpoint checkpoint{file, 1};
      result = train::fit(m.b, m.model, adapted, few, config, count, best, checkpoint, stops);
    } else {
      result = train::fit(m.b, m.model, adapted, few, config, count, best, stops);
    }
    test::StateCopy copy(m.b);
    adapted.visit_state(copy);
    return std::tuple(copy.numbers, best.step(), best.value(), result.steps);
  };
  const auto straight = run(false, 99);
  CHECK(std::get<1>(straight) == 15);
  CHECK(std::get<3>(straight) == 18);
  (void)run(true, stop);
  const auto resumed = run(true, 99);
  CHECK(test::difference(std::get<0>(resumed), std::get<0>(straight)).empty());
  CHECK(std::get<1>(resumed) == 15);
  CHECK(std::get<2>(resumed) == 15);
  CHECK(std::get<3>(resumed) == 18);
}
