// SPDX-License-Identifier: MIT
#include <lorica/autograd/disentangled_ops.hpp>

#include "support/op_cases.hpp"

using namespace lorica;
using test::Matrix;
using test::Numbers;

namespace {

struct Drawn {
  DisentangledShape shape;
  RelativePositions positions;
  index_t reach, low, count;
  [[nodiscard]] index_t width() const { return shape.heads * shape.head_dim; }
};
/// Heads and positions drawn with the case: with buckets or without, sequences beyond their span or not.
Drawn drawn(const Numbers& in) {
  Drawn d{{in.size("heads", 1, 3), in.size("head dim", 1, 9), 0.2 + 0.1 * double(in.size("scale", 0, 3))},
          {.buckets = 0, .longest = in.size("longest", 2, 20)},
          1,
          0,
          0};
  if (in.coin("buckets")) {
    d.positions.buckets = in.size("bucket", 2, 12);
    d.positions.longest = d.positions.buckets / 2 + 2 + in.size("longest", 2, 20);
  }
  for (std::size_t s = 0; s + 1 < in.offsets().size(); ++s)
    d.reach = std::max(d.reach, in.offsets()[s + 1] - in.offsets()[s]);
  d.low = d.positions.row(1 - d.reach);
  d.count = d.positions.row(d.reach - 1) - d.low + 1;
  return d;
}

Matrix attention_of(const Numbers& in, const Drawn& c, const Matrix& q, const Matrix& k, const Matrix& v,
                    const Matrix* pos_k, const Matrix* pos_q) {
  const auto& s = c.shape;
  Matrix o(q.rows, q.cols);
  for (std::size_t b = 0; b + 1 < in.offsets().size(); ++b)
    for (index_t i = in.offsets()[b]; i < in.offsets()[b + 1]; ++i)
      for (index_t h = 0; h < s.heads; ++h) {
        double total = 0;
        for (index_t j = in.offsets()[b]; j < in.offsets()[b + 1]; ++j) {
          const index_t t = c.positions.row(i - j) - c.low;
          double score = 0;
          for (index_t d = h * s.head_dim; d < (h + 1) * s.head_dim; ++d)
            score += q(i, d) * k(j, d) + (pos_k != nullptr ? q(i, d) * (*pos_k)(t, d) : 0) +
                     (pos_q != nullptr ? k(j, d) * (*pos_q)(t, d) : 0);
          const double weight = std::exp(s.scale * score);
          total += weight;
          for (index_t d = h * s.head_dim; d < (h + 1) * s.head_dim; ++d) o(i, d) += weight * v(j, d);
        }
        for (index_t d = h * s.head_dim; d < (h + 1) * s.head_dim; ++d) o(i, d) /= total;
      }
  return o;
}
Matrix attention_of(const Numbers& in, bool c2p, bool p2c) {
  const auto c = drawn(in);
  const index_t n = in.rows(), w = c.width();
  const Matrix pos_k = in.matrix("pos_k", c.count, w), pos_q = in.matrix("pos_q", c.count, w);
  return attention_of(in, c, in.matrix("q", n, w), in.matrix("k", n, w), in.matrix("v", n, w),
                      c2p ? &pos_k : nullptr, p2c ? &pos_q : nullptr);
}

template <Backend B> test::Cases<B> cases() {
  using Maybe = std::optional<Var<B>>;
  const auto attend = [](auto& in, const Drawn& c, const Var<B>& q, const Var<B>& k, const Var<B>& v,
                         const Maybe& pos_k, const Maybe& pos_q) {
    auto rows = std::make_shared<const RelativeRows<B>>(in.backend, c.positions, c.reach);
    CHECK(rows->low() == c.low);
    CHECK(rows->count() == c.count);
    return disentangled_attention(q, k, v, pos_k, pos_q, in.where, std::move(rows), c.shape);
  };
  const auto all = [=](bool c2p, bool p2c) {
    return [=](auto& t, auto& in) {
      const auto c = drawn(in);
      const index_t n = in.rows(), w = c.width();
      const auto q = in.activation(t, "q", n, w), k = in.activation(t, "k", n, w),
                 v = in.activation(t, "v", n, w);
      return attend(in, c, q, k, v, c2p ? Maybe(in.activation(t, "pos_k", c.count, w)) : Maybe(),
                    p2c ? Maybe(in.activation(t, "pos_q", c.count, w)) : Maybe());
    };
  };
  const auto expected = [](bool c2p, bool p2c) {
    return [=](const Numbers& in) { return attention_of(in, c2p, p2c); };
  };
  const auto fixed = [](auto& t, auto& in, const char* name, index_t rows, index_t cols) {
    return t.constant(in.template tensor<typename B::scalar>(name, rows, cols));
  };
  return {
      {"both terms of position", all(true, true), expected(true, true), 3},
      {"content to position", all(true, false), expected(true, false), 3},
      {"position to content", all(false, true), expected(false, true), 3},
      {"neither", all(false, false), expected(false, false), 3},
      {"frozen tables",
       [=](auto& t, auto& in) {
         const auto c = drawn(in);
         const index_t n = in.rows(), w = c.width();
         return attend(in, c, in.activation(t, "q", n, w), in.activation(t, "k", n, w),
                       in.activation(t, "v", n, w), fixed(t, in, "pos_k", c.count, w),
                       fixed(t, in, "pos_q", c.count, w));
       },
       expected(true, true), 3},
      {"tables alone trained",
       [=](auto& t, auto& in) {
         const auto c = drawn(in);
         const index_t n = in.rows(), w = c.width();
         return attend(in, c, fixed(t, in, "q", n, w), fixed(t, in, "k", n, w), fixed(t, in, "v", n, w),
                       in.activation(t, "pos_k", c.count, w), in.activation(t, "pos_q", c.count, w));
       },
       expected(true, true), 3},
      {"one table and one input for all",
       [=](auto& t, auto& in) {
         const auto c = drawn(in);
         const auto x = in.activation(t, "q", in.rows(), c.width()),
                    table = in.activation(t, "pos_k", c.count, c.width());
         return attend(in, c, x, x, x, table, table);
       },
       [=](const Numbers& in) {
         const auto c = drawn(in);
         const Matrix x = in.matrix("q", in.rows(), c.width()),
                      table = in.matrix("pos_k", c.count, c.width());
         return attention_of(in, c, x, x, x, &table, &table);
       },
       3},
      {"rows of a table",
       [](auto& t, auto& in) {
         const index_t n = in.size("rows"), first = in.size("first", 0, n - 1), d = in.size("columns");
         return table_rows(in.activation(t, "table", n, d), first, in.size("count", 1, n - first));
       },
       [](const Numbers& in) {
         const index_t n = in.size("rows"), first = in.size("first", 0, n - 1), d = in.size("columns");
         const Matrix table = in.matrix("table", n, d);
         return test::matrix_of(in.size("count", 1, n - first), d,
                                [&](index_t i, index_t j) { return table(first + i, j); });
       }},
  };
}

#if !defined(__CUDACC__)
/// Eigen without its fast path: the portable form over the same products.
template <class T> struct Portable : cpu::EigenBackend<T> { void disentangled_attention() = delete; };
template <class B> constexpr bool has_fast = requires(B& b, DisentangledCall<typename B::scalar> c) {
  b.disentangled_attention(c);
};
static_assert(has_fast<cpu::EigenBackend<double>> && !has_fast<Portable<double>> && !has_fast<test::Mixed>);
#endif

}  // namespace

TEMPLATE_TEST_CASE("disentangled attention is what plain loops say, and agrees with the reference",
                   "[autograd][disentangled]", LORICA_BACKENDS) {
  test::check_values(cases<TestType>());
  test::check_against_reference(cases<TestType>(), cases<test::Reference>());
}

TEMPLATE_TEST_CASE("gradients of disentangled attention are those of finite differences",
                   "[autograd][disentangled]", LORICA_DOUBLE_BACKENDS) {
  test::check_gradients(cases<TestType>());
}

#if !defined(__CUDACC__)
TEST_CASE("the portable disentangled attention agrees with the fast one on Eigen",
          "[autograd][disentangled]") {
  test::check_gradients(cases<Portable<double>>());
  test::check_against_reference(cases<Portable<double>>(), cases<test::Reference>());
}
#endif

TEST_CASE("disentangled attention keeps its inputs, its output and one number a row and head",
          "[autograd][memory]") {
  using B = test::Mixed;
  using T = B::scalar;
  using M = B::master;
  B b;
  test::Inputs<B> in(b, 2, 10);
  const auto c = drawn(in);
  const auto n = static_cast<std::size_t>(in.rows()), w = static_cast<std::size_t>(c.width());
  const auto rows = std::make_shared<const RelativeRows<B>>(b, c.positions, c.reach);
  const auto kept = [&](bool trains) {
    return test::kept_by(b, [&](Tape<B>& t) {
      const auto x = [&](const char* name, index_t of) {
        return trains ? in.activation(t, name, of, c.width()) : t.constant(in.tensor<T>(name, of, c.width()));
      };
      const auto q = x("q", in.rows()), k = x("k", in.rows()), v = x("v", in.rows());
      return disentangled_attention<B>(q, k, v, x("pos_k", c.count), x("pos_q", c.count), in.where, rows,
                                       c.shape);
    });
  };
  CHECK(kept(true) == (4 * n + 2 * static_cast<std::size_t>(c.count)) * w * sizeof(T) +
                          n * static_cast<std::size_t>(c.shape.heads) * sizeof(M));
  CHECK(kept(false) == 0);
  Parameter<B>& table = in.parameter("table", 9, 3);
  CHECK(test::kept_by(b, [&](Tape<B>& t) { return table_rows(t.leaf(table), 2, 4); }) == 0);
}

TEST_CASE("disentangled attention names what does not fit", "[autograd][errors]") {
  using B = test::Reference;
  B b;
  const Ragged<B> where(b, {0, 2});
  const auto reaching = [&](index_t n) {
    return std::make_shared<const RelativeRows<B>>(b, RelativePositions{.buckets = 0, .longest = 4}, n);
  };
  Tape<B> tape(b);
  const auto var = [&](index_t rows, index_t cols) { return tape.constant(zeros<double>(b, rows, cols)); };
  const auto wrong = [&](Shape q, Shape k, Shape pos_k, Shape pos_q, index_t reach) {
    return test::error_of<Error>([&] {
      (void)disentangled_attention<B>(var(q.rows, q.cols), var(k.rows, k.cols), var(2, 6),
                                      var(pos_k.rows, pos_k.cols), var(pos_q.rows, pos_q.cols), where,
                                      reaching(reach), DisentangledShape{2, 3, 1});
    });
  };
  CHECK(wrong({2, 6}, {2, 6}, {3, 6}, {3, 6}, 2) == "no error");
  CHECK(wrong({2, 5}, {2, 6}, {3, 6}, {3, 6}, 2) == "disentangled_attention: q is [2, 5], expected [2, 6]");
  CHECK(wrong({2, 6}, {3, 6}, {3, 6}, {3, 6}, 2) == "disentangled_attention: k is [3, 6], expected [2, 6]");
  CHECK(wrong({2, 6}, {2, 6}, {4, 6}, {3, 6}, 2) ==
        "disentangled_attention: pos_k is [4, 6], expected [3, 6]");
  CHECK(wrong({2, 6}, {2, 6}, {3, 6}, {3, 5}, 2) ==
        "disentangled_attention: pos_q is [3, 5], expected [3, 6]");
  CHECK(wrong({2, 6}, {2, 6}, {1, 6}, {1, 6}, 1) ==
        "disentangled_attention: sequence 0 has 2 rows, the relative rows reach 1");
  CHECK(test::error_of<Error>([&] { reaching(0); }) ==
        "RelativeRows: sequences of 0 rows, expected at least 1");
  CHECK(test::error_of<Error>([&] { (void)table_rows(var(3, 2), 2, 2); }) ==
        "table_rows: rows 2 to 4 of a table [3, 2]");
}
