// SPDX-License-Identifier: MIT
#include <lorica/adapt/score/elements.hpp>

#include "support/catch.hpp"

using namespace lorica;
using namespace lorica::adapt;

namespace {
template <class S> double fold(const S& s, double w, double g, std::vector<double>& memory, index_t t) {
  return s.fold(w, g, Cells<double>{memory.data(), 1}, t);
}
template <class S> double once(double w, double g) {
  std::vector<double> none(4);
  return fold(S{}, w, g, none, 0);
}
struct NoFold {
  static constexpr int memory = 0;
};
static_assert(!ElementScore<NoFold> && !ElementScore<int>);
// What each keeps of its own, in values an entry.
static_assert(Sensitivity::memory == 0 && Movement::memory == 0 && Fisher::memory == 0 &&
              Magnitude::memory == 0 && SpectrumMagnitude::memory == 0 && Gsnr::memory == 2);
static_assert(adapt::detail::silencer_only<SpectrumMagnitude>() &&
              !adapt::detail::silencer_only<Magnitude>());
}  // namespace

TEST_CASE("element scores of one entry are those of the papers", "[adapt][score]") {
  CHECK(once<Sensitivity>(0.5, -0.25) == 0.125);
  CHECK(once<Movement>(0.5, -0.25) == 0.125);  // descent takes w from 0.5 upwards
  CHECK(once<Movement>(0.5, 0.25) == -0.125);  // towards zero
  CHECK(once<Fisher>(0.5, -0.25) == 0.0625);
  CHECK(once<Magnitude>(-0.5, 7) == 0.5);
  CHECK(once<SpectrumMagnitude>(-0.5, 7) == 0.5);
}

TEST_CASE("the signal to noise ratio of a gradient has a floor, a start and no NaN", "[adapt][score]") {
  const Gsnr s;
  std::vector<double> m(2);
  CHECK(fold(s, 0, 0.2, m, 0) == 0);  // one observation has no variance
  // Mean and mean square, corrected: (0.85 0.2 + 0.4) / 1.85 and so on.
  const double mean = (0.85 * 0.2 + 0.4) / 1.85, square = (0.85 * 0.04 + 0.16) / 1.85;
  CHECK(fold(s, 0, 0.4, m, 1) == Approx(mean * mean / (square - mean * mean)).epsilon(1e-13));
  SECTION("a gradient that never changes is worth 1 / floor, and no more") {
    std::vector<double> c(2);
    double value = 0;
    for (index_t t = 0; t < 60; ++t) value = fold(s, 0, 0.3, c, t);
    CHECK(value == Approx(1e4).epsilon(1e-6));
  }
  SECTION("no gradient at all is worth nothing") {
    std::vector<double> z(2);
    for (index_t t = 0; t < 5; ++t) CHECK(fold(s, 1, 0, z, t) == 0);
  }
  SECTION("in float the correction does not underflow") {
    std::vector<float> f(2);
    float value = 0;
    for (index_t t = 0; t < 3000; ++t)
      value = s.fold(0.f, t % 2 == 0 ? 1.f : -1.f, Cells<float>{f.data(), 1}, t);
    CHECK(value == Approx(0.0065).epsilon(0.05));  // the average alternates between +-0.0811 of mean square 1
  }
}
