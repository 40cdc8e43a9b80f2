// SPDX-License-Identifier: MIT
// Catch2 v2 (Debian 12) and v3 (elsewhere), spelled the same; and what an error says.
#pragma once

#if __has_include(<catch2/catch_all.hpp>)
#  include <catch2/catch_all.hpp>
using Catch::Approx;
#else
#  include <catch2/catch.hpp>
#endif

#include <string>

namespace lorica::test {

/// What f() says when it throws an E.
template <class E, class F> std::string error_of(F f) {
  try {
    f();
  } catch (const E& e) {
    return e.what();
  }
  return "no error";
}

}  // namespace lorica::test
