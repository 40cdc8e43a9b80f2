// SPDX-License-Identifier: MIT
/// @file tests/conformance/replay_allocator.cpp
/// Feeds recorded parameters and gradients to the library's Budget and Smoothed<Sensitivity>, in float, and
/// compares with what the authors' AdaLoRA ("orig") and Hugging Face PEFT ("peft") made of them, on every CPU
/// backend whose parameters are float: bf16 holds none of them. Format: adalora-golden/1.
#include "conformance/replay.hpp"

#include <bit>
#include <iostream>

using namespace lorica;
using replay::Tally;
using replay::Value;

namespace {
using Score = adapt::Smoothed<adapt::Sensitivity>;

bool same_bits(float a, float b) {
  return std::bit_cast<std::uint32_t>(a) == std::bit_cast<std::uint32_t>(b);
}
/// Whether a and b are at most `most` floats apart; both NaN is the same.
bool within(float a, float b, std::int64_t most) {
  if (std::isnan(a) || std::isnan(b)) return std::isnan(a) == std::isnan(b);
  const auto place = [](float x) {
    const auto u = std::int64_t{std::bit_cast<std::int32_t>(x)};
    return u < 0 ? std::int64_t{-2147483648} - u : u;
  };
  return std::abs(place(a) - place(b)) <= most;
}

template <Backend B> struct Layer {
  SiteInfo site;
  index_t rank;
  Parameter<B> q, p, lambda;
};
struct Counts {
  Tally budgets, masks, averages, scores, thresholds, pattern;
  [[nodiscard]] bool good() const {
    return budgets.different + masks.different + averages.different + scores.different +
               thresholds.different + pattern.different ==
           0;
  }
};

template <Backend B> std::string bits(B& b, const MasterTensor<B>& kept) {
  std::string s;
  for (const double x : kept.template host<double>(b)) s += x != 0 ? '1' : '0';
  return s;
}

template <Backend B> Counts replay_case(const Value& c, const char* key, adapt::Flavour flavour) {
  B b;
  const Value& config = c.at("config");
  std::vector<Layer<B>> layers;
  adapt::Placement start;
  for (const Value& l : c.at("layers").as_array()) {
    const auto n = static_cast<index_t>(layers.size());
    const std::string name = l.at("name").as_string();
    const index_t in = l.at("in").as_integer(), out = l.at("out").as_integer(), r = l.at("r").as_integer();
    layers.push_back(
        {{n, n, Role::other, in, out, name}, r, {name + ".A", {}}, {name + ".B", {}}, {name + ".E", {}}});
    start.rank.push_back(r);
  }
  const auto feed = [&](const Value& given, Layer<B>& l) {
    const auto set = [&](Parameter<B>& p, index_t rows, index_t cols, const char* w, const char* g) {
      p.value = {b, rows, cols, replay::numbers<float>(given.at(w), 0x1p-12)};
      p.grad = {b, rows, cols, replay::numbers<float>(given.at(g), 0x1p-14)};
    };
    set(l.q, l.rank, l.site.in, "A", "gA");
    set(l.lambda, 1, l.rank, "E", "gE");
    set(l.p, l.site.out, l.rank, "B", "gB");
  };
  using adapt::Along;
  std::vector<adapt::Group<B>> groups;
  const auto& inputs = c.at("inputs").as_array();
  for (std::size_t i = 0; i < layers.size(); ++i) {
    feed(inputs.front().as_array()[i], layers[i]);
    groups.push_back(
        {&layers[i].site,
         {{&layers[i].q, Along::rows}, {&layers[i].p, Along::cols}, {&layers[i].lambda, Along::cols}},
         2});
  }
  const std::span<const adapt::Group<B>> all(groups);
  adapt::Allocator<B, Score, adapt::Budget<>> allocator(b, replay::score(config),
                                                        replay::budget(config, flavour), start,
                                                        config.at("total_step").as_integer(), all, false);

  Counts n;
  const auto& expected = c.at(key).as_array();
  for (std::size_t t = 0; t < inputs.size(); ++t) {
    for (std::size_t i = 0; i < layers.size(); ++i) feed(inputs[t].as_array()[i], layers[i]);
    std::vector<std::vector<double>> before;
    for (Layer<B>& l : layers) before.push_back(l.lambda.value.template host<double>(b));
    const auto step = static_cast<index_t>(t);
    const auto previous = allocator.last();
    allocator.after_step(b, all, step, [](const Parameter<B>&, const auto&) {});

    const Value& want = expected[t];
    const auto& schedule = allocator.state().schedule;
    if (const Value* budget = replay::given(want, "budget"))
      n.budgets(schedule.budget(step) == budget->as_integer());
    const bool cut = allocator.last() && (!previous || previous->step != allocator.last()->step);
    const bool applied = cut || (allocator.last() && step > schedule.end());
    n.budgets(applied == want.at("applied").as_bool());
    if (const Value* k = replay::given(want, "k"))
      n.budgets(schedule.initial - schedule.budget(step) == k->as_integer());
    for (std::size_t i = 0; i < layers.size(); ++i) {
      // What the mask says, and what was done to lambda.
      const std::string mask = applied ? bits(b, allocator.kept(i)) : std::string(before[i].size(), '1');
      const std::string& wanted = want.at("masks").as_array()[i].as_string();
      const auto lambda = layers[i].lambda.value.template host<double>(b);
      for (std::size_t d = 0; d < wanted.size(); ++d)
        n.masks(mask.at(d) == wanted[d] && lambda[d] == (wanted[d] == '1' ? before[i][d] : 0.0));
    }
    if (const Value* threshold = replay::given(want, "threshold"); threshold != nullptr && cut)
      n.thresholds(within(float(allocator.last()->threshold), float(threshold->as_number()), 2));
    if (const Value* scores = replay::given(want, "scores")) {
      const auto ours = allocator.scores(b, all).template host<float>(b);
      std::size_t d = 0;
      for (const Value& layer : scores->as_array())
        for (const float s : replay::numbers<float>(layer)) n.scores(within(ours.at(d++), s, 2));
    }
  }
  // The running averages, after the last step they took in.
  const Value& averages = c.at("orig_final_ema");
  for (std::size_t i = 0; i < layers.size(); ++i) {
    const char* names[] = {"A", "B", "E"};
    for (std::size_t f = 0; f < 3; ++f) {
      const Value& want = averages.at(layers[i].site.path).at(names[f]);
      const auto ours = allocator.memory(i, f).template host<float>(b);
      auto wanted = replay::numbers<float>(want.at("ipt"));
      for (const float x : replay::numbers<float>(want.at("unc"))) wanted.push_back(x);
      for (std::size_t j = 0; j < wanted.size(); ++j) n.averages(same_bits(ours.at(j), wanted[j]));
    }
    if (flavour == adapt::Flavour::peft) {
      const std::string& wanted =
          c.at("peft_rank_pattern").at(layers[i].site.path + ".lora_E.default").as_string();
      const std::string ours = bits(b, allocator.kept(i));
      for (std::size_t d = 0; d < wanted.size(); ++d) n.pattern(ours.at(d) == wanted[d]);
    }
  }
  return n;
}

bool replay_file(const Value& file) {
  const std::string format = file.at("format").as_string();
  expects<FileError>(format == "adalora-golden/1", "the format is \"", format,
                     "\", expected \"adalora-golden/1\"");
  bool good = true;
  Tally schedule;
  for (const Value& s : file.at("schedule").as_array()) {
    const adapt::CubicSchedule ours{s.at("init_bgt").as_integer(), s.at("target_bgt").as_integer(),
                                    s.at("tinit").as_integer(),    s.at("tfinal").as_integer(),
                                    s.at("deltaT").as_integer(),   s.at("total_step").as_integer()};
    for (const Value& row : s.at("t_budget_mask").as_array()) {
      const auto& want = row.as_array();
      const index_t t = want[0].as_integer();
      schedule(ours.budget(t) == want[1].as_integer() && ours.cuts(t) == (want[2].as_integer() != 0));
    }
  }
  std::cout << "schedule: rows compared/different " << schedule << '\n';
  good = good && schedule.different == 0;
  for (const Value& c : file.at("cases").as_array())
    for (const auto& of : {std::pair{"orig", adapt::Flavour::authors}, {"peft", adapt::Flavour::peft}}) {
      const char* key = of.first;  // clang 14 captures no structured bindings
      const auto flavour = of.second;
      const auto one = [&]<Backend B>(const char* backend) {
        const Counts n = replay_case<B>(c, key, flavour);
        std::cout << c.at("name").as_string() << ", " << key << ", " << backend
                  << ": compared/different: budgets " << n.budgets << ", mask bits " << n.masks
                  << ", running averages " << n.averages << ", scores " << n.scores << ", thresholds "
                  << n.thresholds << ", rank pattern " << n.pattern << '\n';
        return n.good();
      };
      good = replay::over_backends<cpu::EigenBackend<float>>("Eigen, float", one) && good;
    }
  return good;
}
}  // namespace

int main(int argc, char** argv) {
  return replay::over_files(argc, argv, "usage: replay_allocator FILE...   (adalora-golden/1, JSON)",
                            replay_file);
}
