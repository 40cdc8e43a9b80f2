// SPDX-License-Identifier: MIT
#include <lorica/adapt/score/estimators.hpp>

#include "support/catch.hpp"

using namespace lorica;
using namespace lorica::adapt;

namespace {
// Values an entry, stated by each.
static_assert(Raw<Movement>::memory == 1 && Averaged<Fisher>::memory == 1 &&
              Smoothed<Sensitivity>::memory == 2 && Accumulated<Movement>::memory == 1 &&
              Windowed<Fisher, 3>::memory == 3 && Windowed<Fisher>::memory == 8 && Raw<Gsnr>::memory == 3 &&
              Smoothed<Gsnr>::memory == 4);
static_assert(Smoothed<SpectrumMagnitude>::silencer_only && !Smoothed<Sensitivity>::silencer_only);

constexpr double w[] = {0.5, -0.25, 0.75, 0.1}, g[] = {0.2, 0.4, -0.1, 0.3};

/// The score after the four observations, in T, of entry 1 of 3 (so that the stride matters).
template <class T, class S> double after_four(const S& s = {}) {
  std::vector<T> cells(static_cast<std::size_t>(3 * S::memory));
  for (index_t t = 0; t < 4; ++t) s.observe(T(w[t]), T(g[t]), Cells<T>{cells.data() + 1, 3}, t);
  for (std::size_t i = 0; i < cells.size(); ++i) CHECK((i % 3 == 1 || cells[i] == T(0)));
  return double(s.value(Cells<const T>{cells.data() + 1, 3}, 3));
}
template <class E>
void numbers_of(double raw, double averaged, double smoothed, double accumulated, double windowed) {
  CHECK(after_four<double, Raw<E>>() == Approx(raw).epsilon(1e-12));
  CHECK(after_four<double, Averaged<E>>() == Approx(averaged).epsilon(1e-12));
  CHECK(after_four<double, Smoothed<E>>() == Approx(smoothed).epsilon(1e-12));
  CHECK(after_four<double, Accumulated<E>>() == Approx(accumulated).epsilon(1e-12));
  CHECK((after_four<double, Windowed<E, 3>>() == Approx(windowed).epsilon(1e-12)));
  CHECK(after_four<float, Smoothed<E>>() == Approx(smoothed).epsilon(1e-4));
}
}  // namespace

TEST_CASE("every score with every estimator gives the numbers of a pocket calculator", "[adapt][score]") {
  // w = 0.5, -0.25, 0.75, 0.1 and g = 0.2, 0.4, -0.1, 0.3; beta 0.85. Computed from the definitions in
  // Python.
  //               raw                 averaged              smoothed               accumulated          last
  //               three
  numbers_of<Sensitivity>(0.03, 0.034111875, 0.0007299152412890625, 0.305, 0.06833333333333334);
  numbers_of<Movement>(-0.03, 0.006688125, 0.00021275761640625, 0.045, 0.04833333333333334);
  numbers_of<Fisher>(0.09, 0.03579975, 0.0009851491554187502, 0.3, 0.08666666666666667);
  numbers_of<Gsnr>(1.0687744792588598, 1.2583323262219688, 1.2721923954419587, 11.11404823873446,
                   3.70468274624482);
  numbers_of<Magnitude>(0.1, 0.183778125, 0.025388258800781244, 1.6, 0.3666666666666667);
  numbers_of<SpectrumMagnitude>(0.1, 0.183778125, 0.025388258800781244, 1.6, 0.3666666666666667);
}

TEST_CASE("a window that is not yet full is the mean of what there is", "[adapt][score]") {
  const Windowed<Magnitude, 8> s;
  CHECK((after_four<double, Windowed<Magnitude, 8>>(s) == Approx(0.4).epsilon(1e-14)));
}
