// SPDX-License-Identifier: MIT
#include <lorica/autograd/tape.hpp>

#include "support/op_cases.hpp"

#include <lorica/autograd/attention_ops.hpp>
#include <lorica/autograd/elementwise_ops.hpp>
#include <lorica/autograd/norm_ops.hpp>
#include <lorica/autograd/tap.hpp>

using namespace lorica;
using B = test::Reference;
using test::Inputs;

namespace {
constexpr index_t d = 6;
std::size_t bytes(index_t rows, index_t cols) {
  return static_cast<std::size_t>(rows * cols) * sizeof(double);
}
/// What the gradient of x is, x [n, d] a parameter, when the loss is loss(x).
template <class Loss> double error_of_gradient(B& b, Inputs<B>& in, Loss loss) {
  auto& x = in.parameter("x", in.rows(), d);
  Parameter<B>* const parameters[] = {&x};
  return gradient_error(b, std::span<Parameter<B>* const>(parameters),
                        [&](Tape<B>& t) { return loss(t.leaf(x)); });
}
}  // namespace

// --- what is recorded ---

TEST_CASE("a frozen branch records nothing and saves nothing", "[autograd][tape]") {
  B b;
  Inputs<B> in(b, 1, 10);
  const index_t n = in.rows();
  Tape<B> tape(b);
  const auto row = [&](const char* name) { return tape.constant(in.constant(name, 1, d)); };
  {
    auto r = embedding(tape, in.constant("table", 7, d), in.ids("ids", n, 7));
    auto h = layer_norm<double>(r, row("gain"), row("bias"), 1e-5);
    h = add_bias(linear(h, in.frozen("w", d, d)), row("bias"));
    h = rotary(attention(h, h, h, in.where, AttentionShape{1, 1, d, true, 1.0}), in.where,
               in.constant("frequency", 1, d / 2));
    h = add_product(std::move(h), tape.constant(in.constant("u", n, 2)),
                    tape.constant(in.constant("v", d, 2)), 1.0);
    h = scale_columns(dropout(silu_gate(gelu(h), tanh(h)), 0.5, Stream(1, "dropout", "")), row("gain"));
    r = add(std::move(r), multiply(scale(h, 2), gelu_tanh(rms_norm<double>(h, row("gain"), 1e-5))));
    const auto targets = Targets<B>(b, std::vector<std::int32_t>(static_cast<std::size_t>(n), 1));
    const auto loss =
        add(cross_entropy(matmul_nt<double>(r, tape.constant(in.constant("m", d, d))),
                          in.frozen("head", 4, d), targets),
            squared_error(pool(r, in.where, Pooling::mean), in.constant("t", in.where.sequences(), d)));
    CHECK(!loss.needs_grad());
    CHECK(tape.size() == 0);
    tape.backward(loss);  // nothing to do, and no harm
  }
  CHECK(tape.account().live == 0);
}

TEST_CASE("a frozen linear saves neither its input nor its output", "[autograd][tape][memory]") {
  B b;
  Inputs<B> in(b, 1, 10);
  Tape<B> tape(b);
  auto x = in.leaf(tape, "x", in.rows(), d);
  for (int layer = 0; layer < 10; ++layer) x = linear(x, in.frozen("w", d, d));
  CHECK(tape.size() == 10);
  CHECK(tape.account().live == bytes(in.rows(), d));  // the last output, which x holds
  const auto loss = squared_error(x, in.constant("t", in.rows(), d));
  tape.backward(loss);
  CHECK(tape.saved_bytes() == 2 * bytes(in.rows(), d) + sizeof(double));  // and the error, and the loss
}

TEST_CASE("constants receive no gradient, and what is made of them alone has none", "[autograd][tape]") {
  B b;
  Inputs<B> in(b, 1, 10);
  const index_t n = in.rows();
  Tape<B> tape(b);
  const auto borrowed = tape.constant(in.constant("c", n, d)),
             own = tape.constant(in.tensor<double>("c", n, d));
  const auto x = in.leaf(tape, "x", n, d);
  CHECK(!borrowed.needs_grad());
  CHECK(!own.needs_grad());
  CHECK(!add(borrowed, own).needs_grad());
  CHECK(tape.size() == 0);
  CHECK(x.needs_grad());
  CHECK(borrowed.value().data() == in.constant("c", n, d).data());
  CHECK(x.value().data() == in.parameter("x", n, d).value.data());
  const auto before = in.constant("c", n, d).host(b);
  tape.backward(squared_error(multiply(add(borrowed, x), own), in.constant("t", n, d)));
  CHECK(in.constant("c", n, d).host(b) == before);
  CHECK(!in.parameter("x", n, d).grad.empty());
}

TEST_CASE("operand makes a leaf of a parameter and a constant of a tensor", "[autograd][tape]") {
  B b;
  Inputs<B> in(b, 1, 10);
  Tape<B> tape(b);
  const auto x = operand(tape, in.parameter("x", 2, d));
  const auto c = operand(tape, in.constant("c", 2, d));
  CHECK(x.needs_grad());
  CHECK(!c.needs_grad());
  CHECK(x.value().data() == in.parameter("x", 2, d).value.data());
  CHECK(c.value().data() == in.constant("c", 2, d).data());
}

TEST_CASE("a tape that does not record records nothing and keeps nothing", "[autograd][tape]") {
  B b;
  Inputs<B> in(b, 1, 10);
  const index_t n = in.rows();
  Tape<B> tape(b, false);
  CHECK(!tape.recording());
  CHECK(Tape<B>(b).recording());
  {
    const auto x = in.leaf(tape, "x", n, d);
    CHECK(!x.needs_grad());
    const auto y = gelu(linear(x, in.parameter("w", d, d)));
    const auto z = attention(y, y, y, in.where, AttentionShape{1, 1, d, true, 1.0});
    const auto r = add(embedding(tape, in.parameter("table", 7, d), in.ids("ids", n, 7)),
                       tap(z, [](const Tensor<B>&) { FAIL("no backward pass"); }));
    const auto targets = Targets<B>(b, std::vector<std::int32_t>(static_cast<std::size_t>(n), 1));
    const auto loss = cross_entropy(r, in.parameter("head", 4, d), targets);
    CHECK(!loss.needs_grad());
    CHECK(tape.size() == 0);
    tape.backward(loss);
    CHECK(tape.account().live ==
          3 * bytes(n, d) +
              sizeof(double));  // y, z, r and the loss; the linear, the embedding and the tap are gone
  }
  CHECK(tape.account().live == 0);
  for (const char* name : {"w", "head"}) CHECK(in.parameter(name, name[0] == 'w' ? d : 4, d).grad.empty());
  CHECK(in.parameter("x", n, d).grad.empty());
  CHECK(in.parameter("table", 7, d).grad.empty());
}

// --- what is kept, and for how long ---

TEST_CASE("values are freed as the backward pass goes", "[autograd][tape][memory]") {
  B b;
  Inputs<B> in(b, 1, 10);
  const index_t n = in.rows();
  Tape<B> tape(b);
  std::vector<std::size_t> live;
  auto x = test::owned(in.leaf(tape, "x", n, d));
  const auto held = x;
  for (int layer = 0; layer < 6; ++layer) {
    x = tap(gelu(x), [&](const Tensor<B>&) { live.push_back(tape.account().live); });
  }
  auto loss = squared_error(x, in.constant("t", n, d));
  x = {};
  // The inputs of the six gelus, the first of which `held` holds too, the error, the loss.
  const std::size_t start = 7 * bytes(n, d) + sizeof(double);
  CHECK(tape.account().live == start);
  tape.backward(loss);
  CHECK(tape.saved_bytes() == start);
  // The error is gone when the first tap looks; from then on one input a layer.
  std::vector<std::size_t> want;
  for (std::size_t layer = 0; layer < 6; ++layer) want.push_back(start - (layer + 1) * bytes(n, d));
  CHECK(live == want);
  CHECK(tape.account().live == bytes(n, d) + sizeof(double));  // what `held` and `loss` still hold
  CHECK(tape.account().peak >= start);
  loss = {};
  CHECK(tape.account().live == bytes(n, d));
  CHECK(held.value().host(b) == in.matrix("x", n, d).numbers);
}

TEST_CASE("what is saved is computed again when it is read, once, and freed with its readers",
          "[autograd][tape][memory]") {
  B b;
  Inputs<B> in(b, 1, 10);
  const index_t n = in.rows();
  Tape<B> tape(b);
  const auto x = in.leaf(tape, "x", n, d);
  int made = 0;
  const auto doubled = [&] {
    ++made;
    Tensor<B> y(b, n, d);
    b.map(y.size(), fn::Scale<double>{2}, y.data(), x.value().data());
    return y;
  };
  auto y = tape.record(
      doubled(), true, [](const auto&) {}, doubled);
  const auto numbers = y.value().host(b);
  auto first = y.saved(), second = y.saved();
  CHECK(tape.account().live == bytes(n, d));
  y = {};
  CHECK(tape.account().live == 0);
  CHECK(made == 1);
  CHECK(first.value().host(b) == numbers);
  CHECK(second.value().host(b) == numbers);
  CHECK(made == 2);
  CHECK(tape.account().live == bytes(n, d));
  first = {};
  CHECK(tape.account().live == bytes(n, d));
  second = {};
  CHECK(tape.account().live == 0);
  // What has no recipe is saved as it is; what is not recorded needs none.
  const auto z = test::owned(x);
  CHECK(z.saved().value().data() == z.value().data());
  Tape<B> still(b, false);
  const auto w = still.record(
      doubled(), true, [](const auto&) {}, doubled);
  CHECK(w.saved().value().data() == w.value().data());
}

TEST_CASE("activations that a linear reads are saved, not kept", "[autograd][tape][memory]") {
  B b;
  Inputs<B> in(b, 1, 10);
  const index_t n = in.rows();
  const auto kept = [&](auto activation) {
    return test::kept_by(b, [&](Tape<B>& t) {
      return matmul_nt<double>(activation(test::owned(in.leaf(t, "x", n, d))), in.leaf(t, "w", 3, d));
    });
  };
  CHECK(kept([](const auto& x) { return gelu(x); }) == bytes(n, d));
  CHECK(kept([](const auto& x) { return gelu_tanh(x); }) == bytes(n, d));
  CHECK(kept([](const auto& x) { return silu_gate(x, x); }) == bytes(n, d));
  CHECK(kept([](const auto& x) { return lorica::tanh(x); }) == 2 * bytes(n, d));
}

TEST_CASE("a value may outlive its tape", "[autograd][tape][memory]") {
  B b;
  Inputs<B> in(b, 1, 10);
  Var<B> y;
  {
    Tape<B> tape(b);
    y = gelu(in.leaf(tape, "x", in.rows(), d));
  }
  CHECK(y.shape() == Shape{in.rows(), d});
  CHECK(y.value().host(b).size() == static_cast<std::size_t>(in.rows() * d));
}

TEST_CASE("an account knows what lives and the most that lived", "[autograd][tape][memory]") {
  Account a;
  a.add(10);
  a.add(5);
  a.live -= 12;
  a.add(4);
  CHECK(a.live == 7);
  CHECK(a.peak == 15);

  B b;
  Tape<B> tape(b);
  {
    const auto statistic = tape.keep(zeros<double>(b, 1, 8));
    CHECK(tape.account().live == 64);
    const auto c = tape.constant(zeros<double>(b, 2, 8));
    CHECK(tape.account().live == 192);
  }
  CHECK(tape.account().live == 0);
  CHECK(tape.account().peak == 192);
}

// --- gradients: shared, copied when somebody adds, accumulated ---

TEST_CASE("x + x has twice the gradient", "[autograd][tape]") {
  B b;
  Inputs<B> in(b, 1, 10);
  const index_t n = in.rows();
  const auto& target = in.constant("t", n, d);
  CHECK(error_of_gradient(b, in, [&](const auto& x) { return squared_error(add(x, x), target); }) < 1e-9);
  CHECK(error_of_gradient(b, in, [&](const auto& x) {
          const auto y = scale(x, 0.5);
          auto z = add(y, y);
          return squared_error(add(z, z), target);
        }) < 1e-9);
}

TEST_CASE("a gradient that two values share is copied when one of them gets more", "[autograd][tape]") {
  B b;
  Inputs<B> in(b, 1, 10);
  const index_t n = in.rows();
  const auto &t1 = in.constant("t1", n, d), &t2 = in.constant("t2", n, d);
  std::vector<double> at_y, at_z;
  Tape<B> tape(b);
  const auto x = in.leaf(tape, "x", n, d);
  const auto y = tap(scale(x, 2), [&](const Tensor<B>& g) { at_y = g.host(b); });
  const auto z = tap(scale(x, 3), [&](const Tensor<B>& g) { at_z = g.host(b); });
  const auto more =
      squared_error(z, t2);  // recorded before: z's gradient is shared with y's when this adds to it
  const auto loss = add(squared_error(add(y, z), t1), more);
  tape.backward(loss);
  const auto v = in.matrix("x", n, d).numbers, h1 = in.matrix("t1", n, d).numbers,
             h2 = in.matrix("t2", n, d).numbers;
  std::vector<double> want_y, want_z;
  for (std::size_t i = 0; i < v.size(); ++i) {
    want_y.push_back(2 * (5 * v[i] - h1[i]));
    want_z.push_back(want_y.back() + 2 * (3 * v[i] - h2[i]));
  }
  CHECK(test::relative_error(at_y, want_y) < 1e-12);
  CHECK(test::relative_error(at_z, want_z) < 1e-12);
}

TEST_CASE("two readers, one of which reuses memory", "[autograd][tape][reuse]") {
  B b;
  Inputs<B> in(b, 1, 10);
  const index_t n = in.rows();
  const auto &target = in.constant("t", n, d), &bias = in.constant("bias", 1, d);
  // gelu's pullback reads y: the sum may not write there, though it is handed y's last name.
  CHECK(error_of_gradient(b, in, [&](const auto& x) {
          auto y = scale(x, 0.7);
          const auto z = gelu(y);
          return squared_error(add(add_bias(std::move(y), x.tape().constant(bias)), z), target);
        }) < 1e-8);
  CHECK(error_of_gradient(b, in, [&](const auto& x) {
          auto y = scale(x, 0.7);
          const auto z = multiply(y, x);
          return squared_error(multiply(add(std::move(y), x), z), target);
        }) < 1e-8);
  // Nobody but the sum reads y: it does write there.
  CHECK(error_of_gradient(b, in, [&](const auto& x) {
          auto y = scale(x, 0.7);
          const auto z = scale(y, 3);
          return squared_error(multiply(add(std::move(y), x), z), target);
        }) < 1e-8);
}

TEST_CASE(
    "random compositions of sums, products and taps, moved and shared at random, have the right gradient",
    "[autograd][tape][reuse]") {
  B b;
  for (Seed seed = 1; seed <= 40; ++seed) {
    Inputs<B> in(b, seed, 4);
    const index_t n = in.rows();
    const auto compose = [&](Tape<B>& tape) {
      std::uint64_t drawn = 0;
      const auto draw = [&](std::size_t below) {
        return static_cast<std::size_t>(Stream(seed, "graph", "").below(below, drawn++));
      };
      std::vector<Var<B>> values = {in.leaf(tape, "x", n, d), in.leaf(tape, "y", n, d),
                                    tape.constant(in.constant("c", n, d))};
      // A value by a copy of its handle, or taken away so that the next operation may be the last to see it.
      const auto take = [&] {
        const std::size_t i = draw(values.size());
        if (values.size() < 3 || draw(2) == 0) return values[i];
        auto v = std::move(values[i]);
        values.erase(values.begin() + static_cast<std::ptrdiff_t>(i));
        return v;
      };
      for (int step = 0; step < 12; ++step) {
        auto x = take();
        switch (draw(9)) {
          case 0:
            values.push_back(add(std::move(x), take()));
            break;
          case 1:
            values.push_back(multiply(x, scale(take(), 0.3)));
            break;
          case 2:
            values.push_back(scale(x, -0.8));
            break;
          case 3:
            values.push_back(add_bias(std::move(x), in.leaf(tape, "bias", 1, d)));
            break;
          case 4:
            values.push_back(add_bias(std::move(x), tape.constant(in.constant("fixed bias", 1, d))));
            break;
          case 5:
            values.push_back(
                add_product(std::move(x), in.leaf(tape, "u", n, 2), in.leaf(tape, "w", d, 2), 0.5));
            break;
          case 6:
            values.push_back(tap(std::move(x), [](const Tensor<B>&) {}));
            break;
          case 7:
            values.push_back(tanh(x));
            break;
          default:
            values.push_back(scale_columns(x, in.leaf(tape, "bias", 1, d)));
            break;
        }
      }
      MasterVar<B> loss = squared_error(values[0], in.constant("target", n, d));
      for (std::size_t i = 1; i < values.size(); ++i)
        loss = add(std::move(loss), squared_error(values[i], in.constant("target", n, d)));
      return loss;
    };
    for (const char* name : {"x", "y"}) in.parameter(name, n, d);
    in.parameter("bias", 1, d), in.parameter("u", n, 2), in.parameter("w", d, 2);
    const auto parameters = in.parameters();
    const auto constant = in.constant("c", n, d).host(b);
    INFO("seed " << seed);
    CHECK(gradient_error(b, std::span<Parameter<B>* const>(parameters), compose) < 1e-7);
    CHECK(in.constant("c", n, d).host(b) == constant);
    Tape<B> tape(b);
    tape.backward(compose(tape));
    CHECK(tape.account().live == 0);
  }
}

TEST_CASE("leaves accumulate over backward passes, and a seed scales", "[autograd][tape]") {
  B b;
  Inputs<B> in(b, 1, 10);
  const index_t n = in.rows();
  auto& x = in.parameter("x", n, d);
  const auto pass = [&](double seed) {
    Tape<B> tape(b);
    tape.backward(squared_error(gelu(linear(tape.leaf(x), in.parameter("w", d, d))), in.constant("t", n, d)),
                  seed);
  };
  pass(1);
  const auto once = x.grad.host(b), once_w = in.parameter("w", d, d).grad.host(b);
  pass(0.25);
  pass(-3.25);
  auto want = once, want_w = once_w;
  for (auto* gradient : {&want, &want_w})
    for (auto& g : *gradient) g *= 1 + 0.25 - 3.25;
  CHECK(test::relative_error(x.grad.host(b), want) < 1e-12);
  CHECK(test::relative_error(in.parameter("w", d, d).grad.host(b), want_w) < 1e-12);
}

TEST_CASE("two leaves of one parameter share its gradient", "[autograd][tape]") {
  B b;
  Inputs<B> in(b, 1, 10);
  const index_t n = in.rows();
  auto& x = in.parameter("x", n, d);
  Parameter<B>* const parameters[] = {&x};
  CHECK(gradient_error(b, std::span<Parameter<B>* const>(parameters), [&](Tape<B>& t) {
          return squared_error(multiply(t.leaf(x), scale(t.leaf(x), 2)), in.constant("t", n, d));
        }) < 1e-8);
}

TEST_CASE("a parameter may be the loss itself", "[autograd][tape]") {
  B b;
  const Parameter<B> p{"p", MasterTensor<B>(b, 1, 1, std::vector<double>{3}), {}};
  Tape<B> tape(b);
  tape.backward(tape.leaf(p), 2);
  CHECK(p.grad.host(b) == std::vector<double>{2});
  Tape<B> another(b);
  another.backward(add_bias(another.leaf(p), another.constant(zeros<double>(b, 1, 1))), 0.5);
  CHECK(p.grad.host(b) == std::vector<double>{2.5});
}

TEST_CASE("what the loss does not depend on gets no gradient", "[autograd][tape]") {
  B b;
  Inputs<B> in(b, 1, 10);
  const index_t n = in.rows();
  Tape<B> tape(b);
  const auto unread = gelu(in.leaf(tape, "unread", n, d));
  tape.backward(squared_error(in.leaf(tape, "x", n, d), in.constant("t", n, d)));
  CHECK(in.parameter("unread", n, d).grad.empty());
  CHECK(!in.parameter("x", n, d).grad.empty());
  CHECK(tape.size() == 0);
}

// --- the parts that operations are made of ---

TEST_CASE("an operation of one's own: record, into, keep", "[autograd][tape]") {
  B b;
  Inputs<B> in(b, 1, 10);
  const index_t n = in.rows();
  int dropped = 0;
  struct Counted {
    int* count;
    explicit Counted(int* c) : count(c) {}
    ~Counted() { ++*count; }
  };
  const auto square = [&](const Var<B>& x) {
    const auto counted = std::make_shared<Counted>(&dropped);
    Tensor<B> y(b, x.rows(), x.cols());
    b.map(y.size(), fn::Multiply{}, y.data(), x.value().data(), x.value().data());
    return x.tape().record(std::move(y), x.needs_grad(), [x, counted](const auto& dy) {
      const auto dx = x.into();
      CHECK(dx.beta() == (dx.fresh ? 0 : 1));
      CHECK(dx.ref().shape() == x.shape());
      if (dx.fresh) fill(x.backend(), *dx.tensor, 0);
      x.add_gradient(fn::Multiply{}, *dy, x.value());
      x.add_gradient(fn::Multiply{}, *dy, x.value());
    });
  };
  CHECK(error_of_gradient(b, in, [&](const auto& x) {
          return squared_error(add(square(scale(x, 0.5)), square(x)), in.constant("t", n, d));
        }) < 1e-8);
  dropped = 0;
  Tape<B> tape(b);
  const auto still = square(tape.constant(in.constant("c", n, d)));
  CHECK(dropped == 1);  // without a gradient the pullback is dropped at once
  const auto y = square(in.leaf(tape, "x", n, d));
  CHECK(dropped == 1);
  tape.backward(squared_error(y, in.constant("t", n, d)));
  CHECK(dropped == 2);  // and otherwise as soon as it ran
}

TEST_CASE("a value can be taken over by its last handle alone", "[autograd][tape][reuse]") {
  B b;
  Inputs<B> in(b, 1, 10);
  Tape<B> tape(b);
  auto borrowed = tape.constant(in.constant("c", 2, d)), leaf = in.leaf(tape, "x", 2, d);
  CHECK(borrowed.reusable() == nullptr);
  CHECK(leaf.reusable() == nullptr);
  auto own = tape.constant(in.tensor<double>("c", 2, d));
  {
    const auto second = own;
    CHECK(own.reusable() == nullptr);
  }
  REQUIRE(own.reusable() != nullptr);
  CHECK(own.reusable()->data() == own.value().data());
  CHECK(own.gradient_only().reusable() == nullptr);
  CHECK(tape.account().live == bytes(2, d));
  const double* memory = own.value().data();
  const auto taken = own.release();
  CHECK(taken.data() == memory);
  CHECK(tape.account().live == 0);
}

TEST_CASE("only a loss of one number has a backward pass", "[autograd][errors]") {
  B b;
  Inputs<B> in(b, 1, 10);
  Tape<B> tape(b);
  const auto x = in.leaf(tape, "x", 2, d);
  CHECK(test::error_of<ShapeError>([&] { tape.backward(x); }) ==
        "backward: the loss is [2, 6], expected [1, 1]");
}
