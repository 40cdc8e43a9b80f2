// SPDX-License-Identifier: MIT
/// @file tests/adapt/place.hpp
/// One site [5, 4] and four rows, for adapters by themselves.
#pragma once

#include "adapt/toy.hpp"

#include <lorica/adapt/adapter/concept.hpp>

namespace lorica::test {

template <Backend B> struct Place {
  B b;
  SiteInfo site{0, 0, Role::up, 4, 5, "blocks.0.up"};
  Frozen<B> weight{b, Tensor<B>(b, 5, 4, random_numbers(1, 20))};
  Tensor<B> x{b, 4, 4, random_numbers(2, 16)};
  Tensor<B> target{b, 4, 5, random_numbers(4, 20)};
  std::vector<index_t> offsets = {0, 4};

  /// As attached.
  template <class A> typename A::template state<B> make(const A& a, index_t rank) {
    return a.make(b, site, WeightView<B>(weight), rank, 3);
  }
  /// As after some training.
  template <class A> typename A::template state<B> trained(const A& a, index_t rank) {
    auto st = make(a, rank);
    a.for_each(st, [&](Parameter<B>& p) {
      auto values = p.value.template host<double>(b);
      const auto moves = normals(Stream(77, "train", p.name), p.value.size(), 0.3);
      for (std::size_t i = 0; i < values.size(); ++i) values[i] += moves[i];
      p.value = MasterTensor<B>(b, p.rows(), p.cols(), values);
    });
    return st;
  }
  template <class A> Var<B> visit(const A& a, typename A::template state<B>& st, const Var<B>& rows) {
    return a.visit(st,
                   SiteCall<B>{site, WeightView<B>(weight), rows, linear(rows, weight), nullptr, offsets});
  }
  template <class A> std::vector<double> answer(const A& a, typename A::template state<B>& st) {
    Tape<B> tape(b, false);
    return visit(a, st, tape.constant(x)).value().template host<double>(b);
  }
  /// x W^T
  std::vector<double> bare() {
    Tape<B> tape(b, false);
    return linear(tape.constant(x), weight).value().template host<double>(b);
  }
  Matrix dense() { return matrix(b, weight.dense(b)); }
  /// The gradients of |answer - target|^2, x's last, and its analytic error by central differences over all
  /// that trains and x.
  template <class A> double gradient_error_of(const A& a, typename A::template state<B>& st) {
    Parameter<B> rows{"x", MasterTensor<B>(b, 4, 4, x.template host<double>(b)), {}};
    std::vector<Parameter<B>*> parameters = {&rows};
    a.for_each(st, [&](Parameter<B>& p) {
      if (a.rate(p) > 0) parameters.push_back(&p);
    });
    return gradient_error(b, std::span<Parameter<B>* const>(parameters), [&](Tape<B>& tape) {
      return squared_error(visit(a, st, tape.leaf(rows)), target);
    });
  }
};

/// x y, by the definition.
inline Matrix product(const Matrix& x, const Matrix& y) {
  return matrix_of(x.rows, y.cols, [&](index_t i, index_t j) {
    double s = 0;
    for (index_t l = 0; l < x.cols; ++l) s += x(i, l) * y(l, j);
    return s;
  });
}

}  // namespace lorica::test
