// SPDX-License-Identifier: MIT
/// @file tests/bench/budget.cpp
/// What AdaLoRA costs beside LoRA of equal rank: the step, with scores, a cut after each and the regulariser;
/// the threshold and the cut alone, over 10^5 triplets; memory before and after what is off is removed. A
/// step of each in turns, so that a busy machine slows both alike.
#include <lorica/cpu/eigen_backend.hpp>

#include "bench/decoder.hpp"

using namespace lorica;
using namespace lorica::bench;
using B = cpu::EigenBackend<float>;

namespace {

/// Milliseconds of one reallocation over n triplets whose scores are known but for a copy.
double cut_of(index_t matrices, index_t r) {
  B b;
  std::vector<SiteInfo> sites;
  std::vector<Parameter<B>> lambda;
  adapt::Placement start;
  for (index_t i = 0; i < matrices; ++i) {
    sites.push_back({i, i, Role::other, r, r, message("site ", i)});
    lambda.push_back(
        {sites.back().path, MasterTensor<B>(b, 1, r, normals(Stream(1, "lambda", sites.back().path), r, 1))});
    lambda.back().grad = lambda.back().value.clone(b);
    start.rank.push_back(r);
  }
  std::vector<adapt::Group<B>> groups;
  for (std::size_t i = 0; i < sites.size(); ++i)
    groups.push_back({&sites[i], {{&lambda[i], adapt::Along::cols}}, 0});
  const adapt::Budget<> policy{.target = {.total = matrices * r / 2}, .tinit = {}, .tfinal = {.steps = 10}};
  adapt::Allocator<B, adapt::Raw<adapt::SpectrumMagnitude>, adapt::Budget<>> allocator(
      b, {}, policy, start, 100, std::span<const adapt::Group<B>>(groups));
  std::vector<double> times;
  for (index_t t = 80; t <= 91; ++t) {  // up to 89 it listens; 90 and 91 look and cut alone
    const auto begin = Clock::now();
    allocator.after_step(b, std::span<const adapt::Group<B>>(groups), t,
                         [](const Parameter<B>&, const auto&) {});
    if (t >= 90) times.push_back(1e3 * seconds_since(begin));
  }
  return *std::ranges::min_element(times);
}

template <class M> std::size_t bytes(adapt::Adapted<B, M>& adapted) {
  std::size_t n = 0;
  adapted.for_each_parameter([&](Parameter<B>& p, double) { n += 3 * p.value.bytes(); });  // and two moments
  const auto& a = *adapted.allocator();
  for (std::size_t i = 0; i < 6 * layers; ++i)
    for (std::size_t f = 0; f < 3; ++f) n += a.memory(i, f).bytes();
  return n;
}

}  // namespace

int main() {
  constexpr index_t warm_up = 2, rounds = 5, settle = 3;
  B b;
  const Model<B> model(b, config(), weights);
  const auto data = text();
  auto lora = adapt::attach(b, model, adapt::Lora{.placement = {.rank = rank}});
  auto ada = adapt::attach(b, model,
                           adapt::AdaLora<>{.placement = {.start = {.rank = rank},
                                                          .target = {.per_matrix = rank / 4},
                                                          .tinit = {},
                                                          .tfinal = {settle},
                                                          .compact = true}});
  std::vector<double> ada_seconds, lora_seconds, ratio;
  std::size_t before = 0, after = 0;
  const auto after_step = [&](const train::StepInfo& s) {
    if (s.step < warm_up + rounds) before = bytes(ada);
    after = bytes(ada);
    const double other = train::fit(b, model, lora, data, {.steps = 1, .batch = sequences}).seconds;
    if (s.step < warm_up || s.step >= warm_up + rounds) return;
    ada_seconds.push_back(s.seconds);
    lora_seconds.push_back(other);
    ratio.push_back(s.seconds / other);
  };
  train::fit(b, model, ada, data, {.steps = warm_up + rounds + settle, .batch = sequences},
             AfterStep{after_step});
  const auto live = ada.allocator()->last()->kept;
  std::printf("LoRA step:    %.3f s, rank %td at %td sites\n", median(lora_seconds), rank, 6 * layers);
  std::printf("AdaLoRA step: %.3f s, %.3f of the LoRA step beside it\n", median(ada_seconds), median(ratio));
  std::printf("threshold and cut over 100000 triplets: %.2f ms in 1000 matrices, %.2f ms in 72\n",
              cut_of(1000, 100), cut_of(72, 1389));
  std::printf(
      "adapters, moments and averages: %.1f MiB; %.1f MiB (%.3f) once %td of %td directions are left (%.3f)\n",
      double(before) / 1048576, double(after) / 1048576, double(after) / double(before), live,
      6 * layers * rank, double(live) / double(6 * layers * rank));
}
