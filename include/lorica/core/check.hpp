// SPDX-License-Identifier: MIT
/// @file lorica/core/check.hpp
/// Errors. A message names the thing, what was found, and what would be right; the type says who can mend it.
#pragma once

#include <lorica/core/config.hpp>

#include <initializer_list>
#include <memory>
#include <sstream>
#include <stdexcept>
#include <string>

namespace lorica {

/// Everything this library throws.
struct Error : std::runtime_error {
  using std::runtime_error::runtime_error;
};
/// Two matrices that do not fit; both shapes are in the message.
struct ShapeError : Error {
  using Error::Error;
};
/// An option, a rank, a pattern that cannot be right.
struct ConfigError : Error {
  using Error::Error;
};
/// A file that cannot be read, written, or believed; its path is in the message.
struct FileError : Error {
  using Error::Error;
};
/// A loss or a gradient that is not finite; step and tensor are in the message.
struct NumericError : Error {
  using Error::Error;
};

/// A shape as messages print it: [rows, cols].
struct Shape {
  index_t rows = 0;
  index_t cols = 0;
  friend bool operator==(const Shape&, const Shape&) = default;
  friend std::ostream& operator<<(std::ostream& os, const Shape& s) {
    return os << '[' << s.rows << ", " << s.cols << ']';
  }
};

namespace detail {
/// One part of a message, its type behind a pointer: a program compiles one `joined`, not one for every
/// message.
struct Part {
  const void* value;
  void (*write)(std::ostream&, const void*);
};
template <class T> void write_part(std::ostream& os, const void* value) {
  os << *static_cast<const T*>(value);
}
inline void write_characters(std::ostream& os, const void* value) { os << static_cast<const char*>(value); }
template <class T> Part part(const T& value) { return {std::addressof(value), write_part<T>}; }
inline Part part(const char* text) { return {text, write_characters}; }

[[nodiscard]] inline std::string joined(std::initializer_list<Part> parts) {
  std::ostringstream os;
  for (const Part& p : parts) p.write(os, p.value);
  return os.str();
}
template <class E> [[noreturn, gnu::cold, gnu::noinline]] void fail(std::initializer_list<Part> parts) {
  throw E(joined(parts));
}
}  // namespace detail

/// Everything streamed into one string.
template <class... Parts> [[nodiscard]] std::string message(const Parts&... parts) {
  return detail::joined({detail::part(parts)...});
}

/// Throws E with the parts streamed together, unless `ok`.
template <class E = ConfigError, class... Parts> void expects(bool ok, const Parts&... parts) {
  if (!ok) [[unlikely]]
    detail::fail<E>({detail::part(parts)...});
}

/// "gemm: x is [3, 4], expected [3, 5]"
inline void expects_shape(const char* operation, const char* name, Shape found, Shape expected) {
  if (!(found == expected))
    throw ShapeError(message(operation, ": ", name, " is ", found, ", expected ", expected));
}

}  // namespace lorica
