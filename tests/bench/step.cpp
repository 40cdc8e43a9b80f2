// SPDX-License-Identifier: MIT
/// @file tests/bench/step.cpp
/// How fast and how large a training step is, beside the rate of this machine's own matrix products: a
/// decoder of 12 layers with rank-8 adapters on all six linears of every block, 4 sequences of 256 tokens,
/// float, AdamW. What is compared is taken in turns, round by round, so that a busy machine slows all of it
/// alike. OPENBLAS_CORETYPE (SKYLAKEX, ZEN, ...) overrules OpenBLAS's own choice of kernels, which may be a
/// slow one.
#include "bench/decoder.hpp"

#include <sys/resource.h>

#include <thread>

#if defined(LORICA_BENCH_ONEDNN)
#  include <dnnl.hpp>
#endif
#if defined(LORICA_BENCH_OPENBLAS)
#  include <cblas.h>
#endif

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

/// y = x W^T, 2048 x 3072 x 768, by one library.
struct Product {
  static constexpr index_t m = 2048, n = 3072, k = 768;
  const char* name;
  std::string note;
  std::function<void()> run;
  std::vector<double> rates = {};  // flop/s
  void measure() {
    run();  // threads awake, caches as they will be
    for (int i = 0; i < 3; ++i) {
      const auto start = Clock::now();
      run();
      rates.push_back(2.0 * double(m * n * k) / seconds_since(start));
    }
  }
};

/// The operands of all products, and the libraries that are here. Eigen's is the library's own EigenGemm.
struct Products {
  std::vector<float> x = std::vector<float>(Product::m * Product::k, 0.5f),
                     w = std::vector<float>(Product::n * Product::k, 0.25f),
                     y = std::vector<float>(Product::m * Product::n);
  std::vector<Product> all = {};

  Products() {
    constexpr index_t m = Product::m, n = Product::n, k = Product::k;
    const auto packed = cpu::EigenGemm::pack(MatrixRef<const float>(w.data(), n, k), nullptr);
    all.push_back({"Eigen",
                   message(EIGEN_WORLD_VERSION, '.', EIGEN_MAJOR_VERSION, '.', EIGEN_MINOR_VERSION,
                           ", rows split by us"),
                   [this, packed] {
                     cpu::EigenGemm::multiply(MatrixRef<const float>(x.data(), m, k), packed, Trans::yes, 0.f,
                                              MatrixRef<float>(y.data(), m, n));
                   }});
#if defined(LORICA_BENCH_ONEDNN)
    all.push_back({"oneDNN",
                   message(dnnl_version()->major, '.', dnnl_version()->minor, '.', dnnl_version()->patch,
                           ", weight packed"),
                   onednn()});
#endif
#if defined(LORICA_BENCH_OPENBLAS)
    all.push_back({"OpenBLAS", message("kernels for ", openblas_get_corename()), [this] {
                     cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, int(m), int(n), int(k), 1.f,
                                 x.data(), int(k), w.data(), int(k), 0.f, y.data(), int(n));
                   }});
#endif
  }
  /// Each in turn; the last may leave threads spinning, so we wait for them.
  void measure() {
    for (auto& p : all) p.measure();
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
#if defined(LORICA_BENCH_ONEDNN)
  std::function<void()> onednn() {
    using namespace dnnl;
    using Tag = memory::format_tag;
    const auto type = memory::data_type::f32;
    const engine here(engine::kind::cpu, 0);
    stream queue(here);
    const memory::desc src({Product::m, Product::k}, type, Tag::ab),
        dst({Product::m, Product::n}, type, Tag::ab);
    const memory::desc given({Product::k, Product::n}, type, Tag::ba),
        any({Product::k, Product::n}, type, Tag::any);
#  if DNNL_VERSION_MAJOR >= 3
    const matmul::primitive_desc how(here, src, any, dst);
#  else
    const matmul::primitive_desc how(matmul::desc(src, any, dst), here);
#  endif
    memory weight(given, here, w.data()), packed(how.weights_desc(), here);
    reorder(weight, packed).execute(queue, weight, packed);
    queue.wait();
    return [queue, run = matmul(how), packed, from = memory(src, here, x.data()),
            to = memory(dst, here, y.data())]() mutable {
      run.execute(queue, {{DNNL_ARG_SRC, from}, {DNNL_ARG_WEIGHTS, packed}, {DNNL_ARG_DST, to}});
      queue.wait();
    };
  }
#endif
};

/// The language model's objective, noting what its tape has saved when the backward pass is about to begin.
struct NotingSaved : nn::NextToken {
  std::size_t* saved;
  template <class Policy>
  nn::Loss<B> loss(Tape<B>& tape, const Model& model, Policy& policy, const nn::Batch<B>& batch) const {
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

}  // namespace

int main() {
  const auto begin = Clock::now();
  const std::size_t before = peak_resident();
  B b;
  const Model model(b, config(), weights);
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
      products.emplace();
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
  double eigen = 0, best = 0;
  std::printf("threads: %d; y = x W^T, 2048 x 3072 x 768, float, median of %zu, GF/s:\n", cpu::threads(),
              products->all.front().rates.size());
  for (const auto& p : products->all) {
    const double rate = median(p.rates);
    if (eigen == 0) eigen = rate;
    best = std::max(best, rate);
    std::printf("  %-9s %6.1f   (%s)\n", p.name, rate * 1e-9, p.note.c_str());
  }
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
  const double rate = products_of_step / seconds, peak = std::max(eigen, 0.75 * best);
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
