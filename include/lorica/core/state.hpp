// SPDX-License-Identifier: MIT
/// @file lorica/core/state.hpp
/// All that evolves is one tree: whoever holds a part of it shows that part to a visitor, who saves or
/// restores it.
#pragma once

#include <lorica/core/tensor.hpp>

#include <functional>
#include <string>

namespace lorica {

/// Names are unique within a tree. Values may be read or replaced in place; a tensor keeps its shape.
template <Backend B> struct StateVisitor {
  StateVisitor() = default;
  StateVisitor(const StateVisitor&) = delete;
  StateVisitor& operator=(const StateVisitor&) = delete;
  virtual ~StateVisitor() = default;
  virtual void tensor(const std::string& name, MasterTensor<B>& t) = 0;
  virtual void number(const std::string& name, double& x) = 0;
  virtual void count(const std::string& name, index_t& n) = 0;
};

/// What the entries of a parameter underwent, for all that goes along with them (an optimiser's moments).
template <Backend B> struct Change {
  /// Moved or removed: to be done to every tensor of their shape. None: the entries mean something else now,
  /// and what went along with them begins anew.
  std::function<void(MasterTensor<B>&)> moved = {};
};

}  // namespace lorica
