// SPDX-License-Identifier: MIT
/// @file tests/bench/step.cpp
/// How fast and how large a training step is, beside the rate of this machine's own matrix products: a
/// decoder of 12 layers with rank-8 adapters on all six linears of every block, 4 sequences of 256 tokens,
/// AdamW. What is compared is taken in turns, round by round, so that a busy machine slows all of it alike.
///
///   step [--gemm eigen|onednn] [--precision fp32|bf16]
///
/// The rate is that of float products also in bf16, where the fraction may therefore exceed 1.
#include <lorica/cpu/eigen_backend.hpp>

#include "bench/decoder.hpp"
#include "bench/products.hpp"

#if defined(LORICA_ONEDNN)
#  include <lorica/cpu/onednn_gemm.hpp>
#endif

#include <sys/resource.h>

#include <string>

using namespace lorica;
using namespace lorica::bench;

namespace {

constexpr index_t warm_up = 2, rounds = 4;

double mebibytes(std::size_t bytes) { return double(bytes) / 1048576.0; }
rusage usage() {
  rusage u{};
  getrusage(RUSAGE_SELF, &u);
  return u;
}
std::size_t peak_resident() { return static_cast<std::size_t>(usage().ru_maxrss) * 1024; }
double processor_seconds() {
  const rusage u = usage();
  return double(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
         1e-6 * double(u.ru_utime.tv_usec + u.ru_stime.tv_usec);
}

/// The language model's objective, noting what its tape has saved when the backward pass is about to begin.
struct NotingSaved : nn::NextToken {
  std::size_t* saved;
  template <Backend B, class M, class Policy>
  nn::Loss<B> loss(Tape<B>& tape, const M& model, Policy& policy, const nn::Batch<B>& batch) const {
    auto l = nn::NextToken::loss(tape, model, policy, batch);
    *saved = tape.account().live;
    return l;
  }
};

/// What a configuration must hold, by count, beside what the process held at its peak.
void print_memory(const train::Memory& m, std::size_t saved, std::size_t pool_peak, std::size_t resident,
                  std::size_t before) {
  const std::size_t held = m.weights + m.parameters + m.gradients + m.moments + saved;
  // The pool's peak lies early in the backward pass, when nearly all is still saved: what it lent beyond
  // `held` is scratch.
  const std::size_t scratch = pool_peak > held ? pool_peak - held : 0, counted = held + scratch;
  std::printf(
      "memory, MiB: weights %.1f + saved activations %.1f + parameters %.1f + gradients %.1f + moments %.1f + scratch %.1f = %.1f\n",
      mebibytes(m.weights), mebibytes(saved), mebibytes(m.parameters), mebibytes(m.gradients),
      mebibytes(m.moments), mebibytes(scratch), mebibytes(counted));
  std::printf("peak resident: %.1f MiB, %.3f of the counted sum (%.1f MiB of it before there was a model)\n",
              mebibytes(resident), double(resident) / double(counted), mebibytes(before));
}

template <class B> void measure() {
  const auto begin = Clock::now();
  const std::size_t before = peak_resident();
  B b;
  const Model<B> model(b, config(), weights);
  const auto data = text();
  const auto samples = data.sample(sequences);
  auto ab = adapt::attach(b, model, adapt::Lora{.placement = {.rank = rank}});

  std::size_t saved = 0, resident = 0, pool_peak = 0;
  std::optional<Products> products;
  std::optional<adapt::Adapted<B, adapt::SvdLora>> plq;
  std::vector<double> ab_seconds, plq_seconds, probe_seconds, ab_processors;
  const auto plq_step = [&] {
    return train::fit(b, model, *plq, data, {.steps = 1, .batch = sequences}).seconds;
  };
  const auto probe = [&] {
    const auto start = Clock::now();
    const auto scores =
        adapt::probe(b, model, samples, adapt::Page{.rank = rank}, nn::NextToken{}, sequences);
    expects(scores.values.size() == 6 * layers, "probe: ", scores.values.size(), " sites");
    return seconds_since(start);
  };
  double processors = processor_seconds();
  const auto after_step = [&](const train::StepInfo& s) {
    if (s.step >= warm_up) {
      ab_seconds.push_back(s.seconds);
      ab_processors.push_back((processor_seconds() - processors) / s.seconds);
      plq_seconds.push_back(plq_step());
      probe_seconds.push_back(probe());
      products->measure();
    } else if (s.step + 1 == warm_up) {  // AB has been alone so far: from here on the rest joins
      resident = peak_resident();
      pool_peak = b.pool().peak();
      plq = adapt::attach(b, model, adapt::SvdLora{.placement = {.rank = rank}});
      plq_step();
      probe();
      products.emplace(2048, 3072, 768);
      products->measure();
    }
    processors = processor_seconds();
  };
  train::fit(b, model, ab, data, {.steps = warm_up + rounds, .batch = sequences}, NotingSaved{{}, &saved},
             AfterStep{after_step});

  const double seconds = median(ab_seconds);
  const auto ratio = [&](const std::vector<double>& other) {
    std::vector<double> r;
    for (std::size_t i = 0; i < other.size(); ++i) r.push_back(other[i] / ab_seconds[i]);
    return median(r);
  };
  const double peak = products->print();
  train::Memory m;
  m.weights = train::weight_bytes<B>(model);
  ab.for_each_parameter([&](Parameter<B>& p, double) {
    m.parameters += p.value.bytes();
    m.gradients += p.value.bytes();
    m.moments += 2 * p.value.bytes();
  });
  print_memory(m, saved, pool_peak, resident, before);
  const double products_of_step =
      4.0 * double(layers * (4 * width * width + 2 * width * hidden) + vocabulary * width) *
      double(sequences * length);
  const double rate = products_of_step / seconds;
  std::printf("AB step:    %.3f s (%.3f to %.3f; %.2f processors at work), frozen linears %.1f GF/s\n",
              seconds, *std::ranges::min_element(ab_seconds), *std::ranges::max_element(ab_seconds),
              median(ab_processors), rate * 1e-9);
  std::printf("PLQ step:   %.3f s, %.3f of the AB step beside it\n", median(plq_seconds), ratio(plq_seconds));
  std::printf("PAGE probe: %.3f s, %.3f of the AB step beside it\n", median(probe_seconds),
              ratio(probe_seconds));
  std::printf("whole benchmark: %.0f s; the rate to compare with: %.1f GF/s\n", seconds_since(begin),
              peak * 1e-9);
  std::printf("seconds: %.3f\nfraction: %.2f\n", seconds, rate / peak);
}

}  // namespace

int main(int argc, char** argv) {
  std::string gemm = "eigen", precision = "fp32";
  for (int i = 1; i + 1 < argc; i += 2) {
    if (argv[i] == std::string("--gemm")) gemm = argv[i + 1];
    if (argv[i] == std::string("--precision")) precision = argv[i + 1];
  }
  if (gemm == "eigen" && precision == "fp32") {
    measure<cpu::EigenBackend<float>>();
#if defined(LORICA_ONEDNN)
  } else if (gemm == "onednn" && precision == "fp32") {
    measure<cpu::EigenBackend<float, cpu::OneDnnGemm>>();
  } else if (gemm == "onednn" && precision == "bf16") {
    measure<cpu::EigenBackend<bf16, cpu::OneDnnGemm, float>>();
#endif
  } else {
    std::printf(
        "step: --gemm %s --precision %s is not here: there are eigen fp32 and, with oneDNN, onednn fp32 and onednn bf16\n",
        gemm.c_str(), precision.c_str());
    return 2;
  }
}
