// SPDX-License-Identifier: MIT
/// @file tests/cpu/onednn_gemm.test.cpp
/// Products by oneDNN against plain loops in double and against EigenGemm; and what is built on them against
/// the same over Eigen. Run with ONEDNN_MAX_CPU_ISA=AVX512_CORE (or AVX2) it tests what a processor without
/// bf16 gets.
#if defined(LORICA_ONEDNN)
#  include <lorica/adapt/attach.hpp>
#  include <lorica/autograd/gradcheck.hpp>
#  include <lorica/cpu/onednn_gemm.hpp>
#  include <lorica/nn/objective.hpp>

#  include "nn/tiny.hpp"
#  include "support/threads.hpp"

#  include <array>
#  include <thread>

using namespace lorica;
using cpu::EigenGemm;
using cpu::OneDnnGemm;

namespace {

using Floats = cpu::EigenBackend<float, OneDnnGemm>;
using Halves = cpu::EigenBackend<bf16, OneDnnGemm, float>;

template <class T> constexpr double allowed = std::same_as<T, bf16> ? 1e-2 : 1e-5;

/// A matrix between others' columns, which must stay as they are; `gap` 0 leaves none.
template <class T> struct Inside {
  index_t rows, cols, gap;
  std::vector<T> all;

  Inside(index_t r, index_t c, index_t g, Seed seed) : rows(r), cols(c), gap(g) {
    for (const double v : test::random_numbers(seed, r * (c + 2 * g))) all.push_back(convert<T>(v));
  }
  MatrixRef<T> ref() { return {all.data() + gap, rows, cols, cols + 2 * gap}; }
  MatrixRef<const T> cref() const { return {all.data() + gap, rows, cols, cols + 2 * gap}; }
  /// op(this), dense.
  [[nodiscard]] std::vector<double> dense(Trans t) const {
    std::vector<double> v;
    for (index_t i = 0; i < (t == Trans::no ? rows : cols); ++i)
      for (index_t j = 0; j < (t == Trans::no ? cols : rows); ++j)
        v.push_back(convert<double>(t == Trans::no ? cref().row(i)[j] : cref().row(j)[i]));
    return v;
  }
  [[nodiscard]] std::vector<double> numbers() const {
    std::vector<double> v;
    for (const T x : all) v.push_back(convert<double>(x));
    return v;
  }
};

Trans other(Trans t) { return t == Trans::no ? Trans::yes : Trans::no; }
/// alpha op(A) op(B) + beta C in double, C's surroundings unchanged.
template <class TA, class TB, class TC>
std::vector<double> expected(Trans ta, Trans tb, double alpha, const Inside<TA>& a, const Inside<TB>& b,
                             double beta, const Inside<TC>& c) {
  auto want = c.numbers();
  const auto left = a.dense(ta), right = b.dense(other(tb));  // [rows, depth], [cols, depth]
  const index_t depth = ta == Trans::no ? a.cols : a.rows;
  for (index_t i = 0; i < c.rows; ++i)
    for (index_t j = 0; j < c.cols; ++j) {
      double s = 0;
      for (index_t p = 0; p < depth; ++p)
        s += left[static_cast<std::size_t>(i * depth + p)] * right[static_cast<std::size_t>(j * depth + p)];
      double& to = want[static_cast<std::size_t>(i * (c.cols + 2 * c.gap) + c.gap + j)];
      to = alpha * s + (beta == 0 ? 0 : beta * to);
    }
  return want;
}

template <class T, class TY>
void check_multiply(index_t n, index_t m, index_t k, index_t gap_x, index_t gap_y, double beta) {
  const Inside<T> w(m, k, gap_x, 1);
  const auto packed = OneDnnGemm::pack(w.cref(), nullptr);
  for (const Trans t : {Trans::yes, Trans::no}) {
    CAPTURE(n, m, k, gap_x, gap_y, beta, t == Trans::yes, sizeof(T), sizeof(TY));
    const Inside<T> x(n, t == Trans::yes ? k : m, gap_x, 2);
    Inside<TY> y(n, t == Trans::yes ? m : k, gap_y, 3);
    const auto want = expected(Trans::no, t, 1, x, w, beta, y);
    if (beta == 0)  // it may not be read
      for (index_t i = 0; i < n; ++i)
        std::fill_n(y.ref().row(i), y.cols, convert<TY>(std::numeric_limits<float>::quiet_NaN()));
    if constexpr (std::same_as<T, float> && std::same_as<TY, float>) {
      auto by_eigen = y;
      EigenGemm::multiply(x.cref(), EigenGemm::pack(w.cref(), nullptr), t, beta, by_eigen.ref());
      REQUIRE(test::relative_error(by_eigen.numbers(), want) < allowed<T>);
    }
    OneDnnGemm::multiply(x.cref(), packed, t, beta, y.ref());
    REQUIRE(test::relative_error(y.numbers(), want) < allowed<T>);
  }
}

/// C of every mixture the backends ask for.
template <class TA, class TB, class TC>
void check_gemm(index_t m, index_t n, index_t k, index_t gap, double alpha, double beta) {
  for (const Trans ta : {Trans::no, Trans::yes})
    for (const Trans tb : {Trans::no, Trans::yes}) {
      CAPTURE(m, n, k, gap, alpha, beta, ta == Trans::yes, tb == Trans::yes, sizeof(TA), sizeof(TB),
              sizeof(TC));
      const Inside<TA> a(ta == Trans::no ? m : k, ta == Trans::no ? k : m, gap, 1);
      const Inside<TB> b(tb == Trans::no ? k : n, tb == Trans::no ? n : k, gap, 2);
      Inside<TC> c(m, n, gap, 3);
      const auto want = expected(ta, tb, alpha, a, b, beta, c);
      if (beta == 0)
        for (index_t i = 0; i < m; ++i)
          std::fill_n(c.ref().row(i), n, convert<TC>(std::numeric_limits<float>::quiet_NaN()));
      OneDnnGemm::gemm(ta, tb, alpha, a.cref(), b.cref(), beta, c.ref());
      constexpr bool halves = std::same_as<TA, bf16> || std::same_as<TB, bf16> || std::same_as<TC, bf16>;
      REQUIRE(test::relative_error(c.numbers(), want) < (halves ? 1e-2 : 1e-5));
    }
}

template <Backend B> Tensor<B> tensor(B& b, index_t rows, index_t cols, Seed seed) {
  return {b, rows, cols, test::random_numbers(seed, rows * cols)};
}

/// Small, and held exactly by bf16: with those of test::weights_of the gradients move by as much as a tenth
/// when weights are only rounded to bf16 and all else is float.
nn::Source calm_weights() {
  return [from = test::weights_of(9)](const std::string& name, Shape s) {
    std::vector<float> v;
    for (const auto x : from(name, s).list())
      v.push_back(static_cast<float>(bf16((s.rows == 1 ? 1.f : 0.5f) * static_cast<float>(x))));
    return v;
  };
}
/// Loss and gradients of all adapters of a small model with frozen weights.
template <Backend B, class Block>
std::map<std::string, std::vector<double>> adapted_model(const nn::Source& weights) {
  B b;
  const nn::Transformer<B, Block> model(b, test::tiny<Block>(), weights);
  auto adapters = adapt::attach(b, model, adapt::Lora{.placement = {.rank = 2}});
  Seed seed = 1;
  adapters.for_each_parameter([&](Parameter<B>& p, double) {
    auto start = test::random_numbers(++seed, p.value.size());
    for (double& v : start) v *= 0.03;
    p.value = MasterTensor<B>(b, p.value.rows(), p.value.cols(), start);
  });
  const auto sequences = test::sequences();
  const nn::Batch<B> batch(b, sequences);
  Tape<B> tape(b);
  const auto loss = nn::NextToken{}.loss(tape, model, adapters, batch);
  std::map<std::string, std::vector<double>> out;
  out["loss"] = loss.sum.value().template host<double>(b);
  tape.backward(loss.sum);
  adapters.for_each_parameter(
      [&](Parameter<B>& p, double) { out[p.name] = p.grad.template host<double>(b); });
  return out;
}
template <Backend B, class Block> void models_agree(const nn::Source& weights, double tolerance) {
  const auto want = adapted_model<cpu::EigenBackend<float>, Block>(weights);
  const auto got = adapted_model<B, Block>(weights);
  REQUIRE(want.size() > 10);
  REQUIRE(got.size() == want.size());
  std::vector<double> all_got, all_want;
  for (const auto& [name, numbers] : want) {
    REQUIRE(got.at(name).size() == numbers.size());
    if (name == "loss") {
      CHECK(test::relative_error(got.at(name), numbers) < tolerance);
      continue;
    }
    all_want.insert(all_want.end(), numbers.begin(), numbers.end());
    all_got.insert(all_got.end(), got.at(name).begin(), got.at(name).end());
  }
  CHECK(test::relative_error(all_got, all_want) < tolerance);
}

}  // namespace

TEST_CASE("a weight packed by oneDNN multiplies from both sides", "[cpu][onednn_gemm]") {
  SECTION("float: odd sizes, few rows and many, gaps between rows") {
    for (const index_t n : {1, 2, 3, 17, 64, 1000})
      for (const auto& [m, k] : {std::array<index_t, 2>{33, 40}, {96, 65}, {5, 128}})
        for (const double beta : {0.0, 1.0, 0.5}) {
          check_multiply<float, float>(n, m, k, 0, 0, beta);
          if (n == 3 || n == 64) check_multiply<float, float>(n, m, k, 3, 0, beta);
          if (n == 3 || n == 64) check_multiply<float, float>(n, m, k, 0, 3, beta);
        }
  }
  SECTION("float: skinny weights") {
    for (const index_t r : {1, 2, 3, 8, 24, 64}) check_multiply<float, float>(70, r, 129, 0, 0, 1);
  }
  SECTION("bf16 into bf16 and float") {
    for (const index_t n : {1, 2, 3, 8, 17, 64, 65, 143, 1000})
      for (const double beta : {0.0, 1.0, 0.5}) {
        check_multiply<bf16, bf16>(n, 33, 40, 0, 0, beta);
        check_multiply<bf16, float>(n, 96, 65, 0, 0, beta);
        check_multiply<bf16, bf16>(n, 7, 70, 3, 1, beta);
      }
  }
  SECTION("a double result of float operands, for a backend with double parameters") {
    check_multiply<float, double>(17, 33, 40, 0, 0, 0.5);
  }
  SECTION("nothing to multiply") {
    check_multiply<float, float>(0, 3, 4, 0, 0, 0);
    check_multiply<float, float>(3, 0, 4, 0, 0, 0.5);
    check_multiply<bf16, float>(3, 4, 0, 0, 0, 0.5);
  }
}

TEST_CASE("oneDNN's layout gives the weight back bit for bit", "[cpu][onednn_gemm]") {
  const auto check = [](auto zero, index_t gap) {
    using T = decltype(zero);
    Inside<T> w(37, 53, gap, 1);
    w.ref().row(3)[4] = convert<T>(-0.0f);
    w.ref().row(5)[6] = convert<T>(std::numeric_limits<float>::infinity());
    auto keep = std::make_shared<int>(0);
    auto packed = OneDnnGemm::pack(w.cref(), keep);
    REQUIRE(keep.use_count() == 1);  // the plain copy is not needed
    const auto half = packed.bytes();
    REQUIRE(half >= 37 * 53 * sizeof(T));
    for (const bool both : {false, true}) {
      if (both) {  // the other direction is packed when it is wanted, and only once
        const Inside<T> x(4, 37, 0, 2);
        Inside<T> y(4, 53, 0, 3);
        OneDnnGemm::multiply(x.cref(), packed, Trans::no, 0.f, y.ref());
        const auto bytes = packed.bytes();
        REQUIRE(bytes > half);
        OneDnnGemm::multiply(x.cref(), packed, Trans::no, 0.f, y.ref());
        REQUIRE(packed.bytes() == bytes);
      }
      const auto back = OneDnnGemm::unpacked(packed);
      int differences = 0;
      for (index_t i = 0; i < w.rows; ++i)
        differences += std::memcmp(back.row(i), w.ref().row(i), 53 * sizeof(T)) != 0;
      REQUIRE(differences == 0);
    }
    const auto copy = packed;
    packed = {};
    REQUIRE(packed.bytes() == 0);
    REQUIRE(copy.bytes() > half);
  };
  check(float{}, 0);
  check(float{}, 2);
  check(bf16{}, 0);
  check(bf16{}, 2);
  SECTION("a whole number of blocks takes no more than the weight, and copies share it") {
    const Inside<float> w(256, 128, 0, 1);
    const auto packed = OneDnnGemm::pack(w.cref(), nullptr);
    REQUIRE(packed.bytes() == 256 * 128 * sizeof(float));
    const auto copy = packed;
    const Inside<float> x(4, 256, 0, 2);
    Inside<float> y(4, 128, 0, 3);
    OneDnnGemm::multiply(x.cref(), copy, Trans::no, 0.f, y.ref());
    REQUIRE(packed.bytes() == std::size_t(OneDnnGemm::pack_factor * 256 * 128 * sizeof(float)));
  }
}

TEST_CASE("gemm by oneDNN or Eigen multiplies any two matrices", "[cpu][onednn_gemm]") {
  const std::array<index_t, 3> shapes[] = {{1, 1, 1},     {0, 3, 2},     {3, 2, 0},     {17, 19, 23},
                                           {131, 8, 200}, {131, 1, 999}, {150, 64, 40}, {8, 130, 143},
                                           {143, 96, 16}, {64, 65, 66}};
  for (const auto& [m, n, k] : shapes)
    for (const auto& [alpha, beta] : {std::pair{1.0, 0.0}, {1.0, 1.0}, {-0.75, 0.5}})
      for (const index_t gap : {0, 3}) {
        check_gemm<float, float, float>(m, n, k, gap, alpha, beta);
        check_gemm<bf16, float, float>(m, n, k, gap, alpha, beta);
        check_gemm<float, bf16, float>(m, n, k, gap, alpha, beta);
        check_gemm<float, float, bf16>(m, n, k, gap, alpha, beta);
        check_gemm<bf16, bf16, bf16>(m, n, k, gap, alpha, beta);
        check_gemm<bf16, bf16, float>(m, n, k, gap, alpha, beta);
        check_gemm<bf16, float, bf16>(m, n, k, gap, alpha, beta);
      }
  check_gemm<float, double, float>(17, 19, 23, 0, 2, 0.5);
}

TEST_CASE("oneDNN's products are the same from run to run, and called from anywhere", "[cpu][onednn_gemm]") {
  const auto check = [](auto zero) {
    using T = decltype(zero);
    const Inside<T> w(96, 130, 0, 1), x(150, 130, 0, 2);
    const auto product = [&] {
      const auto packed = OneDnnGemm::pack(w.cref(), nullptr);
      Inside<T> y(150, 96, 0, 3), dx(150, 130, 0, 4);
      OneDnnGemm::multiply(x.cref(), packed, Trans::yes, 1.f, y.ref());
      OneDnnGemm::multiply(MatrixRef<const T>(y.ref()), packed, Trans::no, 0.f, dx.ref());
      Inside<T> dw(96, 130, 0, 5);
      OneDnnGemm::gemm(Trans::yes, Trans::no, 1.f, y.cref(), x.cref(), 1.f, dw.ref());
      auto all = dx.numbers();
      const auto more = dw.numbers();
      all.insert(all.end(), more.begin(), more.end());
      return all;
    };
    const auto want = product();
    REQUIRE(product() == want);
    SECTION("two threads at once share a packed weight and what oneDNN has prepared") {
      const auto packed = OneDnnGemm::pack(w.cref(), nullptr);
      std::array<std::vector<double>, 4> got;
      std::vector<std::thread> threads;
      for (auto& g : got)
        threads.emplace_back([&] {
          for (int i = 0; i < 20; ++i) {
            Inside<T> y(150, 96, 0, 3), dx(150, 130, 0, 4);
            OneDnnGemm::multiply(x.cref(), packed, Trans::yes, 1.f, y.ref());
            OneDnnGemm::multiply(MatrixRef<const T>(y.ref()), packed, Trans::no, 0.f, dx.ref());
            g = dx.numbers();
          }
        });
      for (auto& t : threads) t.join();
      for (auto& g : got) REQUIRE(g == std::vector<double>(want.begin(), want.begin() + 150 * 130));
    }
    SECTION("other numbers of threads agree to rounding") {
      for (const int threads : {1, 2, 3}) {
        const test::Threads with(threads);
        REQUIRE(test::relative_error(product(), want) < allowed<T>);
      }
    }
    SECTION("inside a parallel region the caller computes alone") {
      std::array<std::vector<double>, 3> got;
      cpu::parallel_for(3, false, [&](index_t i) { got[static_cast<std::size_t>(i)] = product(); });
      for (const auto& g : got) REQUIRE(test::relative_error(g, want) < allowed<T>);
#  if defined(_OPENMP)
      REQUIRE(omp_get_max_threads() == cpu::threads());
#  endif
    }
  };
  SECTION("float") { check(float{}); }
  SECTION("bf16") { check(bf16{}); }
}

TEST_CASE("OneDnnGemm refuses shapes that do not fit", "[cpu][onednn_gemm]") {
  const Inside<float> w(3, 4, 0, 1), x(5, 6, 0, 2);
  Inside<float> y(5, 3, 0, 3);
  const auto packed = OneDnnGemm::pack(w.cref(), nullptr);
  REQUIRE(test::error_of<ShapeError>([&] {
            OneDnnGemm::multiply(x.cref(), packed, Trans::yes, 0.f, y.ref());
          }) == "multiply: X is [5, 6], expected [5, 4]");
  REQUIRE(test::error_of<ShapeError>([&] {
            OneDnnGemm::multiply(w.cref(), packed, Trans::yes, 0.f, y.ref());
          }) == "multiply: Y is [5, 3], expected [3, 3]");
}

TEST_CASE("gradients through a weight that oneDNN packed are those by finite differences",
          "[cpu][onednn_gemm]") {
  const auto gradient = []<Backend B>(B& b, bool check) {
    using T = typename B::scalar;
    const Frozen<B> w(b, tensor(b, 24, 32, 1));
    const Tensor<B> target = tensor(b, 7, 24, 2);
    Parameter<B> x{"x", MasterTensor<B>(b, 7, 32, test::random_numbers(3, 7 * 32))};
    const auto loss = [&](Tape<B>& tape) { return squared_error(linear(cast<T>(tape.leaf(x)), w), target); };
    if (check) {
      std::vector<Parameter<B>*> all = {&x};
      REQUIRE(gradient_error(b, std::span<Parameter<B>* const>(all), loss) < 1e-8);
    } else {
      Tape<B> tape(b);
      tape.backward(loss(tape));
    }
    return x.grad.template host<double>(b);
  };
  cpu::EigenBackend<double> doubles;
  Floats floats;
  Halves halves;
  const auto want = gradient(doubles, true);
  REQUIRE(test::relative_error(gradient(floats, false), want) < 1e-4);
  REQUIRE(test::relative_error(gradient(halves, false), want) < 2e-2);
}

TEST_CASE("a small model over oneDNN is the model over Eigen", "[cpu][onednn_gemm]") {
  SECTION("float") { models_agree<Floats, nn::LlamaBlock>(test::weights_of(9), 1e-5); }
  SECTION("bf16") { models_agree<Halves, nn::LlamaBlock>(calm_weights(), 2e-2); }
}
#endif
