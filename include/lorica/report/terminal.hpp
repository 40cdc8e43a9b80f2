// SPDX-License-Identifier: MIT
/// @file lorica/report/terminal.hpp
/// What is at the other end: a person's terminal, how wide, in how many colours; or a file.
#pragma once

#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdlib>
#include <string_view>

namespace lorica::report {

enum class Color { off, ansi256, truecolor };

/// How a picture is drawn there.
struct TerminalStyle {
  Color color = Color::off;  ///< `terminal_color(1)` asks the terminal
  int width = 80;
};

/// Is the descriptor (1 for output, 2 for errors) a terminal that moves its cursor?
[[nodiscard]] inline bool is_terminal(int descriptor) {
  const char* const kind = std::getenv("TERM");
  return ::isatty(descriptor) == 1 && (kind == nullptr || std::string_view(kind) != "dumb");
}

/// Its columns; 80 where nobody knows.
[[nodiscard]] inline int terminal_width(int descriptor) {
  winsize size{};
  const bool known = ::ioctl(descriptor, TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
  return known ? size.ws_col : 80;
}

/// The colours it shows: off for files and where NO_COLOR is set (no-color.org), 24 bits where COLORTERM says
/// so.
[[nodiscard]] inline Color terminal_color(int descriptor) {
  const char* const refused = std::getenv("NO_COLOR");
  if (!is_terminal(descriptor) || (refused != nullptr && *refused != '\0')) return Color::off;
  const char* const offered = std::getenv("COLORTERM");
  const std::string_view depth = offered == nullptr ? "" : offered;
  return depth == "truecolor" || depth == "24bit" ? Color::truecolor : Color::ansi256;
}

}  // namespace lorica::report
