// SPDX-License-Identifier: MIT
/// @file tests/support/op_cases.hpp
/// One harness for every operation. A case says what it computes, and says it again in plain loops over
/// doubles; the harness compares the two, checks gradients by finite differences, and compares backends, over
/// random ragged shapes.
///   test::Case<B>{"gelu", [](auto& tape, auto& in) { return gelu(in.activation(tape, "x", ...)); },
///                 [](const test::Numbers& in) { return ...; }}
#pragma once

#include "support/backends.hpp"

#include <lorica/autograd/embedding_ops.hpp>
#include <lorica/autograd/gradcheck.hpp>
#include <lorica/autograd/linear_ops.hpp>
#include <lorica/autograd/loss_ops.hpp>

#include <functional>
#include <map>
#include <string>
#include <vector>

namespace lorica::test {

/// What all backends are compared with, and the backend whose two scalars differ.
#if defined(__CUDACC__)
using Reference = gpu::ThrustBackend<double>;
using Mixed = gpu::ThrustBackend<float, gpu::LoopGemm, double>;
#else
using Reference = cpu::EigenBackend<double>;
using Mixed = cpu::EigenBackend<float, cpu::EigenGemm, double>;
#endif

/// A matrix for plain loops.
struct Matrix {
  index_t rows = 0, cols = 0;
  std::vector<double> numbers = {};
  Matrix() = default;
  Matrix(index_t r, index_t c) : rows(r), cols(c), numbers(static_cast<std::size_t>(r * c)) {}
  double& operator()(index_t i, index_t j) { return numbers[static_cast<std::size_t>(i * cols + j)]; }
  double operator()(index_t i, index_t j) const { return numbers[static_cast<std::size_t>(i * cols + j)]; }
};
/// f(i, j) everywhere.
template <class F> Matrix matrix_of(index_t rows, index_t cols, F f) {
  Matrix y(rows, cols);
  for (index_t i = 0; i < rows; ++i)
    for (index_t j = 0; j < cols; ++j) y(i, j) = f(i, j);
  return y;
}
/// x w^T, by the definition.
inline Matrix product_nt(const Matrix& x, const Matrix& w) {
  return matrix_of(x.rows, w.rows, [&](index_t i, index_t j) {
    double s = 0;
    for (index_t l = 0; l < x.cols; ++l) s += x(i, l) * w(j, l);
    return s;
  });
}

/// Everything random about a case: a function of the seed and of names, so that all backends and the plain
/// loops see the same. Numbers are floats, which every backend holds exactly. `most` bounds the length of a
/// sequence and, loosely, every other size.
class Numbers {
 public:
  Numbers(Seed seed, index_t most) : seed_(seed), most_(most) {
    // A sequence of several rows, one of one row, and more of either kind.
    const index_t sequences = 2 + size("sequences", 0, 2);
    for (index_t s = 0; s < sequences; ++s)
      offsets_.push_back(offsets_.back() +
                         (s == 1 ? 1 : size("length " + std::to_string(s), s == 0 ? 2 : 1, most)));
  }

  [[nodiscard]] index_t size(const std::string& name, index_t least, index_t largest) const {
    const auto range = static_cast<std::uint64_t>(largest - least + 1);
    return least + static_cast<index_t>(Stream(seed_, "size", name).below(range, 0));
  }
  /// A size without a bound of its own: 2 .. 2 + most.
  [[nodiscard]] index_t size(const std::string& name) const { return size(name, 2, 2 + most_); }
  [[nodiscard]] bool coin(const std::string& name) const { return size(name, 0, 1) == 1; }
  [[nodiscard]] const std::vector<index_t>& offsets() const { return offsets_; }
  [[nodiscard]] index_t rows() const { return offsets_.back(); }
  [[nodiscard]] Matrix matrix(const std::string& name, index_t rows, index_t cols) const {
    Matrix m(rows, cols);
    m.numbers = normals(Stream(seed_, "numbers", name), rows * cols, 1.0);
    for (auto& x : m.numbers) x = static_cast<double>(static_cast<float>(x));
    return m;
  }
  /// n integers in first .. below - 1.
  [[nodiscard]] std::vector<std::int32_t> integers(const std::string& name, index_t n, index_t below,
                                                   index_t first = 0) const {
    std::vector<std::int32_t> out(static_cast<std::size_t>(n));
    const Stream s(seed_, "integers", name);
    for (std::size_t i = 0; i < out.size(); ++i)
      out[i] = static_cast<std::int32_t>(
          first + static_cast<index_t>(s.below(static_cast<std::uint64_t>(below - first), i)));
    return out;
  }

 private:
  Seed seed_;
  index_t most_;
  std::vector<index_t> offsets_ = {0};
};

/// Numbers as operands on a tape. What is asked for first is made; it outlives the tape.
template <Backend B> class Inputs : public Numbers {
 public:
  using T = typename B::scalar;
  using M = typename B::master;

  /// `shared`: every activation has a second reader, so that operations meet a gradient that is there
  /// already.
  Inputs(B& b, Seed seed, index_t most, bool shared = false)
      : Numbers(seed, most), backend(b), where(b, offsets()), shared_(shared) {}

  B& backend;
  const Ragged<B> where;

  Parameter<B>& parameter(const std::string& name, index_t rows, index_t cols) {
    auto found = parameters_.find(name);
    if (found == parameters_.end())
      found = parameters_.emplace(name, Parameter<B>{name, tensor<M>(name, rows, cols), {}}).first;
    return found->second;
  }
  MasterVar<B> leaf(Tape<B>& t, const std::string& name, index_t rows, index_t cols) {
    return t.leaf(parameter(name, rows, cols));
  }
  /// A trainable input of type T: the gradient is taken in the master type behind the cast.
  Var<B> activation(Tape<B>& t, const std::string& name, index_t rows, index_t cols) {
    auto x = cast<T>(leaf(t, name, rows, cols));
    if (shared_) activations_.emplace_back(name, x);
    return x;
  }
  MasterTensor<B>& constant(const std::string& name, index_t rows, index_t cols) {
    auto found = constants_.find(name);
    if (found == constants_.end()) found = constants_.emplace(name, tensor<M>(name, rows, cols)).first;
    return found->second;
  }
  Frozen<B>& frozen(const std::string& name, index_t rows, index_t cols) {
    auto found = frozen_.find(name);
    if (found == frozen_.end())
      found = frozen_.emplace(name, Frozen<B>(backend, tensor<T>(name, rows, cols))).first;
    return found->second;
  }
  RowIds<B>& ids(const std::string& name, index_t n, index_t below) {
    auto found = ids_.find(name);
    if (found == ids_.end()) found = ids_.emplace(name, RowIds<B>(backend, integers(name, n, below))).first;
    return found->second;
  }
  Targets<B>& targets(const std::vector<std::int32_t>& by_row) {
    if (targets_.rows == 0) targets_ = Targets<B>(backend, by_row);
    return targets_;
  }
  template <class U> Tensor<B, U> tensor(const std::string& name, index_t rows, index_t cols) const {
    return Tensor<B, U>(backend, rows, cols, matrix(name, rows, cols).numbers);
  }

  /// |y - random|^2 over the result of a case, and over the activations that are shared.
  template <class Result> MasterVar<B> loss(Tape<B>& t, const Result& result) {
    activations_.clear();
    const MasterVar<B> y = result(t, *this);
    MasterVar<B> total = squared_error(y, constant("the result's target", y.rows(), y.cols()));
    for (const auto& [name, x] : activations_)
      total =
          add(std::move(total), squared_error(cast<M>(x), constant(name + "'s target", x.rows(), x.cols())));
    activations_.clear();
    return total;
  }
  std::vector<Parameter<B>*> parameters() {
    std::vector<Parameter<B>*> all;
    for (auto& [name, p] : parameters_) all.push_back(&p);
    return all;
  }

 private:
  bool shared_;
  std::map<std::string, Parameter<B>> parameters_;
  std::map<std::string, MasterTensor<B>> constants_;
  std::map<std::string, Frozen<B>> frozen_;
  std::map<std::string, RowIds<B>> ids_;
  Targets<B> targets_;
  std::vector<std::pair<std::string, Var<B>>> activations_;
};

/// An operation at work, and the same in plain loops. `slack` multiplies the tolerance where conditioning
/// demands it.
template <Backend B> struct Case {
  const char* name;
  std::function<MasterVar<B>(Tape<B>&, Inputs<B>&)> result;
  std::function<Matrix(const Numbers&)> expected;
  double slack;

  template <class Result>
  Case(const char* n, Result r, std::function<Matrix(const Numbers&)> e, double s = 1)
      : name(n),
        result([r](Tape<B>& t, Inputs<B>& in) { return cast<typename B::master>(r(t, in)); }),
        expected(std::move(e)),
        slack(s) {}
};
template <Backend B> using Cases = std::vector<Case<B>>;

namespace detail {
/// The loss and every gradient, by name, after `passes` backward passes.
template <Backend B>
std::map<std::string, std::vector<double>> gradients(const Case<B>& c, Inputs<B>& in, int passes = 1) {
  std::map<std::string, std::vector<double>> out;
  for (int pass = 0; pass < passes; ++pass) {
    Tape<B> tape(in.backend);
    const auto loss = in.loss(tape, c.result);
    out["the loss"] = loss.value().template host<double>(in.backend);
    tape.backward(loss);
  }
  for (const auto* p : in.parameters())
    out["the gradient of " + p->name] = p->grad.template host<double>(in.backend);
  return out;
}
}  // namespace detail

/// Results are those of the plain loops, for sizes from a few to a few hundred.
template <Backend B> void check_values(const Cases<B>& cases) {
  for (const auto& c : cases)
    for (Seed seed = 1; seed <= 6; ++seed) {
      B b;
      Inputs<B> in(b, seed, seed <= 2 ? 6 : seed <= 4 ? 40 : 150);
      Tape<B> tape(b, false);
      const auto y = c.result(tape, in);
      const Matrix want = c.expected(in);
      INFO(c.name << ", seed " << seed << ", " << y.shape());
      CHECK(y.shape() == Shape{want.rows, want.cols});
      CHECK(relative_error(y.value().template host<double>(b), want.numbers) < tolerance<B>() * c.slack);
      CHECK(tape.size() == 0);
    }
}

/// Gradients are those of central differences. For backends in double.
template <Backend B> void check_gradients(const Cases<B>& cases) {
  for (const auto& c : cases)
    for (const bool shared : {false, true})
      for (Seed seed = 11; seed <= 14; ++seed) {
        B b;
        Inputs<B> in(b, seed, 7, shared);
        const auto loss = [&](Tape<B>& tape) { return in.loss(tape, c.result); };
        {
          Tape<B> dry(b, false);
          (void)loss(dry);
        }
        const auto parameters = in.parameters();
        INFO(c.name << ", seed " << seed << (shared ? ", shared" : ""));
        CHECK(!parameters.empty());
        CHECK(gradient_error(b, std::span<Parameter<B>* const>(parameters), loss) < 1e-8);
      }
}

/// Loss and gradients are the reference's, and a second backward pass adds the same gradients again.
template <Backend B> void check_against_reference(const Cases<B>& cases, const Cases<Reference>& references) {
  REQUIRE(cases.size() == references.size());
  for (std::size_t i = 0; i < cases.size(); ++i)
    for (Seed seed = 21; seed <= 24; ++seed) {
      const index_t most = seed <= 22 ? 20 : 100;
      const bool shared = seed % 2 == 0;
      B b;
      Reference r;
      Inputs<B> in(b, seed, most, shared), twice(b, seed, most, shared);
      Inputs<Reference> reference_in(r, seed, most, shared);
      const auto got = detail::gradients(cases[i], in), again = detail::gradients(cases[i], twice, 2);
      const auto want = detail::gradients(references[i], reference_in);
      REQUIRE(got.size() == want.size());
      for (const auto& [what, numbers] : want) {
        INFO(cases[i].name << ", seed " << seed << ", " << what);
        CHECK(relative_error(got.at(what), numbers) < 2 * tolerance<B>() * cases[i].slack);
        auto doubled = got.at(what);
        if (what != "the loss")
          for (auto& x : doubled) x *= 2;
        CHECK(relative_error(again.at(what), doubled) < tolerance<B>() * cases[i].slack);
      }
    }
}

/// `v` in memory that the tape owns and counts.
template <Backend B, class T> Var<B, T> owned(const Var<B, T>& v) { return scale(v, 1.0); }

/// Bytes that op(tape) leaves alive on a tape once nobody holds its result: what its pullbacks kept.
template <Backend B, class Op> std::size_t kept_by(B& b, Op op) {
  Tape<B> tape(b);
  (void)op(tape);
  return tape.account().live;
}

}  // namespace lorica::test
