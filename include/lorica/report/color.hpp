// SPDX-License-Identifier: MIT
/// @file lorica/report/color.hpp
/// Colours in a perceptual order, and how a terminal and an SVG spell them.
#pragma once

#include <lorica/core/check.hpp>
#include <lorica/report/terminal.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <string>

namespace lorica::report {

struct Rgb {
  int red = 0;
  int green = 0;
  int blue = 0;
  friend bool operator==(const Rgb&, const Rgb&) = default;
};

/// Dark violet at 0 to yellow at 1; lightness grows all the way, so it also reads in grey and to the
/// colour-blind.
///
/// Linear between ten anchors of viridis (van der Walt and Smith, 2015, public domain).
[[nodiscard]] inline Rgb viridis(double position) {
  constexpr std::array<Rgb, 10> anchor{{{68, 1, 84},
                                        {72, 40, 120},
                                        {62, 73, 137},
                                        {49, 104, 142},
                                        {38, 130, 142},
                                        {31, 158, 137},
                                        {53, 183, 121},
                                        {110, 206, 88},
                                        {181, 222, 43},
                                        {253, 231, 37}}};
  const double at =
      (std::isnan(position) ? 0.0 : std::clamp(position, 0.0, 1.0)) * static_cast<double>(anchor.size() - 1);
  const auto below = std::min(static_cast<std::size_t>(at), anchor.size() - 2);
  const auto mix = [&](int a, int b) {
    return static_cast<int>(std::lround(a + (at - static_cast<double>(below)) * (b - a)));
  };
  const Rgb a = anchor[below];
  const Rgb b = anchor[below + 1];
  return {mix(a.red, b.red), mix(a.green, b.green), mix(a.blue, b.blue)};
}

/// Relative luminance, 0 black to 1 white (WCAG 2.1).
[[nodiscard]] inline double luminance(Rgb color) {
  const auto linear = [](int channel) {
    const double c = channel / 255.0;
    return c <= 0.04045 ? c / 12.92 : std::pow((c + 0.055) / 1.055, 2.4);
  };
  return 0.2126 * linear(color.red) + 0.7152 * linear(color.green) + 0.0722 * linear(color.blue);
}

/// Black or white, whichever has the larger contrast on the ground.
[[nodiscard]] inline Rgb ink_on(Rgb ground) {
  const double light = luminance(ground);
  const bool black = (light + 0.05) / 0.05 > 1.05 / (light + 0.05);
  return black ? Rgb{0, 0, 0} : Rgb{255, 255, 255};
}

/// "#31688e"
[[nodiscard]] inline std::string hex(Rgb color) {
  constexpr char digits[] = "0123456789abcdef";
  std::string out = "#";
  for (const int channel : {color.red, color.green, color.blue}) {
    out += digits[channel / 16];
    out += digits[channel % 16];
  }
  return out;
}

/// The nearest of the 216 colours that every 256-colour terminal has in the same place.
[[nodiscard]] inline int ansi256(Rgb color) {
  constexpr std::array<int, 6> levels{0, 95, 135, 175, 215, 255};
  const auto nearest_level = [&](int channel) {
    int best = 0;
    for (int i = 1; i < 6; ++i) {
      const auto distance = [&](int l) { return std::abs(levels[static_cast<std::size_t>(l)] - channel); };
      if (distance(i) < distance(best)) best = i;
    }
    return best;
  };
  return 16 + 36 * nearest_level(color.red) + 6 * nearest_level(color.green) + nearest_level(color.blue);
}

/// How an escape sequence names the colour of the text (layer 38) or of the ground (48).
[[nodiscard]] inline std::string ansi(int layer, Rgb color, Color depth) {
  return depth == Color::truecolor ? message(layer, ";2;", color.red, ';', color.green, ';', color.blue)
                                   : message(layer, ";5;", ansi256(color));
}

/// The text in that colour, then the terminal's own again; the text alone when colour is off.
[[nodiscard]] inline std::string in_color(const std::string& text, Rgb ink, Color color) {
  return color == Color::off ? text : message("\x1b[", ansi(38, ink, color), 'm', text, "\x1b[0m");
}

/// The text on a ground of that colour, then the terminal's own colours again; the text alone when colour is
/// off.
[[nodiscard]] inline std::string on_ground(const std::string& text, Rgb ground, Color color) {
  if (color == Color::off) return text;
  const Rgb ink = ink_on(ground);
  return message("\x1b[", ansi(48, ground, color), ';', ansi(38, ink, color), 'm', text, "\x1b[0m");
}

}  // namespace lorica::report
