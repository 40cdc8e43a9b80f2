// SPDX-License-Identifier: MIT
/// @file lorica/core/archetype.hpp
/// The least demanding functors a concept may assume. Concepts are checked against these, never against
/// lambdas: nvcc takes a lambda inside a requires-expression for unsatisfied, without a word.
#pragma once

#include <lorica/core/config.hpp>

namespace lorica::archetype {

struct Unary {
  template <class T> LORICA_HD T operator()(T x) const { return x; }
};
struct Binary {
  template <class T> LORICA_HD T operator()(T x, T y) const { return x + y; }
};
struct Index {
  LORICA_HD void operator()(index_t) const {}
};
template <class T> struct Visitor {
  void operator()(T&) const {}
};

/// The scores of all directions, as a placement that moves ranks may see them.
struct Directions {
  index_t size() const { return 0; }
  double kth_smallest(index_t) const { return 0; }  // 1-based
  double first_beyond(index_t) const {
    return 0;
  }  // in descending order, the first beyond so many parameters
};

}  // namespace lorica::archetype
