// SPDX-License-Identifier: MIT
#include <lorica/adapt/placement/budget.hpp>

#include <io/scratch.hpp>
#include "adapt/toy.hpp"

#include <lorica/io/checkpoint.hpp>
#include <lorica/train/fit.hpp>

using namespace lorica;
using namespace lorica::adapt;
using test::error_of;

namespace {
static_assert(DynamicPlacement<Budget<>> && DynamicPlacement<Budget<Dominant>>);
static_assert(Budget<>::asks == grain::direction &&
              Budget<Dominant>::asks == (grain::site | grain::direction));

/// Scores 1, 2, ... n of directions of 10 parameters each.
struct Ladder {
  index_t n = 18;
  index_t size() const { return n; }
  double kth_smallest(index_t k) const { return double(k); }
  double first_beyond(index_t parameters) const {
    const index_t fit = parameters / 10;
    return fit >= n ? -1e300 : double(n - fit);
  }
};
const Placement from{{6, 6, 6}, {10, 10, 10}};
const Budget<> plain{.target = {.per_matrix = 2}, .tinit = {10}, .tfinal = {20}, .interval = 5};
std::string refused(const Budget<>& p, index_t steps = 60) {
  return error_of<ConfigError>([&] { (void)p.begin(from, steps); });
}
}  // namespace

TEST_CASE("a target is per matrix, in all, or in parameters", "[adapt][placement][budget]") {
  CHECK(plain.begin(from, 60).schedule.initial == 18);
  CHECK(plain.begin(from, 60).schedule.target == 6);
  auto p = plain;
  p.target = {.total = 7};
  CHECK(p.begin(from, 60).schedule.target == 7);
  p.target = {.parameters = 70};
  CHECK(p.begin(from, 60).schedule.initial == 180);
  CHECK(p.begin(from, 60).schedule.target == 70);
  CHECK(p.begin(from, 60).in_parameters);
}

TEST_CASE("durations may be shares of the run", "[adapt][placement][budget]") {
  const Budget<> p{.target = {.total = 6}, .tinit = {.share = 0.25}, .tfinal = {.share = 0.5}};
  const auto st = p.begin(from, 200);
  CHECK(st.schedule.tinit == 50);
  CHECK(st.schedule.tfinal == 100);
  CHECK(st.schedule.end() == 100);
}

TEST_CASE("when directions are cut, by either flavour", "[adapt][placement][budget]") {
  auto p = plain;
  const auto act = [&](index_t t) {
    auto st = p.begin(from, 60);
    return p.reallocate(st, t, Ladder{});
  };
  CHECK(act(10).act == Reallocation::keep);
  CHECK(act(11).act == Reallocation::keep);
  CHECK(act(15).act == Reallocation::cut);
  CHECK(act(15).threshold == 6);  // 18 less the budget of 6 + 12 (25/30)^3 = 12.9, cut to 12
  CHECK(act(40).act == Reallocation::cut);
  CHECK(act(41).act == Reallocation::cut);
  CHECK(act(41).threshold == 12);
  CHECK(act(42).act == Reallocation::again);
  p.tfinal = {18};  // the end is off the grid of the interval
  CHECK(act(42).act == Reallocation::keep);
  CHECK(act(43).act == Reallocation::cut);
  p.flavour = Flavour::peft;
  CHECK(act(42).act == Reallocation::cut);
  CHECK(act(43).act == Reallocation::again);
  p.compact = true;
  CHECK(act(42).compact);
  CHECK_FALSE(act(40).compact);
}

TEST_CASE("the last step of a run cuts to the target, however short the final phase",
          "[adapt][placement][budget]") {
  const Budget<> whole{.target = {.total = 6}, .tinit = {}, .tfinal = {}, .interval = 20};
  const auto act = [](const Budget<>& p, index_t steps, index_t t) {
    auto st = p.begin(from, steps);
    return p.reallocate(st, t, Ladder{});
  };
  CHECK(act(whole, 50, 40).act == Reallocation::cut);
  CHECK(act(whole, 50, 20).threshold == 10);  // 18 less 6 + 12 (30/50)^3 = 8.6, cut to 8
  CHECK(act(whole, 50, 48).act == Reallocation::keep);
  CHECK(act(whole, 50, 49).act == Reallocation::cut);
  CHECK(act(whole, 50, 49).threshold == 12);
  auto one = whole;
  one.tfinal = {1};  // the first step past total - tfinal does not exist
  CHECK(act(one, 50, 49).threshold == 12);
  const Budget<> usual{.target = {.total = 6}};
  for (const index_t steps : {1, 2, 3, 4}) {
    CAPTURE(steps);
    CHECK(act(usual, steps, steps - 1).act != Reallocation::keep);
    CHECK((act(usual, steps, steps - 1).act == Reallocation::again ||
           act(usual, steps, steps - 1).threshold == 12));
  }
}

TEST_CASE("scores stop moving when the final phase begins", "[adapt][placement][budget]") {
  const auto st = plain.begin(from, 60);
  CHECK(plain.listens(st, 0));
  CHECK(plain.listens(st, 39));
  CHECK_FALSE(plain.listens(st, 40));
}

TEST_CASE("a budget in parameters asks what no longer fits", "[adapt][placement][budget]") {
  Budget<> p = plain;
  p.target = {.parameters = 75};
  auto st = p.begin(from, 60);
  CHECK(p.reallocate(st, 40, Ladder{}).threshold == 18 - 7);
}

TEST_CASE("impossible budgets are refused before training", "[adapt][placement][budget]") {
  auto p = plain;
  CHECK(refused(p) == "no error");
  CHECK(
      refused(p, 30) ==
      "Budget: tinit is 10 and tfinal 20 of 30 steps, expected tinit < total - tfinal: no step is left in which ranks "
      "may move");
  p.target = {.per_matrix = 6};
  CHECK(refused(p).find("the target is 18 directions, expected below the 18") != std::string::npos);
  p.target = {.per_matrix = 2, .total = 6};
  CHECK(refused(p) ==
        "Budget: the target is 2 directions a matrix, 6 in all, 0 parameters, expected one of the three");
  p.target = {};
  p.target.per_matrix = 0;
  CHECK(refused(p).find("expected one of the three") != std::string::npos);
  p.target.parameters = 9;
  CHECK(refused(p) ==
        "Budget: the target is 9 parameters, expected at least the 10 of one direction at site 0");
  p.target.parameters = -4;
  CHECK(refused(p).find("expected at least 1") != std::string::npos);
}

// --- a budget at work: the toy model, all the library's own types ---
namespace {
using R = test::Reference;

template <class M = AdaLora<>> M moving() {
  M m;
  m.placement = {.start = {.rank = 4}, .target = {.total = 6}, .tinit = {3}, .tfinal = {8}, .interval = 2};
  return m;
}
std::vector<unsigned char> bytes_of(std::string_view text) { return {text.begin(), text.end()}; }
train::Windows text() {
  return train::windows(bytes_of("the rank goes where the loss asks for it, again and again and again"),
                        {.length = 8});
}
train::FitConfig config(index_t steps = 24) {
  return {.steps = steps, .batch = 2, .optimizer = {.lr = 2e-2, .weight_decay = 0}, .clip = 0};
}
/// Text over the toy's vocabulary.
struct Small {
  train::Windows text;
  index_t size() const { return text.size(); }
  void append(nn::Sequences& to, index_t i) const {
    nn::Sequences s;
    text.append(s, i);
    for (auto& id : s.ids) id %= 13;
    for (auto& t : s.targets) t = t < 0 ? t : t % 13;
    to.add_from(s, 0);
  }
};
struct Rows {
  std::vector<double>* losses;
  template <class X> void step(const X&, const train::StepInfo& s) const { losses->push_back(s.loss); }
};
struct Masks {
  Adapted<R, AdaLora<Raw<Fisher>>>* adapted;
  std::vector<std::vector<double>>* seen;
  template <class X> void step(const X& run, const train::StepInfo&) const {
    std::vector<double> all;
    for (std::size_t i = 0; i < adapted->slots().size(); ++i)
      for (const double k : adapted->allocator()->kept(i).template host<double>(run.backend))
        all.push_back(k);
    seen->push_back(all);
  }
};
struct Count {
  index_t* made;
  template <class X> void step(const X&, const train::StepInfo& s) const { *made = s.step + 1; }
};
/// Losses of a run, and what it ends with.
template <class M>
std::pair<std::vector<double>, std::map<std::string, std::vector<double>>> run(const M& method,
                                                                               index_t steps = 24) {
  R b;
  const test::Toy<R> model(b);
  auto adapted = attach(b, model, method, 4);
  std::vector<double> losses;
  train::fit(b, model, adapted, Small{text()}, config(steps), Rows{&losses});
  return {losses, test::values(b, adapted)};
}
}  // namespace

TEST_CASE("a budget is met, ranks move between matrices, and the model goes on learning",
          "[adapt][placement][budget]") {
  R b;
  const test::Toy<R> model(b);
  auto adapted = attach(b, model, moving(), 4);
  CHECK(adapted.ranks() == std::vector<index_t>{4, 4, 4, 4});
  std::vector<double> losses;
  train::fit(b, model, adapted, Small{text()}, config(), Rows{&losses});
  const auto ranks = adapted.ranks();
  CHECK(std::accumulate(ranks.begin(), ranks.end(), index_t{0}) == 6);
  CHECK(ranks != std::vector<index_t>{1, 2, 2, 1});
  CHECK(losses.back() < losses.front());
  // What is off is off by lambda alone.
  for (const auto& s : adapted.slots()) {
    const auto lambda = s.state.factors.lambda.value.host<double>(b);
    const auto live = ranks[static_cast<std::size_t>(s.site.ordinal)];
    CHECK(std::ranges::count(lambda, 0.0) == 4 - live);
    CHECK(std::ranges::count(s.state.factors.q.value.host<double>(b), 0.0) == 0);
  }
}

TEST_CASE("the same budget over doublets, exact singular values, DoRA, and from the dominant sites",
          "[adapt][placement][budget]") {
  R b;
  const test::Toy<R> model(b);
  const auto check = [&](auto adapted) {
    std::vector<double> losses;
    train::fit(b, model, adapted, Small{text()}, config(), Rows{&losses});
    const auto ranks = adapted.ranks();
    CHECK(std::accumulate(ranks.begin(), ranks.end(), index_t{0}) == 6);
    CHECK(losses.back() < losses.front());
  };
  check(attach(b, model, moving<PruneLora>(), 4));
  check(attach(b, model, moving<ExactSvdLora>(), 4));
  check(attach(b, model, moving<Method<Dora<Svd, AlphaOverRankPlusEps>, Raw<Fisher>, Budget<>>>(), 4));
  check(attach(b, model, moving<AdaLora<Accumulated<Movement>>>(), 4));
  check(attach(b, model, moving<AdaLora<Raw<SpectrumMagnitude>>>(), 4));
  Method<Additive<Svd, AlphaOverRankPlusEps>, Both<Page, Smoothed<Sensitivity>>, Budget<Dominant>> dominant;
  dominant.placement = {.start = {.rank = 4, .top = 3}, .target = {.total = 6}, .tinit = {3}, .tfinal = {8}};
  check(attach(b, model, dominant, probe(b, model, test::sequences(), dominant.score), 4));
}

TEST_CASE("a direction that was cut may return", "[adapt][placement][budget]") {
  R b;
  const test::Toy<R> model(b);
  auto method = moving<AdaLora<Raw<Fisher>>>();  // a score that changes its mind
  method.placement.interval = 1;
  auto adapted = attach(b, model, method, 4);
  std::vector<std::vector<double>> seen;
  train::fit(b, model, adapted, Small{text()}, config(), Masks{&adapted, &seen});
  bool returned = false;
  for (std::size_t t = 1; t < seen.size(); ++t)
    for (std::size_t d = 0; d < seen[t].size(); ++d) returned |= seen[t - 1][d] == 0 && seen[t][d] == 1;
  CHECK(returned);
}

TEST_CASE("removing what is off changes no loss while nothing but the loss acts on it",
          "[adapt][placement][budget]") {
  // Without the regulariser (which acts on dead rows too), clipping (whose norm counts them) and decay.
  const auto check = [](auto method) {
    method.placement.compact = false;
    const auto masked = run(method, 40);
    method.placement.compact = true;
    const auto smaller = run(method, 40);
    REQUIRE(masked.first.size() == 40);
    for (std::size_t t = 0; t < 40; ++t) {
      INFO("step " << t);
      CHECK(smaller.first[t] == Approx(masked.first[t]).epsilon(1e-12));
    }
    std::size_t before = 0, after = 0;
    for (const auto& [name, v] : masked.second) before += v.size();
    for (const auto& [name, v] : smaller.second) after += v.size();
    CHECK(double(after) < 0.6 * double(before));  // 6 of 16 directions
  };
  auto triplets = moving();
  triplets.adapter.shape.orthogonality = 0;
  triplets.placement.tfinal = {22};
  check(triplets);
  auto doublets = moving<Method<Additive<LowRank, AlphaOverRank>, Smoothed<Sensitivity>, Budget<>>>();
  doublets.placement.tfinal = {22};
  check(doublets);
}

TEST_CASE("a second run begins with the directions that the first has left", "[adapt][placement][budget]") {
  R b;
  const test::Toy<R> model(b);
  auto method = moving();
  method.placement.compact = true;
  auto adapted = attach(b, model, method, 4);
  train::fit(b, model, adapted, Small{text()}, config());
  CHECK(error_of<ConfigError>([&] {
          train::fit(b, model, adapted, Small{text()}, config());
        }).find("the target is 6 directions, expected below the 6") != std::string::npos);
  const auto ranks = adapted.ranks();
  CHECK(std::accumulate(ranks.begin(), ranks.end(), index_t{0}) == 6);
}

TEMPLATE_TEST_CASE("a run resumed in any phase of a budget is the straight run, bit for bit",
                   "[adapt][placement][budget]", AdaLora<>,
                   (Method<Additive<LowRank, AlphaOverRank>, Windowed<Gsnr>, Budget<>>)) {
  const bool compact = GENERATE(false, true);
  const index_t stop =
      GENERATE(2, 5, 6, 15, 17, 18, 21);  // warm-up, decay (cut and not), the end, the final phase
  auto method = moving<TestType>();
  method.placement.compact = compact;
  R b;
  const test::Toy<R> model(b);
  const test::Scratch folder;
  const io::Checkpoint checkpoint{folder / "run.safetensors", 1};
  index_t made = 0;
  auto first = attach(b, model, method, 4);
  train::fit(b, model, first, Small{text()}, config(), Count{&made}, checkpoint,
             train::StopWhen{[&] { return made == stop; }});
  REQUIRE(made == stop);
  auto second = attach(b, model, method, 4);
  train::LossCurve rest;
  train::fit(b, model, second, Small{text()}, config(), rest, checkpoint);
  CHECK(std::ssize(rest.loss) == config().steps - stop);
  auto straight = attach(b, model, method, 4);
  train::fit(b, model, straight, Small{text()}, config());
  CHECK(test::values(b, second) == test::values(b, straight));
  CHECK(second.ranks() == straight.ranks());
  CHECK(second.allocator()->last()->step == straight.allocator()->last()->step);
}

TEST_CASE("the zero start: read before a step sensitivity sees nothing of lambda, after it what Fisher sees",
          "[adapt][placement][budget][score]") {
  R b;
  const test::Toy<R> model(b);
  auto adapted = attach(b, model, moving(), 4);
  test::backward(b, model, adapted, test::sequences());
  auto& f = adapted.slots()[1].state.factors;
  const auto value = [&](auto element, const std::vector<double>& w) {
    const auto g = f.lambda.grad.host<double>(b);
    std::vector<double> out, cells(4);
    for (std::size_t i = 0; i < w.size(); ++i)
      out.push_back(element.fold(w[i], g[i], Cells<double>{cells.data(), 1}, 0));
    return out;
  };
  // The paper's algorithm 1: lambda is still 0.
  const auto start = f.lambda.value.host<double>(b);
  CHECK(value(Sensitivity{}, start) == std::vector<double>(4, 0.0));
  CHECK(value(Movement{}, start) == std::vector<double>(4, 0.0));
  CHECK(value(Magnitude{}, start) == std::vector<double>(4, 0.0));
  CHECK(std::ranges::count(value(Fisher{}, start), 0.0) == 0);
  // The authors' code: after AdamW's first step lambda = -lr sign(g), so |lambda g| = lr |g|.
  typename train::AdamW::state<R> moments;
  moments.update(b, {.weight_decay = 0}, f.lambda, 0.01, 1);
  const auto sensitivity = value(Sensitivity{}, f.lambda.value.host<double>(b)),
             fisher = value(Fisher{}, start);
  for (std::size_t i = 0; i < 4; ++i)
    CHECK(sensitivity[i] == Approx(0.01 * std::sqrt(fisher[i])).epsilon(1e-4));
}
