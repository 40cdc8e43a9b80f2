// SPDX-License-Identifier: MIT
#include <lorica/train/callback.hpp>

#include <support/backends.hpp>
#include <train/tiny.hpp>

#include <sstream>

using namespace lorica;
using B = cpu::EigenBackend<double>;

namespace {
const test::OneEach samples{{1, 2, 3, 4}};

template <class... Callbacks> train::FitResult run(index_t steps, Callbacks&&... callbacks) {
  B b;
  test::Point<B> point(b, {0});
  return train::fit(b, test::Nothing{}, point, samples, {.steps = steps, .batch = 2, .identity = "a point"},
                    test::Distance{}, callbacks...);
}

/// Writes down what it hears.
struct Listener {
  std::string heard = {};
  template <class R> void begin(R& r) { heard += message("begin at ", r.step, " of ", r.steps, ';'); }
  template <class R> void step(R& r, const train::StepInfo& s) {
    heard += message(s.step, " next ", r.step, ';');
  }
  template <class R> void end(R& r) { heard += message("end at ", r.step); }
};
struct BeginOnly {
  int* count;
  template <class R> void begin(R&) const { ++*count; }
};
struct EndOnly {
  int* count;
  template <class R> void end(R&) const { ++*count; }
};
struct Named {
  std::string& heard;
  char name;
  template <class R> void begin(R&) const { heard += name; }
  template <class R> void end(R&) const { heard += name; }
};
struct Deaf {};
struct Keep {
  std::vector<train::StepInfo> steps = {};
  template <class R> void step(const R&, const train::StepInfo& s) { steps.push_back(s); }
};
}  // namespace

TEST_CASE("a callback has any of the hooks, or none", "[train][callback]") {
  Listener all;
  int begins = 0, ends = 0;
  run(2, Deaf{}, all, BeginOnly{&begins}, EndOnly{&ends});
  REQUIRE(all.heard == "begin at 0 of 2;0 next 1;1 next 2;end at 2");
  REQUIRE(begins == 1);
  REQUIRE(ends == 1);
}

TEST_CASE("who observes first is the last to be told of the end", "[train][callback]") {
  std::string heard;
  run(1, Named{heard, 'a'}, Named{heard, 'b'}, Named{heard, 'c'});
  REQUIRE(heard == "abccba");
}

TEST_CASE("what a callback lacks is never asked of it", "[train][callback]") {
  struct Run {
  } r;
  Deaf deaf;
  train::detail::call_begin(deaf, r);
  train::detail::call_step(deaf, r, {});
  train::detail::call_end(deaf, r);
  REQUIRE_FALSE(train::detail::call_stop(deaf));
}

TEST_CASE("a run ends after the step during which the condition became true", "[train][callback]") {
  int asked = 0;
  Listener heard;
  const auto result = run(9, train::StopWhen{[&] { return ++asked == 3; }}, heard);
  REQUIRE(asked == 3);
  REQUIRE(result.steps == 3);
  REQUIRE(result.stopped);
  REQUIRE(heard.heard.ends_with("2 next 3;end at 3"));
  REQUIRE_FALSE(run(3, train::StopWhen{[] { return false; }}).stopped);
  REQUIRE_FALSE(run(1, train::StopWhen{[] { return true; }}).stopped);  // nothing was left to do
}

TEST_CASE("a step tells what it did", "[train][callback]") {
  Keep keep;
  train::LossCurve curve;
  const auto result = run(5, keep, curve);
  REQUIRE(keep.steps.size() == 5);
  double seconds = 0;
  for (std::size_t i = 0; i < 5; ++i) {
    const auto& s = keep.steps[i];
    REQUIRE(s.step == static_cast<index_t>(i));
    REQUIRE(s.steps == 5);
    REQUIRE(s.targets == 2);
    REQUIRE(s.penalty == 0);
    REQUIRE(s.lr == 1e-3);
    REQUIRE(s.gradient_norm > 0);
    REQUIRE(s.seconds >= 0);
    REQUIRE(curve.loss[i] == s.loss);
    seconds += s.seconds;
  }
  REQUIRE(curve.loss.size() == 5);
  REQUIRE(result.loss == curve.loss.back());
  REQUIRE(result.targets == 10);
  REQUIRE(result.seconds == Approx(seconds));
}

TEST_CASE("losses are printed every so many steps and at the end", "[train][callback]") {
  const auto lines = [](index_t every) {
    std::ostringstream out;
    run(5, train::PrintLoss{out, every});
    std::string steps;
    std::istringstream in(out.str());
    for (std::string line; std::getline(in, line);) {
      REQUIRE(line.find("/5  loss ") != std::string::npos);
      steps += line.substr(5, line.find('/') - 5) + ' ';
    }
    return steps;
  };
  REQUIRE(lines(2) == "2 4 5 ");
  REQUIRE(lines(100) == "5 ");
  REQUIRE(lines(0) == "5 ");
}

TEST_CASE("a callback sees all that evolves, and whose it is", "[train][callback]") {
  struct Look {
    std::string identity = {};
    test::Numbered start = {}, end_state = {};
    void begin(train::Run<B>& r) {
      identity = r.identity;
      test::StateCopy copy(r.backend);
      r.visit_state(copy);
      start = copy.numbers;
    }
    void end(train::Run<B>& r) {
      test::StateCopy copy(r.backend);
      r.visit_state(copy);
      end_state = copy.numbers;
    }
  } look;
  run(4, look);
  REQUIRE(look.identity.find("a point; steps 4, batch 2 x 1") == 0);
  REQUIRE(
      look.start ==
      test::Numbered{
          {"step", {0}}, {"w", {0}}, {"w.adam_before", {0}}, {"w.adam_mean", {0}}, {"w.adam_square", {0}}});
  REQUIRE(look.end_state.at("step") == std::vector<double>{4});
  REQUIRE(look.end_state.at("w")[0] > 0);
  REQUIRE(look.end_state.at("w.adam_mean")[0] < 0);
}
