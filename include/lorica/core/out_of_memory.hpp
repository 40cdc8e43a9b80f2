// SPDX-License-Identifier: MIT
/// @file lorica/core/out_of_memory.hpp
/// A backend has no room left. Its pool says how much is in use; whoever knows what for, says that too.
#pragma once

#include <lorica/core/check.hpp>

#include <cstddef>

namespace lorica {

/// `asked` bytes were asked for when buffers held `in_use`.
struct OutOfMemory : Error {
  std::size_t asked, in_use;
  OutOfMemory(const std::string& what, std::size_t of, std::size_t with)
      : Error(what), asked(of), in_use(with) {}
};

/// "12.5 MiB"
inline std::string mebibytes(std::size_t bytes) {
  std::ostringstream os;
  os.precision(1);
  os << std::fixed << double(bytes) / 1048576.0 << " MiB";
  return os.str();
}

}  // namespace lorica
