// SPDX-License-Identifier: MIT
/// @file lorica/report/axis.hpp
/// A range of numbers laid along a line, and the round ones among them that are written there.
#pragma once

#include <lorica/report/format.hpp>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

namespace lorica::report {

/// How a value becomes a place, or a brightness.
enum class Scale { linear, logarithmic };

struct Tick {
  double value;
  std::string label;
};

namespace detail {
/// Ceiling and floor of a quotient that may be whole but for rounding; never -0.
inline double first_at(double quotient) { return std::ceil(quotient - 1e-9) + 0.0; }
inline double last_at(double quotient) { return std::floor(quotient + 1e-9) + 0.0; }

/// The value to the digit of `unit`, a power of ten; without exponents between a thousandth and ten million.
[[nodiscard]] inline std::string tick_label(double value, double unit, double largest) {
  const int digit = static_cast<int>(std::lround(std::floor(std::log10(unit) + 1e-9)));
  if (largest >= 1e-3 && largest < 1e7) return fixed(value, std::clamp(-digit, 0, 15));
  if (value == 0) return "0";
  const int top = static_cast<int>(std::lround(std::floor(std::log10(std::fabs(value)) + 1e-9)));
  return significant(value, std::clamp(1 + top - digit, 1, 15));
}
}  // namespace detail

/// Covers what it was shown, and no more. A range of one value is widened, so that the value is in its
/// middle.
class Axis {
 public:
  explicit Axis(Scale scale = Scale::linear) : scale_(scale) {}

  /// Has the value a place? Not one that is not finite or beyond 1e300, nor on a logarithmic axis one that is
  /// not positive.
  [[nodiscard]] bool shows(double value) const {
    if (scale_ == Scale::logarithmic) return value >= 1e-300 && value <= 1e300;
    return std::fabs(value) <= 1e300;
  }
  void cover(double value) {
    if (!shows(value)) return;
    low_ = std::min(low_, value);
    high_ = std::max(high_, value);
    whole_ = whole_ && value == std::floor(value);
  }
  [[nodiscard]] bool empty() const { return low_ > high_; }

  /// 0 at the low end, 1 at the high end.
  [[nodiscard]] double position(double value) const {
    const Range r = range();
    const double at = logarithmic() ? std::log10(value) : value;
    return (at - r.low) / (r.high - r.low);
  }

  /// About so many round numbers, never fewer than two, in order: 1, 2 or 5 times a power of ten apart, or
  /// powers of ten, and only whole ones where all values are.
  [[nodiscard]] std::vector<Tick> ticks(int most) const {
    const Range r = range();
    most = std::max(most, 2);
    if (!logarithmic()) return linear(r.low, r.high, most, whole_);
    std::vector<Tick> out;
    const double decades = detail::last_at(r.high) - detail::first_at(r.low) + 1;
    if (decades >= 3) {
      const double stride = std::ceil(decades / most);
      for (double e = detail::first_at(r.low); e <= detail::last_at(r.high); e += stride) add(out, 1, e);
      return out;
    }
    for (double e = std::floor(r.low); e <= r.high; ++e)
      for (const double digit : {1.0, 2.0, 5.0}) {
        const double place = e + std::log10(digit);
        if (place >= r.low - 1e-9 && place <= r.high + 1e-9) add(out, digit, e);
      }
    const auto count = static_cast<int>(out.size());
    return count >= 3 && count <= most ? out : linear(std::pow(10, r.low), std::pow(10, r.high), most, false);
  }

 private:
  struct Range {
    double low, high;  // of the value, or of its decimal logarithm
  };
  [[nodiscard]] bool logarithmic() const { return scale_ == Scale::logarithmic; }

  [[nodiscard]] Range range() const {
    if (empty()) return logarithmic() ? Range{-1, 1} : Range{0, 1};
    const Range r = logarithmic() ? Range{std::log10(low_), std::log10(high_)} : Range{low_, high_};
    const double size = std::max(std::fabs(low_), std::fabs(high_));
    // Nearer to each other than the ticks could tell.
    const double least = logarithmic() ? 1e-9 : std::max(size * 1e-9, 1e-300);
    if (r.high - r.low > least) return r;
    const double more = logarithmic() ? 0.5 : size < 1e-290 ? 1 : std::max(whole_ ? 1.0 : 0.0, size / 10);
    return {r.low - more, r.high + more};
  }

  static void add(std::vector<Tick>& out, double digit, double exponent) {
    const double unit = std::pow(10, exponent);
    out.push_back({digit * unit, detail::tick_label(digit * unit, unit, digit * unit)});
  }

  [[nodiscard]] static std::vector<Tick> linear(double low, double high, int most, bool whole) {
    double unit = std::pow(10, std::floor(std::log10((high - low) / most)));
    if (whole) unit = std::max(unit, 1.0);
    // The first step with few enough ticks, but not one that leaves a single tick (of 6 to 14 only 10).
    double step = unit;
    for (const double s : {2, 5, 10, 20}) {
      const auto count = [&](double apart) {
        return detail::last_at(high / apart) - detail::first_at(low / apart) + 1;
      };
      if (count(step) <= most || count(s * unit) < 2) break;
      step = s * unit;
    }
    std::vector<Tick> out;
    const double largest = std::max(std::fabs(low), std::fabs(high));
    for (double i = detail::first_at(low / step); i <= detail::last_at(high / step); ++i)
      out.push_back({i * step, detail::tick_label(i * step, step, largest)});
    return out;
  }

  Scale scale_;
  double low_ = std::numeric_limits<double>::infinity();
  double high_ = -std::numeric_limits<double>::infinity();
  bool whole_ = true;
};

}  // namespace lorica::report
