// SPDX-License-Identifier: MIT
/// @file tests/bench/products.hpp
/// The rate of this machine's matrix products, by every library that is here. OPENBLAS_CORETYPE (SKYLAKEX,
/// ZEN, ...) overrules OpenBLAS's own choice of kernels, which may be a slow one.
#pragma once

#include <lorica/cpu/eigen_gemm.hpp>

#include "bench/clock.hpp"

#include <functional>
#include <thread>

#if defined(LORICA_ONEDNN)
#  include <dnnl.hpp>
#endif
#if defined(LORICA_BENCH_OPENBLAS)
#  include <cblas.h>
#endif

namespace lorica::bench {

/// y = x W^T, [m, k] x [k, n], by one library.
struct Product {
  const char* name;
  std::string note;
  double work;  // flop
  std::function<void()> run;
  std::vector<double> rates = {};  // flop/s
  void measure() {
    run();  // threads awake, caches as they will be
    for (int i = 0; i < 3; ++i) {
      const auto start = Clock::now();
      run();
      rates.push_back(work / seconds_since(start));
    }
  }
};

/// The operands of all products, and the libraries that are here. Eigen's is the library's own EigenGemm.
struct Products {
  index_t m, n, k;
  std::vector<float> x, w, y;
  std::vector<Product> all = {};

  Products(index_t rows, index_t out, index_t in)
      : m(rows),
        n(out),
        k(in),
        x(static_cast<std::size_t>(m * k), 0.5f),
        w(static_cast<std::size_t>(n * k), 0.25f),
        y(static_cast<std::size_t>(m * n)) {
    const double work = 2.0 * double(m * n * k);
    const auto packed = cpu::EigenGemm::pack(MatrixRef<const float>(w.data(), n, k), nullptr);
    all.push_back({"Eigen",
                   message(EIGEN_WORLD_VERSION, '.', EIGEN_MAJOR_VERSION, '.', EIGEN_MINOR_VERSION,
                           ", rows split by us"),
                   work, [this, packed] {
                     cpu::EigenGemm::multiply(MatrixRef<const float>(x.data(), m, k), packed, Trans::yes, 0.f,
                                              MatrixRef<float>(y.data(), m, n));
                   }});
#if defined(LORICA_ONEDNN)
    all.push_back({"oneDNN",
                   message(dnnl_version()->major, '.', dnnl_version()->minor, '.', dnnl_version()->patch,
                           ", weight packed"),
                   work, onednn()});
#endif
#if defined(LORICA_BENCH_OPENBLAS)
    all.push_back({"OpenBLAS", message("kernels for ", openblas_get_corename()), work, [this] {
                     cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, int(m), int(n), int(k), 1.f,
                                 x.data(), int(k), w.data(), int(k), 0.f, y.data(), int(n));
                   }});
#endif
  }
  Products(const Products&) = delete;
  /// Each in turn; the last may leave threads spinning, so we wait for them.
  void measure() {
    for (auto& p : all) p.measure();
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
  /// Prints the median of each; returns the rate to compare with: Eigen's, or three quarters of the fastest.
  double print() const {
    double eigen = 0, best = 0;
    std::printf("threads: %d; y = x W^T, %td x %td x %td, float, median of %zu, GF/s:\n", cpu::threads(), m,
                n, k, all.front().rates.size());
    for (const auto& p : all) {
      const double rate = median(p.rates);
      if (eigen == 0) eigen = rate;
      best = std::max(best, rate);
      std::printf("  %-9s %6.1f   (%s)\n", p.name, rate * 1e-9, p.note.c_str());
    }
    return std::max(eigen, 0.75 * best);
  }
#if defined(LORICA_ONEDNN)
  std::function<void()> onednn() {
    using namespace dnnl;
    using Tag = memory::format_tag;
    const auto type = memory::data_type::f32;
    const engine here(engine::kind::cpu, 0);
    stream queue(here);
    const memory::desc src({m, k}, type, Tag::ab), dst({m, n}, type, Tag::ab);
    const memory::desc given({k, n}, type, Tag::ba), any({k, n}, type, Tag::any);
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

}  // namespace lorica::bench
