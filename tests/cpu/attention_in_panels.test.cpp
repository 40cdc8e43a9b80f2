// SPDX-License-Identifier: MIT
/// @file tests/cpu/attention_in_panels.test.cpp
/// Attention by products of panels against the portable one: by plain loops everywhere, and by the
/// processor's matrix registers where it has them.
#include <lorica/cpu/attention_in_panels.hpp>

#include <lorica/cpu/eigen_backend.hpp>

#include "support/amx.hpp"
#include "support/attention.hpp"
#include "support/catch.hpp"
#include "support/panel_loops.hpp"
#include "support/threads.hpp"
#include "support/tolerance.hpp"

using namespace lorica;

namespace {

template <class Products> struct InPanels : cpu::EigenBackend<bf16, cpu::EigenGemm, float> {
  std::shared_ptr<cpu::Pool> own = std::make_shared<cpu::Pool>();
  void attention(const AttentionCall<bf16, float>& call) { cpu::attention_forward_by<Products>(own, call); }
  void attention_gradient(const AttentionGradientCall<bf16, float>& call) {
    cpu::attention_backward_by<Products>(own, call);
  }
};
template <class Products> using Both = test::BothAttentions<InPanels<Products>>;

template <class Products> void is_the_portable_one() {
  const std::vector<std::vector<index_t>> lengths = {{1}, {32}, {1, 31, 32, 33, 2}, {100, 1, 5}, {64, 65}};
  for (const auto& shape : {AttentionShape{1, 1, 8, true, 1}, AttentionShape{3, 3, 5, true, 1},
                            AttentionShape{4, 2, 16, true, 1}, AttentionShape{4, 1, 33, true, 1}})
    for (const index_t window : {-1, 0, 2, 31, 32, 70})  // -1: not causal
      for (const auto& of : lengths) {
        AttentionShape s = shape;
        s.causal = window >= 0;
        s.window = std::max<index_t>(window, 0);
        CAPTURE(s.heads, s.kv_heads, s.head_dim, window, of.size(), of.front());
        Both<Products> both(s, of);
        const auto got = both.run(true), want = both.run(false);
        for (std::size_t i = 0; i < got.size(); ++i) {
          CAPTURE(test::attention_names[i]);
          CHECK(test::relative_error(got[i], want[i]) < 1e-2);
        }
      }
}
template <class Products> void answers_the_last_rows() {
  for (const index_t window : {-1, 0, 2, 40, 64, 150})  // -1: not causal
    for (const index_t before : {1, 31, 64, 130, 199}) {
      AttentionShape s{4, 2, 16, window >= 0, 1, std::max<index_t>(window, 0)};
      CAPTURE(window, before);
      Both<Products> all(s, {200});
      const auto want = all.run(true);
      auto& b = all.b;
      const index_t rows = 200 - before;
      Tensor<InPanels<Products>> o(b, rows, all.q.cols());
      MasterTensor<InPanels<Products>> lse(b, s.heads, rows);
      b.attention({all.shape, std::vector<index_t>{0, rows}, all.q.cref().slice(before, rows), all.k.cref(),
                   all.v.cref(), o.ref(), lse.data(), before});
      const std::vector<double> part(want[0].begin() + before * o.cols(), want[0].end());
      CHECK(test::relative_error(o.template host<double>(b), part) < 1e-2);
    }
}

}  // namespace

TEST_CASE("attention in panels is the portable one", "[cpu][attention]") {
  is_the_portable_one<test::Loops>();
  answers_the_last_rows<test::Loops>();
}

TEST_CASE("attention on matrix registers is the portable one", "[cpu][attention][amx]") {
  if (!test::has_matrix_registers()) return;
#if defined(LORICA_AMX)
  is_the_portable_one<cpu::Amx>();
  answers_the_last_rows<cpu::Amx>();
  Both<cpu::Amx> both({4, 2, 64, true, 1, 70}, {200, 1, 65, 130});
  std::vector<std::vector<double>> alone;
  for (const int threads : {1, 2, 3}) {  // the same bits for any number of them
    const test::Threads with(threads);
    const auto got = both.run(true);
    if (alone.empty()) alone = got;
    REQUIRE(got == alone);
  }
#endif
}

TEST_CASE("weights of a row sum to 1 and see what they may", "[cpu][attention]") {
  const index_t n = 64;
  const auto numbers = test::random_numbers(1, n);
  std::vector<float> x(numbers.begin(), numbers.end());
  x.resize(n + 16);
  for (const index_t begin : {0, 3, 40})
    for (const index_t end : {41, 57, 64}) {
      std::vector<bf16> e(n + 16, bf16(7.f));
      const auto got = cpu::detail::exponentials(x.data(), begin, end, n, 1.5f, e.data());
      double total = 0, log_sum = 0;
      for (index_t j = begin; j < end; ++j) log_sum += std::exp2(1.5 * double(x[std::size_t(j)]));
      for (index_t j = 0; j < n; ++j) {
        const double of = convert<double>(e[std::size_t(j)]);
        if (j < begin || j >= end) REQUIRE(of == 0);
        total += of;
      }
      CHECK(std::abs(total / double(got.total) - 1) < 1e-2);
      CHECK(std::abs(double(got.top) + std::log2(double(got.total)) - std::log2(log_sum)) < 1e-4);
    }
}
