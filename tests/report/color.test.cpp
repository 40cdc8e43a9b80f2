// SPDX-License-Identifier: MIT
#include <lorica/report/color.hpp>

#include <support/catch.hpp>

#include <algorithm>

using namespace lorica::report;

TEST_CASE("the scale meets its anchors and only grows lighter", "[report][color]") {
  REQUIRE(hex(viridis(0)) == "#440154");
  REQUIRE(hex(viridis(1)) == "#fde725");
  REQUIRE(hex(viridis(3.0 / 9)) == "#31688e");
  REQUIRE(viridis(-5) == viridis(0));
  REQUIRE(viridis(5) == viridis(1));
  double before = -1;
  for (int i = 0; i <= 100; ++i) {
    const double light = luminance(viridis(i / 100.0));
    REQUIRE(light > before - 1e-3);  // steps of 1/255 may waver, the scale may not
    if (i % 10 == 0) REQUIRE(light > before);
    before = light;
  }
}

TEST_CASE("ink contrasts with every ground of the scale", "[report][color]") {
  REQUIRE(luminance({0, 0, 0}) == 0);
  REQUIRE(luminance({255, 255, 255}) == Approx(1));
  REQUIRE(ink_on({255, 255, 255}) == Rgb{0, 0, 0});
  REQUIRE(ink_on({0, 0, 0}) == Rgb{255, 255, 255});
  for (int i = 0; i <= 100; ++i) {
    const double ground = luminance(viridis(i / 100.0));
    const double ink = luminance(ink_on(viridis(i / 100.0)));
    const double contrast = (std::max(ground, ink) + 0.05) / (std::min(ground, ink) + 0.05);
    REQUIRE(contrast > 4.5);  // WCAG AA
  }
}

TEST_CASE("a terminal's 256 colours come as near as they can", "[report][color]") {
  REQUIRE(ansi256({0, 0, 0}) == 16);
  REQUIRE(ansi256({255, 255, 255}) == 231);
  REQUIRE(ansi256({255, 0, 0}) == 196);
  REQUIRE(ansi256({95, 135, 175}) == 67);
  REQUIRE(ansi256({90, 140, 170}) == 67);
}

TEST_CASE("text on a ground ends in the terminal's own colours", "[report][color]") {
  const Rgb yellow = viridis(1);
  REQUIRE(on_ground("x", yellow, Color::off) == "x");
  REQUIRE(on_ground("x", yellow, Color::truecolor) == "\x1b[48;2;253;231;37;38;2;0;0;0mx\x1b[0m");
  REQUIRE(on_ground("x", yellow, Color::ansi256) == "\x1b[48;5;220;38;5;16mx\x1b[0m");
}

TEST_CASE("text in a colour is the text alone when colour is off", "[report][color]") {
  REQUIRE(in_color("a", {255, 0, 0}, Color::off) == "a");
  REQUIRE(in_color("a", {255, 0, 0}, Color::ansi256) == "\x1b[38;5;196ma\x1b[0m");
  REQUIRE(in_color("a", {255, 0, 0}, Color::truecolor) == "\x1b[38;2;255;0;0ma\x1b[0m");
}
