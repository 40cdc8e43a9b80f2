// SPDX-License-Identifier: MIT
#include <lorica/autograd/loss_ops.hpp>

#include "support/op_cases.hpp"

#include <cmath>

using namespace lorica;
using test::Matrix;
using test::Numbers;

namespace {

/// A class for every row; with `gaps`, about half of the rows have none, and one has one.
std::vector<std::int32_t> classes_of(const Numbers& in, bool gaps) {
  auto by_row = in.integers("targets", in.rows(), in.size("classes"));
  const auto missing = in.integers("missing", in.rows(), 2);
  for (std::size_t i = 1; gaps && i < by_row.size(); ++i)
    if (missing[i] == 1) by_row[i] = i % 2 == 0 ? no_target : -1;
  return by_row;
}
/// What each class weighs: 0.5, 1.25, 2, ...
std::vector<double> weights_of(const Numbers& in) {
  std::vector<double> w;
  for (index_t c = 0; c < in.size("classes"); ++c) w.push_back(0.5 + 0.75 * double(c));
  return w;
}
Matrix cross_entropy_of(const Matrix& h, const Matrix& w, const std::vector<std::int32_t>& targets) {
  const Matrix logits = test::product_nt(h, w);
  Matrix loss(1, 1);
  for (index_t i = 0; i < h.rows; ++i) {
    const std::int32_t t = targets[static_cast<std::size_t>(i)];
    if (t < 0) continue;
    double total = 0;
    for (index_t j = 0; j < w.rows; ++j) total += std::exp(logits(i, j) - logits(i, t));
    loss(0, 0) += std::log(total);
  }
  return loss;
}
Matrix cross_entropy_of(const Numbers& in, bool gaps) {
  const index_t d = in.size("d", 2, 9);
  return cross_entropy_of(in.matrix("h", in.rows(), d), in.matrix("w", in.size("classes"), d),
                          classes_of(in, gaps));
}
/// Where each sequence's answer begins and ends; about a third of the ends are not asked for.
std::vector<std::int32_t> ends_of(const Numbers& in) {
  std::vector<std::int32_t> ends;
  for (std::size_t s = 0; s + 1 < in.offsets().size(); ++s)
    for (int side = 0; side < 2; ++side) {
      const index_t length = in.offsets()[s + 1] - in.offsets()[s];
      const std::string name = std::to_string(2 * s + static_cast<std::size_t>(side));
      const bool asked = in.size("asked " + name, 0, 2) > 0;
      ends.push_back(asked ? static_cast<std::int32_t>(in.size("end " + name, 0, length - 1)) : no_target);
    }
  return ends;
}
Matrix span_loss_of(const Numbers& in) {
  const Matrix z = in.matrix("z", in.rows(), 2);
  const auto ends = ends_of(in);
  Matrix loss(1, 1);
  for (std::size_t s = 0; s + 1 < in.offsets().size(); ++s)
    for (std::size_t side = 0; side < 2; ++side) {
      if (ends[2 * s + side] < 0) continue;
      const auto c = static_cast<index_t>(side);
      double total = 0;
      for (index_t i = in.offsets()[s]; i < in.offsets()[s + 1]; ++i)
        total += std::exp(z(i, c) - z(in.offsets()[s] + ends[2 * s + side], c));
      loss(0, 0) += std::log(total);
    }
  return loss;
}
Matrix squared_error_of(const Numbers& in) {
  const Matrix x = in.matrix("x", in.rows(), in.size("d")), t = in.matrix("t", x.rows, x.cols);
  Matrix loss(1, 1);
  for (std::size_t i = 0; i < x.numbers.size(); ++i)
    loss(0, 0) += (x.numbers[i] - t.numbers[i]) * (x.numbers[i] - t.numbers[i]);
  return loss;
}

template <Backend B> test::Cases<B> cases() {
  const auto h = [](auto& t, auto& in) { return in.activation(t, "h", in.rows(), in.size("d", 2, 9)); };
  const auto chunk = [](const Numbers& in) { return in.size("chunk", 1, 20); };
  const auto frozen = [=](bool gaps) {
    return [=](auto& t, auto& in) {
      return cross_entropy(h(t, in), in.frozen("w", in.size("classes"), in.size("d", 2, 9)),
                           in.targets(classes_of(in, gaps)), chunk(in));
    };
  };
  const auto trained = [=](bool gaps) {
    return [=](auto& t, auto& in) {
      return cross_entropy(h(t, in), in.parameter("w", in.size("classes"), in.size("d", 2, 9)),
                           in.targets(classes_of(in, gaps)), chunk(in));
    };
  };
  const auto expected = [](bool gaps) {
    return [gaps](const Numbers& in) { return cross_entropy_of(in, gaps); };
  };
  return {
      {"cross_entropy, head frozen", frozen(false), expected(false)},
      {"cross_entropy, head frozen, rows without target", frozen(true), expected(true)},
      {"cross_entropy, head trained", trained(false), expected(false)},
      {"cross_entropy, head trained, rows without target", trained(true), expected(true)},
      {"cross_entropy of a constant",
       [](auto& t, auto& in) {
         const index_t d = in.size("d", 2, 9);
         return cross_entropy(t.constant(in.template tensor<typename B::scalar>("h", in.rows(), d)),
                              in.parameter("w", in.size("classes"), d), in.targets(classes_of(in, true)));
       },
       expected(true)},
      {"category_loss",
       [](auto& t, auto& in) {
         return category_loss(in.leaf(t, "z", in.rows(), in.size("classes")),
                              in.targets(classes_of(in, true)));
       },
       [](const Numbers& in) {
         const Matrix z = in.matrix("z", in.rows(), in.size("classes"));
         const Matrix one =
             test::matrix_of(z.cols, z.cols, [](index_t i, index_t j) { return double(i == j); });
         return cross_entropy_of(z, one, classes_of(in, true));
       }},
      {"category_loss, weighed",
       [](auto& t, auto& in) {
         return category_loss(in.leaf(t, "z", in.rows(), in.size("classes")),
                              in.targets(classes_of(in, true)), weights_of(in));
       },
       [](const Numbers& in) {
         // Sums of one row each, so that each may weigh on its own.
         const Matrix z = in.matrix("z", in.rows(), in.size("classes"));
         const Matrix one =
             test::matrix_of(z.cols, z.cols, [](index_t i, index_t j) { return double(i == j); });
         const auto wanted = classes_of(in, true);
         const auto weights = weights_of(in);
         Matrix sum(1, 1);
         for (std::size_t i = 0; i < wanted.size(); ++i) {
           if (wanted[i] < 0) continue;
           auto alone = wanted;
           for (std::size_t j = 0; j < alone.size(); ++j)
             if (j != i) alone[j] = no_target;
           sum(0, 0) += weights[static_cast<std::size_t>(wanted[i])] * cross_entropy_of(z, one, alone)(0, 0);
         }
         return sum;
       }},
      {"span_loss",
       [](auto& t, auto& in) {
         return span_loss(in.leaf(t, "z", in.rows(), 2), in.where,
                          SpanTargets<B>(in.backend, in.where.offsets, ends_of(in)));
       },
       span_loss_of},
      {"squared_error",
       [](auto& t, auto& in) {
         return squared_error(in.leaf(t, "x", in.rows(), in.size("d")),
                              in.constant("t", in.rows(), in.size("d")));
       },
       squared_error_of},
      {"squared_error of activations",
       [](auto& t, auto& in) {
         const Tensor<B> target = in.template tensor<typename B::scalar>("t", in.rows(), in.size("d"));
         return squared_error(in.activation(t, "x", in.rows(), in.size("d")), target);
       },
       squared_error_of},
  };
}

/// Loss, dh and (where it trains) dw of a cross entropy with the given chunk and seed.
template <Backend B, class Head>
std::vector<std::vector<double>> run(B& b, Parameter<B>& h, Head& head, const Targets<B>& targets,
                                     index_t chunk, double seed = 1) {
  h.grad = {};
  Tape<B> tape(b);
  const auto loss = cross_entropy(cast<typename B::scalar>(tape.leaf(h)), head, targets, chunk);
  if constexpr (std::same_as<Head, Parameter<B>>) head.grad = {};
  tape.backward(loss, seed);
  std::vector<std::vector<double>> out = {loss.value().template host<double>(b),
                                          h.grad.template host<double>(b)};
  if constexpr (std::same_as<Head, Parameter<B>>) out.push_back(head.grad.template host<double>(b));
  return out;
}

}  // namespace

TEMPLATE_TEST_CASE("a weighed mean and its gradient are torch's", "[autograd][loss][oracle]",
                   LORICA_DOUBLE_BACKENDS) {
  // z, t, w as below in float64: l = torch.nn.CrossEntropyLoss(weight=w)(z, t); l.backward(); l, z.grad
  using B = TestType;
  B b;
  Parameter<B> z{
      "z",
      MasterTensor<B>(b, 4, 3,
                      std::vector<double>{0.3, -1.2, 0.5, 1.5, 0.2, -0.4, -0.7, 0.9, 0.1, 0.0, 0.4, -2.0}),
      {}};
  const std::vector<double> w = {0.5, 2, 3};
  const Targets<B> targets(b, std::vector<std::int32_t>{2, 0, 1, 1});
  Tape<B> tape(b);
  const auto loss = category_loss(tape.leaf(z), targets, w);
  const double weight = 3 + 0.5 + 2 + 2;
  CHECK(loss.value().template host<double>(b)[0] / weight == Approx(0.5856629268310234).epsilon(1e-14));
  tape.backward(loss, 1 / weight);
  CHECK(test::relative_error(
            z.grad.template host<double>(b),
            {0.16363044122014303, 0.03651088655460876, -0.20014132777475174, -0.019787651590032766,
             0.012776022034503546, 0.007011629555529225, 0.03260552362381338, -0.1051704509435381,
             0.07256492731972469, 0.10150377921696198, -0.11524082192687608, 0.013737042709914155}) < 1e-14);
  CHECK(test::error_of<ShapeError>([&] {
          (void)category_loss(tape.leaf(z), targets, std::vector<double>{1, 2});
        }) == "category_loss: 2 weights for 3 classes");
}

TEMPLATE_TEST_CASE("losses are what plain loops say, and agree with the reference", "[autograd][loss]",
                   LORICA_BACKENDS) {
  test::check_values(cases<TestType>());
  test::check_against_reference(cases<TestType>(), cases<test::Reference>());
}

TEMPLATE_TEST_CASE("gradients of losses are those of finite differences", "[autograd][loss]",
                   LORICA_DOUBLE_BACKENDS) {
  test::check_gradients(cases<TestType>());
}

TEMPLATE_TEST_CASE("cross entropy is the same for every chunk, frozen or trained, and seeds scale it",
                   "[autograd][loss]", LORICA_BACKENDS) {
  using B = TestType;
  using T = typename B::scalar;
  B b;
  const index_t n = 23, d = 6, classes = 37;
  const auto numbers = test::random_numbers(2, classes * d);
  Parameter<B> h{"h", MasterTensor<B>(b, n, d, test::random_numbers(1, n * d)), {}},
      head{"head", MasterTensor<B>(b, classes, d, numbers), {}};
  const Frozen<B> frozen(b, Tensor<B, T>(b, classes, d, numbers));
  const double close = 4 * test::tolerance<B>();
  for (const bool gaps : {false, true}) {
    std::vector<std::int32_t> by_row(static_cast<std::size_t>(n));
    for (index_t i = 0; i < n; ++i)
      by_row[static_cast<std::size_t>(i)] =
          gaps && i % 3 == 0 ? no_target : static_cast<std::int32_t>(i * 7 % classes);
    const Targets<B> targets(b, by_row);
    CHECK(targets.count == (gaps ? 15 : 23));
    const auto whole = run(b, h, head, targets, 256);
    for (const index_t chunk : {1, 2, 7, 22, 23, 24}) {
      INFO("chunk " << chunk);
      const auto trained = run(b, h, head, targets, chunk), still = run(b, h, frozen, targets, chunk);
      for (std::size_t i = 0; i < 3; ++i) CHECK(test::relative_error(trained[i], whole[i]) < close);
      for (std::size_t i = 0; i < 2; ++i) CHECK(test::relative_error(still[i], whole[i]) < close);
    }
    const auto scaled = run(b, h, head, targets, 5, -2.5);
    CHECK(test::relative_error(scaled[0], whole[0]) < close);
    for (std::size_t i = 1; i < 3; ++i) {
      auto want = whole[i];
      for (auto& x : want) x *= -2.5;
      CHECK(test::relative_error(scaled[i], want) < close);
    }
    for (index_t i = 0; gaps && i < n; i += 3)  // rows without target have no gradient at all
      for (index_t j = 0; j < d; ++j) CHECK(whole[1][static_cast<std::size_t>(i * d + j)] == 0);
  }
}

TEMPLATE_TEST_CASE("without any target the loss and all gradients are zero", "[autograd][loss]",
                   LORICA_BACKENDS) {
  using B = TestType;
  B b;
  Parameter<B> h{"h", MasterTensor<B>(b, 3, 2, test::random_numbers(1, 6)), {}},
      head{"head", MasterTensor<B>(b, 4, 2, test::random_numbers(2, 8)), {}};
  const Frozen<B> frozen(b, Tensor<B>(b, 4, 2, test::random_numbers(2, 8)));
  const Targets<B> none(b, std::vector<std::int32_t>{no_target, -1, no_target});
  CHECK(none.count == 0);
  CHECK(none.rows == 3);
  const auto trained = run(b, h, head, none, 2), still = run(b, h, frozen, none, 2);
  CHECK(trained == std::vector<std::vector<double>>{{0}, std::vector<double>(6), std::vector<double>(8)});
  CHECK(still == std::vector<std::vector<double>>{{0}, std::vector<double>(6)});
}

TEST_CASE("cross entropy survives logits far from zero", "[autograd][loss]") {
  using B = test::Mixed;
  B b;
  Parameter<B> h{"h", MasterTensor<B>(b, 2, 1, std::vector<double>{1000, -1000}), {}};
  const Frozen<B> head(b, Tensor<B>(b, 3, 1, std::vector<double>{1, 0, -1}));
  const Targets<B> targets(b, std::vector<std::int32_t>{0, 1});
  const auto got = run(b, h, head, targets, 8);
  CHECK(got[0][0] == Approx(1000));
  CHECK(got[1][0] == Approx(0).margin(1e-6));
  CHECK(got[1][1] == Approx(-1));
}

TEMPLATE_TEST_CASE("cross entropy never holds more than a chunk of logits", "[autograd][loss][memory]",
                   LORICA_BACKENDS) {
  using B = TestType;
  using T = typename B::scalar;
  using M = typename B::master;
  B b;
  const index_t n = 64, d = 2, classes = 20000, chunk = 3;
  Parameter<B> h{"h", MasterTensor<B>(b, n, d, test::random_numbers(1, n * d)), {}},
      head{"head", MasterTensor<B>(b, classes, d, test::random_numbers(2, classes * d)), {}};
  const Frozen<B> frozen(b, Tensor<B>(b, classes, d, test::random_numbers(2, classes * d)));
  std::vector<std::int32_t> by_row(static_cast<std::size_t>(n), 19999);
  by_row[5] = no_target;
  const Targets<B> targets(b, by_row);
  // Logits and, where the types differ, their copy as an operand; dW; little things; an eighth for the pool's
  // rounding.
  const double row = static_cast<double>(classes) * (sizeof(M) + (std::same_as<T, M> ? 0 : sizeof(T))),
               little = 20000;
  // The head's own gradient; and a head that trains may be copied as an operand too.
  const double as_operand = std::same_as<T, M> ? 0 : static_cast<double>(classes * d) * sizeof(T);
  const double of_head = static_cast<double>(classes * d) * sizeof(M) + as_operand;
  const auto more = [&](bool recording, const auto& w) {
    b.pool().reset_peak();
    const std::size_t before = b.pool().in_use();
    Tape<B> tape(b, recording);
    (void)cross_entropy(cast<T>(tape.leaf(h)), w, targets, chunk);
    return static_cast<double>(b.pool().peak() - before);
  };
  CHECK(more(true, frozen) < 1.125 * (chunk * row + little));
  CHECK(more(true, head) < 1.125 * (chunk * row + of_head + little));
  CHECK(more(false, frozen) < 1.125 * (static_cast<double>(chunk * classes) * sizeof(M) + little));
  CHECK(more(false, head) < 1.125 * (static_cast<double>(chunk * classes) * sizeof(M) + as_operand + little));
  CHECK(more(true, frozen) > static_cast<double>(chunk * classes) * sizeof(M));  // the pool does see them
}

TEST_CASE(
    "cross entropy keeps dh of the rows with a target, and dW where W trains, squared_error keeps y - t",
    "[autograd][memory]") {
  using B = test::Mixed;
  using T = B::scalar;
  using M = B::master;
  B b;
  test::Inputs<B> in(b, 1, 10);
  const index_t n = 8, d = 5, classes = 11;
  const Targets<B> some(b, std::vector<std::int32_t>{1, -1, 2, -1, -1, 0, 10, -1}),
      all(b, std::vector<std::int32_t>(8, 3));
  const auto h = [&](Tape<B>& t) { return in.activation(t, "h", n, d); };
  const auto fixed = [&](Tape<B>& t) { return t.constant(in.tensor<T>("h", n, d)); };
  const auto& frozen = in.frozen("w", classes, d);
  const auto& head = in.parameter("w", classes, d);
  const std::size_t row = static_cast<std::size_t>(d) * sizeof(T),
                    of_head = static_cast<std::size_t>(classes * d) * sizeof(M);
  CHECK(test::kept_by(b, [&](Tape<B>& t) { return cross_entropy(h(t), frozen, some, 3); }) == 4 * row);
  CHECK(test::kept_by(b, [&](Tape<B>& t) { return cross_entropy(h(t), frozen, all, 3); }) == 8 * row);
  CHECK(test::kept_by(b, [&](Tape<B>& t) { return cross_entropy(h(t), head, some, 3); }) ==
        4 * row + of_head);
  CHECK(test::kept_by(b, [&](Tape<B>& t) { return cross_entropy(fixed(t), head, some, 3); }) == of_head);
  CHECK(test::kept_by(b, [&](Tape<B>& t) { return cross_entropy(fixed(t), frozen, some, 3); }) == 0);
  const auto target = in.tensor<T>("t", n, d);
  CHECK(test::kept_by(b, [&](Tape<B>& t) { return squared_error(h(t), target); }) == 8 * row);
  CHECK(test::kept_by(b, [&](Tape<B>& t) { return squared_error(fixed(t), target); }) == 0);
}

TEST_CASE("losses name what does not fit", "[autograd][errors]") {
  using B = test::Reference;
  B b;
  Tape<B> tape(b);
  const auto h = tape.constant(zeros<double>(b, 2, 3));
  const Parameter<B> head{"head", zeros<double>(b, 4, 3), {}}, wide{"wide", zeros<double>(b, 4, 5), {}};
  const Frozen<B> frozen(b, zeros<double>(b, 4, 3));
  const Targets<B> targets(b, std::vector<std::int32_t>{3, -1}), more(b, std::vector<std::int32_t>{1, 1, 1}),
      high(b, std::vector<std::int32_t>{0, 4});
  const auto message = [&](const auto& w, const Targets<B>& t, index_t chunk = 4) {
    return test::error_of<Error>([&] { (void)cross_entropy(h, w, t, chunk); });
  };
  CHECK(message(head, targets) == "no error");
  CHECK(message(wide, targets) == "cross_entropy: h is [2, 3], the head [4, 5], targets 2");
  CHECK(message(head, more) == "cross_entropy: h is [2, 3], the head [4, 3], targets 3");
  CHECK(message(head, high) == "cross_entropy: a target is 4, the head has 4 classes");
  CHECK(message(frozen, high) == "cross_entropy: a target is 4, the head has 4 classes");
  CHECK(message(frozen, targets, 0) == "cross_entropy: the chunk is 0 rows, expected at least 1");
  CHECK(test::error_of<ShapeError>([&] { (void)squared_error(h, zeros<double>(b, 3, 2)); }) ==
        "squared_error: the target is [3, 2], expected [2, 3]");
  using Ends = SpanTargets<B>;
  const std::vector<index_t> offsets{0, 2, 5};
  const auto ends_error = [&](const std::vector<std::int32_t>& ends) {
    return test::error_of<Error>([&] { Ends(b, offsets, ends).validate("span_loss"); });
  };
  CHECK(ends_error({0, 1, 2, -1}) == "no error");
  CHECK(ends_error({0, 1}) == "SpanTargets: 2 ends of answers for 2 sequences, expected two each");
  CHECK(ends_error({0, 2, 0, 0}) == "span_loss: the answer of sequence 0 ends at row 2, it has 2");
  const Ragged<B> where(b, {0, 5});
  CHECK(
      test::error_of<ShapeError>([&] {
        (void)span_loss(tape.constant(zeros<double>(b, 5, 2)), where,
                        Ends(b, offsets, std::vector<std::int32_t>{0, 1, 2, -1}));
      }) ==
      "span_loss: the answers are of 2 sequences of 5 rows, the scores of 1 of 5, expected the same sequences");
}
