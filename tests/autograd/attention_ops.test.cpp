// SPDX-License-Identifier: MIT
#include <lorica/autograd/attention_ops.hpp>

#include "support/op_cases.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

using namespace lorica;
using test::Matrix;
using test::Numbers;

namespace {

/// Heads drawn with the case: grouped or not, of odd widths, causal or not.
AttentionShape shape_of(const Numbers& in) {
  const index_t kv_heads = in.size("kv heads", 1, 2), dim = in.size("head dim", 1, 11);
  return {kv_heads * in.size("group", 1, 3), kv_heads, dim, in.coin("causal"),
          0.5 + 0.25 * static_cast<double>(in.size("scale", 0, 3))};
}
AttentionShape with_mask(AttentionShape s, bool causal) {
  s.causal = causal;
  return s;
}
AttentionShape windowed(const Numbers& in) {
  AttentionShape s = with_mask(shape_of(in), true);
  s.window = in.size("window", 2, 6);
  return s;
}

Matrix attention_of(const Numbers& in, const AttentionShape& s, const Matrix& q, const Matrix& k,
                    const Matrix& v) {
  Matrix o(q.rows, q.cols);
  for (std::size_t b = 0; b + 1 < in.offsets().size(); ++b)
    for (index_t i = in.offsets()[b]; i < in.offsets()[b + 1]; ++i)
      for (index_t h = 0; h < s.heads; ++h) {
        const index_t g = h / (s.heads / s.kv_heads), begin = in.offsets()[b],
                      first = s.window > 0 ? std::max(begin, i - s.window + 1) : begin,
                      last = s.causal ? i + 1 : in.offsets()[b + 1];
        double total = 0;
        for (index_t j = first; j < last; ++j) {
          double score = 0;
          for (index_t d = 0; d < s.head_dim; ++d)
            score += q(i, h * s.head_dim + d) * k(j, g * s.head_dim + d);
          const double weight = std::exp(s.scale * score);
          total += weight;
          for (index_t d = 0; d < s.head_dim; ++d)
            o(i, h * s.head_dim + d) += weight * v(j, g * s.head_dim + d);
        }
        for (index_t d = 0; d < s.head_dim; ++d) o(i, h * s.head_dim + d) /= total;
      }
  return o;
}
Matrix attention_of(const Numbers& in, const AttentionShape& s) {
  const index_t n = in.rows(), kv = s.kv_heads * s.head_dim;
  return attention_of(in, s, in.matrix("q", n, s.heads * s.head_dim), in.matrix("k", n, kv),
                      in.matrix("v", n, kv));
}
std::vector<double> frequencies(const Numbers& in) {
  std::vector<double> f(static_cast<std::size_t>(in.size("pairs", 1, 9)));
  for (std::size_t j = 0; j < f.size(); ++j) f[j] = std::pow(0.5, static_cast<double>(j));  // exact in float
  return f;
}
Matrix rotated(const Numbers& in, const Matrix& x, bool interleaved) {
  const auto f = frequencies(in);
  const auto half = static_cast<index_t>(f.size());
  Matrix y(x.rows, x.cols);
  for (std::size_t b = 0; b + 1 < in.offsets().size(); ++b)
    for (index_t i = in.offsets()[b]; i < in.offsets()[b + 1]; ++i)
      for (index_t h = 0; h < x.cols / (2 * half); ++h)
        for (index_t j = 0; j < half; ++j) {
          const double angle = static_cast<double>(i - in.offsets()[b]) * f[static_cast<std::size_t>(j)];
          const index_t first = 2 * half * h + (interleaved ? 2 * j : j),
                        second = first + (interleaved ? 1 : half);
          y(i, first) = x(i, first) * std::cos(angle) - x(i, second) * std::sin(angle);
          y(i, second) = x(i, first) * std::sin(angle) + x(i, second) * std::cos(angle);
        }
  return y;
}

template <Backend B> test::Cases<B> cases() {
  const auto attend = [](auto& t, auto& in, const AttentionShape& s) {
    const index_t n = in.rows(), kv = s.kv_heads * s.head_dim;
    const auto q = in.activation(t, "q", n, s.heads * s.head_dim);
    const auto k = in.activation(t, "k", n, kv), v = in.activation(t, "v", n, kv);
    return attention(q, k, v, in.where, s);
  };
  const auto itself = [](const Numbers& in) {
    return AttentionShape{in.size("heads", 1, 3), in.size("heads", 1, 3), 5, true, 0.5};
  };
  const auto one = [](const Numbers& in) { return with_mask({2, 1, 3, true, 1.0}, in.coin("causal")); };
  const auto turn = [](auto& t, auto& in, bool interleaved) {
    const auto f = frequencies(in);
    const auto half = static_cast<index_t>(f.size());
    auto& frequency = in.constant("frequency", 1, half);
    frequency = MasterTensor<B>(in.backend, 1, half, f);
    return rotary(in.activation(t, "x", in.rows(), 2 * half * in.size("heads", 1, 3)), in.where, frequency,
                  interleaved);
  };
  const auto turned = [](bool interleaved) {
    return [interleaved](const Numbers& in) {
      const auto half = static_cast<index_t>(frequencies(in).size());
      return rotated(in, in.matrix("x", in.rows(), 2 * half * in.size("heads", 1, 3)), interleaved);
    };
  };
  return {
      {"causal attention", [=](auto& t, auto& in) { return attend(t, in, with_mask(shape_of(in), true)); },
       [](const Numbers& in) { return attention_of(in, with_mask(shape_of(in), true)); }, 3},
      {"causal attention in a window", [=](auto& t, auto& in) { return attend(t, in, windowed(in)); },
       [](const Numbers& in) { return attention_of(in, windowed(in)); }, 3},
      {"attention in both directions",
       [=](auto& t, auto& in) { return attend(t, in, with_mask(shape_of(in), false)); },
       [](const Numbers& in) { return attention_of(in, with_mask(shape_of(in), false)); }, 3},
      {"attention of one thing to itself",
       [=](auto& t, auto& in) {
         const auto s = itself(in);
         const auto x = in.activation(t, "x", in.rows(), s.heads * s.head_dim);
         return attention(x, x, x, in.where, s);
       },
       [=](const Numbers& in) {
         const auto s = itself(in);
         const Matrix x = in.matrix("x", in.rows(), s.heads * s.head_dim);
         return attention_of(in, s, x, x, x);
       },
       3},
      {"attention, keys and values frozen",
       [=](auto& t, auto& in) {
         const auto s = one(in);
         using T = typename B::scalar;
         return attention(in.activation(t, "q", in.rows(), 6),
                          t.constant(in.template tensor<T>("k", in.rows(), 3)),
                          t.constant(in.template tensor<T>("v", in.rows(), 3)), in.where, s);
       },
       [=](const Numbers& in) { return attention_of(in, one(in)); }, 3},
      {"attention, values alone trained",
       [=](auto& t, auto& in) {
         const auto s = one(in);
         using T = typename B::scalar;
         return attention(t.constant(in.template tensor<T>("q", in.rows(), 6)),
                          t.constant(in.template tensor<T>("k", in.rows(), 3)),
                          in.activation(t, "v", in.rows(), 3), in.where, s);
       },
       [=](const Numbers& in) { return attention_of(in, one(in)); }, 3},
      {"rotary", [=](auto& t, auto& in) { return turn(t, in, false); }, turned(false)},
      {"rotary, interleaved", [=](auto& t, auto& in) { return turn(t, in, true); }, turned(true)},
  };
}

#if !defined(__CUDACC__)
/// Eigen without its fast attention: the portable form over the same products.
template <class T> struct Portable : cpu::EigenBackend<T> { void attention() = delete; };
template <class B>
constexpr bool has_attention = requires(B& b, AttentionCall<typename B::scalar, typename B::master> c) {
  b.attention(c);
};
static_assert(has_attention<cpu::EigenBackend<double>> && !has_attention<Portable<double>> &&
              !has_attention<test::Mixed>);
#endif

}  // namespace

TEMPLATE_TEST_CASE("attention is what plain loops say, and agrees with the reference",
                   "[autograd][attention]", LORICA_BACKENDS) {
  test::check_values(cases<TestType>());
  test::check_against_reference(cases<TestType>(), cases<test::Reference>());
}

TEMPLATE_TEST_CASE("gradients of attention are those of finite differences", "[autograd][attention]",
                   LORICA_DOUBLE_BACKENDS) {
  test::check_gradients(cases<TestType>());
}

#if !defined(__CUDACC__)
TEST_CASE("the portable attention agrees with the fast one on Eigen", "[autograd][attention]") {
  test::check_values(cases<Portable<double>>());
  test::check_values(cases<Portable<float>>());
  test::check_gradients(cases<Portable<double>>());
  test::check_against_reference(cases<Portable<double>>(), cases<test::Reference>());
  test::check_against_reference(cases<Portable<float>>(), cases<test::Reference>());
}
#endif

TEST_CASE("gradients of attention over several blocks of rows are those of finite differences",
          "[autograd][attention]") {
  using B = test::Reference;
  for (const bool causal : {true, false}) {
    B b;
    const AttentionShape s{2, 1, 1, causal, 1.0};
    const Ragged<B> where(
        b, {0, 130, 131, 195});  // blocks are of 64 rows: two whole ones and a rest, one row, one whole
    const index_t n = where.rows();
    const auto numbers = [&](Seed seed, index_t cols) {
      return MasterTensor<B>(b, n, cols, test::random_numbers(seed, n * cols));
    };
    Parameter<B> q{"q", numbers(1, 2), {}}, k{"k", numbers(2, 1), {}}, v{"v", numbers(3, 1), {}};
    const auto target = numbers(4, 2);
    Parameter<B>* const parameters[] = {&q, &k, &v};
    INFO((causal ? "causal" : "both directions"));
    CHECK(gradient_error(b, std::span<Parameter<B>* const>(parameters), [&](Tape<B>& t) {
            return squared_error(attention(t.leaf(q), t.leaf(k), t.leaf(v), where, s), target);
          }) < 1e-8);
  }
}

TEMPLATE_TEST_CASE("a sequence of one token attends to itself alone", "[autograd][attention]",
                   LORICA_BACKENDS) {
  using B = TestType;
  using T = typename B::scalar;
  B b;
  const index_t n = 20;
  std::vector<index_t> offsets(static_cast<std::size_t>(n + 1));
  std::iota(offsets.begin(), offsets.end(), 0);
  const Ragged<B> where(b, offsets);
  for (const bool causal : {true, false}) {
    const AttentionShape s{4, 2, 3, causal, 0.7};
    Parameter<B> q{"q", MasterTensor<B>(b, n, 12, test::random_numbers(1, n * 12)), {}};
    Parameter<B> k{"k", MasterTensor<B>(b, n, 6, test::random_numbers(2, n * 6)), {}},
        v{"v", MasterTensor<B>(b, n, 6, test::random_numbers(3, n * 6)), {}};
    const Tensor<B> target(b, n, 12, test::random_numbers(4, n * 12));
    Tape<B> tape(b);
    const auto value = cast<T>(tape.leaf(v));
    const auto o = attention(cast<T>(tape.leaf(q)), cast<T>(tape.leaf(k)), value, where, s);
    const auto out = o.value().template host<double>(b), in = value.value().template host<double>(b);
    for (index_t i = 0; i < n; ++i)
      for (index_t h = 0; h < 4; ++h)
        for (index_t d = 0; d < 3; ++d)
          CHECK(out[static_cast<std::size_t>(i * 12 + h * 3 + d)] ==
                Approx(in[static_cast<std::size_t>(i * 6 + h / 2 * 3 + d)]).epsilon(1e-6));
    tape.backward(squared_error(o, target));
    CHECK(test::relative_error(q.grad.template host<double>(b),
                               std::vector<double>(static_cast<std::size_t>(n * 12))) < 1e-4);
    CHECK(test::relative_error(k.grad.template host<double>(b),
                               std::vector<double>(static_cast<std::size_t>(n * 6))) < 1e-4);
    CHECK(b.sum_squares(std::as_const(v.grad).data(), v.grad.size()) > 1);
  }
}

TEMPLATE_TEST_CASE("attention survives scores far from zero", "[autograd][attention]", LORICA_BACKENDS) {
  using B = TestType;
  B b;
  const Ragged<B> where(b, {0, 2});
  for (const double sign : {1.0, -1.0}) {
    Tape<B> tape(b, false);
    const auto q = tape.constant(Tensor<B>(b, 2, 1, std::vector<double>{30, 30}));
    const auto k = tape.constant(Tensor<B>(b, 2, 1, std::vector<double>{30 * sign, 31 * sign}));
    const auto v = tape.constant(Tensor<B>(b, 2, 1, std::vector<double>{1, 2}));
    const auto o =
        attention(q, k, v, where, AttentionShape{1, 1, 1, false, 1.0}).value().template host<double>(b);
    const double want = sign > 0 ? 2 : 1;  // one score leads by 30
    CHECK(o[0] == Approx(want).epsilon(1e-6));
    CHECK(o[1] == Approx(want).epsilon(1e-6));
  }
}

TEST_CASE("sequences do not see each other", "[autograd][attention]") {
  using B = test::Reference;
  B b;
  const AttentionShape s{2, 2, 3, false, 1.0};
  const auto run = [&](std::vector<index_t> offsets, index_t first) {
    const index_t n = offsets.back();
    const auto part = [&](Seed seed) {
      const auto all = test::random_numbers(seed, 9 * 6);
      return Tensor<B>(b, n, 6,
                       std::span<const double>(all).subspan(static_cast<std::size_t>(first * 6),
                                                            static_cast<std::size_t>(n * 6)));
    };
    const Ragged<B> where(b, std::move(offsets));
    Tape<B> tape(b, false);
    return attention(tape.constant(part(1)), tape.constant(part(2)), tape.constant(part(3)), where, s)
        .value()
        .host(b);
  };
  auto together = run({0, 4, 9}, 0), first = run({0, 4}, 0), second = run({0, 5}, 4);
  first.insert(first.end(), second.begin(), second.end());
  CHECK(together == first);
}

TEMPLATE_TEST_CASE("a sequence in two batches turns and attends as in one", "[autograd][attention]",
                   LORICA_BACKENDS) {
  using B = TestType;
  B b;
  const index_t n = 9, before = 5;
  const AttentionShape s{4, 2, 6, true, 0.4, 4};
  const MasterTensor<B> frequency(b, 1, 3, std::vector<double>{1, 0.5, 0.25});
  const auto part = [&](Seed seed, index_t cols, index_t first) {
    const auto all = test::random_numbers(seed, n * cols);
    return Tensor<B>(b, n - first, cols,
                     std::span<const double>(all).subspan(static_cast<std::size_t>(first * cols)));
  };
  Tape<B> tape(b, false);
  const auto k = tape.constant(part(2, 12, 0)), v = tape.constant(part(3, 12, 0));
  const Ragged<B> all(b, {0, n}), last(b, {0, n - before}, before);
  CHECK(last.rows() == n - before);
  const auto turned = [&](const Ragged<B>& where, index_t first) {
    return rotary(tape.constant(part(1, 24, first)), where, frequency);
  };
  const auto whole = attention(turned(all, 0), k, v, all, s).value().template host<double>(b);
  const auto rest = attention(turned(last, before), k.value().cref(), v.value().cref(), last, s)
                        .value()
                        .template host<double>(b);
  CHECK(test::relative_error(rest, {whole.begin() + before * 24, whole.end()}) < test::tolerance<B>());
}

TEMPLATE_TEST_CASE("rotary turns: the norm stays, and turning back restores", "[autograd][rotary]",
                   LORICA_BACKENDS) {
  using B = TestType;
  B b;
  const index_t n = 40, heads = 3, half = 5;
  const Ragged<B> where(b, {0, 1, 13, n});
  std::vector<double> f(static_cast<std::size_t>(half)), back;
  for (std::size_t j = 0; j < f.size(); ++j) f[j] = std::pow(10.0, -static_cast<double>(j) / 2);
  for (const double x : f) back.push_back(-x);
  const MasterTensor<B> frequency(b, 1, half, f), reverse(b, 1, half, back);
  for (const bool interleaved : {false, true}) {
    Tape<B> tape(b, false);
    const auto x =
        tape.constant(Tensor<B>(b, n, 2 * half * heads, test::random_numbers(1, n * 2 * half * heads)));
    const auto y = rotary(x, where, frequency, interleaved), z = rotary(y, where, reverse, interleaved);
    const auto hx = x.value().template host<double>(b), hy = y.value().template host<double>(b);
    CHECK(test::relative_error(z.value().template host<double>(b), hx) < 10 * test::tolerance<B>());
    CHECK(test::relative_error(hy, hx) > 0.5);
    for (std::size_t i = 0; i < hx.size(); i += 2 * half) {
      double before = 0, after = 0;
      for (std::size_t j = i; j < i + 2 * half; ++j) {
        before += hx[j] * hx[j];
        after += hy[j] * hy[j];
      }
      CHECK(after == Approx(before).epsilon(test::tolerance<B>()));
    }
    for (const std::size_t row : {0u, 1u, 13u})  // the first of a sequence is not turned
      for (std::size_t j = 0; j < 2 * half * heads; ++j)
        CHECK(hy[row * 2 * half * heads + j] == hx[row * 2 * half * heads + j]);
  }
}

TEST_CASE("attention keeps q, k, v, its output and one number a row and head, rotary keeps nothing",
          "[autograd][memory]") {
  using B = test::Mixed;
  using T = B::scalar;
  using M = B::master;
  B b;
  test::Inputs<B> in(b, 2, 10);
  const auto n = static_cast<std::size_t>(in.rows());
  const index_t rows = in.rows();
  const AttentionShape s{4, 2, 3, true, 1.0};
  const auto x = [&](Tape<B>& t, const char* name, index_t cols) {
    return in.activation(t, name, rows, cols);
  };
  CHECK(test::kept_by(b, [&](Tape<B>& t) {
          return attention(x(t, "q", 12), x(t, "k", 6), x(t, "v", 6), in.where, s);
        }) == n * (12 + 6 + 6 + 12) * sizeof(T) + n * 4 * sizeof(M));
  const auto fixed = [&](Tape<B>& t, index_t cols) { return t.constant(in.tensor<T>("c", rows, cols)); };
  CHECK(test::kept_by(b, [&](Tape<B>& t) {
          return attention(fixed(t, 12), fixed(t, 6), fixed(t, 6), in.where, s);
        }) == 0);
  auto& frequency = in.constant("frequency", 1, 3);
  CHECK(test::kept_by(b, [&](Tape<B>& t) { return rotary(x(t, "q", 12), in.where, frequency); }) == 0);
}

TEST_CASE("what attention kept is freed by its backward pass, or with its tape", "[autograd][memory]") {
  using B = test::Reference;
  B b;
  test::Inputs<B> in(b, 2, 10);
  const AttentionShape s{1, 1, 3, true, 1.0};
  const auto run = [&](bool backward) {
    Tape<B> tape(b);
    const auto x = [&](const char* name) { return in.leaf(tape, name, in.rows(), 3); };
    auto loss = squared_error(attention(x("q"), x("k"), x("v"), in.where, s), in.constant("t", in.rows(), 3));
    if (!backward) return;
    tape.backward(loss);
    loss = {};
    CHECK(tape.account().live == 0);
  };
  run(true);
  const std::size_t before = b.pool().in_use();  // parameters, gradients, constants: all there now
  run(false);
  run(true);
  CHECK(b.pool().in_use() == before);
}

TEST_CASE("attention and rotary name what does not fit", "[autograd][errors]") {
  using B = test::Reference;
  B b;
  const Ragged<B> where(b, {0, 2});
  Tape<B> tape(b);
  const auto var = [&](index_t rows, index_t cols) { return tape.constant(zeros<double>(b, rows, cols)); };
  const auto wrong = [&](index_t q, index_t k, index_t v, AttentionShape s) {
    return test::error_of<Error>([&] { (void)attention(var(2, q), var(2, k), var(2, v), where, s); });
  };
  const AttentionShape s{2, 1, 3, true, 1.0};
  CHECK(wrong(6, 3, 3, s) == "no error");
  CHECK(wrong(5, 3, 3, s) == "attention: q is [2, 5], expected [2, 6]");
  CHECK(wrong(6, 4, 3, s) == "attention: k is [2, 4], expected [2, 3]");
  CHECK(wrong(6, 3, 4, s) == "attention: v is [2, 4], expected [2, 3]");
  CHECK(wrong(6, 3, 3, {3, 2, 3, true, 1.0}) == "attention: 3 heads cannot share 2 key/value heads");
  CHECK(wrong(6, 3, 3, {3, 0, 3, true, 1.0}) == "attention: 3 heads cannot share 0 key/value heads");
  CHECK(test::error_of<ShapeError>([&] { (void)attention(var(3, 6), var(3, 3), var(3, 3), where, s); }) ==
        "attention: q is [3, 6], expected [2, 6]");
  const auto frequency = zeros<double>(b, 1, 2);
  CHECK(test::error_of<ShapeError>([&] { (void)rotary(var(2, 6), where, frequency); }) ==
        "rotary: x is [2, 6], heads are 4 wide and the batch has 2 rows");
  CHECK(test::error_of<ShapeError>([&] { (void)rotary(var(3, 4), where, frequency); }) ==
        "rotary: x is [3, 4], heads are 4 wide and the batch has 2 rows");
}

#if !defined(__CUDACC__)  // a device has an attention of its own
TEST_CASE("a head too wide for the portable attention is refused", "[autograd][errors]") {
  using B = test::Mixed;
  B b;
  const Ragged<B> where(b, {0, 1});
  Tape<B> tape(b);
  const auto x = tape.constant(zeros<float>(b, 1, 257));
  CHECK(test::error_of<ConfigError>([&] {
          (void)attention(x, x, x, where, AttentionShape{1, 1, 257, true, 1.0});
        }) == "attention: heads of 257, at most 256");
}
#endif

TEST_CASE("a ragged batch has no empty sequence", "[autograd][errors]") {
  using B = test::Reference;
  B b;
  const auto message = [&](std::vector<index_t> offsets) {
    return test::error_of<ConfigError>([&] { Ragged<B>(b, offsets); });
  };
  CHECK(message({0}) == "no error");
  CHECK(message({0, 3, 4}) == "no error");
  CHECK(message({0, 3, 3}) == "Ragged: sequence 1 reaches from row 3 to 3, expected at least one row");
  CHECK(message({0, 3, 2}) == "Ragged: sequence 1 reaches from row 3 to 2, expected at least one row");
  CHECK(message({1, 3}) == "Ragged: the first offset is not 0, expected 0");
  CHECK(message({}) == "Ragged: the first offset is missing, expected 0");
}

TEST_CASE("rows that came before are those of one sequence, and have no gradient", "[autograd][errors]") {
  using B = test::Reference;
  B b;
  const auto message = [&](std::vector<index_t> offsets, index_t before) {
    return test::error_of<ConfigError>([&] { Ragged<B>(b, offsets, before); });
  };
  CHECK(message({0, 2, 3}, 4) ==
        "Ragged: 4 rows before 2 sequences, expected none, or some before a single one");
  CHECK(message({0, 2}, -1) ==
        "Ragged: -1 rows before 1 sequences, expected none, or some before a single one");
  const Ragged<B> where(b, {0, 2}, 3);
  const AttentionShape s{1, 1, 4, true, 1.0};
  Parameter<B> q{"q", zeros<double>(b, 2, 4)}, k{"k", zeros<double>(b, 5, 4)};
  Tape<B> tape(b);
  const auto two = tape.constant(zeros<double>(b, 2, 4)), five = tape.constant(zeros<double>(b, 5, 4));
  CHECK(test::error_of<ShapeError>([&] { (void)attention(two, two, two, where, s); }) ==
        "attention: k is [2, 4], expected [5, 4]");
  CHECK(attention(two, five, five, where, s).shape() == Shape{2, 4});
  CHECK(test::error_of<ConfigError>([&] { (void)attention(two, tape.leaf(k), five, where, s); }) ==
        "attention: a gradient is asked for in a batch with 3 rows before it, expected none");
  CHECK(test::error_of<ConfigError>([&] {
          (void)attention(tape.leaf(q), five.value().cref(), five.value().cref(), where, s);
        }) == "attention: q has a gradient, keys and values that stand off the tape have none");
}
