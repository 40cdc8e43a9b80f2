// SPDX-License-Identifier: MIT
#include <lorica/report/terminal.hpp>

#include <support/catch.hpp>

#include <fcntl.h>
#include <unistd.h>

#include <cstdlib>
#include <string>

using namespace lorica::report;

namespace {

/// Sets a variable of the environment, and what it was before again in the end.
class Environment {
 public:
  Environment(const char* name, const char* value) : name_(name) {
    const char* const before = std::getenv(name);
    had_ = before != nullptr;
    if (had_) before_ = before;
    if (value == nullptr)
      ::unsetenv(name);
    else
      ::setenv(name, value, 1);
  }
  Environment(const Environment&) = delete;
  Environment& operator=(const Environment&) = delete;
  ~Environment() {
    if (had_)
      ::setenv(name_, before_.c_str(), 1);
    else
      ::unsetenv(name_);
  }

 private:
  const char* name_;
  std::string before_;
  bool had_ = false;
};

/// A terminal without a person: the near end of a pseudo-terminal, or -1 where the system has none.
int pseudo_terminal() {
  const int far = ::posix_openpt(O_RDWR | O_NOCTTY);
  if (far < 0 || ::grantpt(far) != 0 || ::unlockpt(far) != 0) return -1;
  return ::open(::ptsname(far), O_RDWR | O_NOCTTY);
}

}  // namespace

TEST_CASE("a file is no terminal: no colour, 80 columns", "[report][terminal]") {
  const int file = ::open("/dev/null", O_WRONLY);
  REQUIRE_FALSE(is_terminal(file));
  REQUIRE(terminal_width(file) == 80);
  REQUIRE(terminal_color(file) == Color::off);
  ::close(file);
}

TEST_CASE("a terminal has the colours and the columns it says", "[report][terminal]") {
  const int terminal = pseudo_terminal();
  if (terminal < 0) return;
  const Environment kind("TERM", "xterm");
  const Environment none("NO_COLOR", nullptr);
  const Environment depth("COLORTERM", nullptr);
  REQUIRE(is_terminal(terminal));
  REQUIRE(terminal_color(terminal) == Color::ansi256);
  {
    const Environment deep("COLORTERM", "truecolor");
    REQUIRE(terminal_color(terminal) == Color::truecolor);
    const Environment refused("NO_COLOR", "1");
    REQUIRE(terminal_color(terminal) == Color::off);
  }
  {
    const Environment dumb("TERM", "dumb");
    REQUIRE_FALSE(is_terminal(terminal));
  }
  REQUIRE(terminal_width(terminal) == 80);  // a fresh one says 0
  const winsize wide{.ws_row = 50, .ws_col = 132, .ws_xpixel = 0, .ws_ypixel = 0};
  REQUIRE(::ioctl(terminal, TIOCSWINSZ, &wide) == 0);
  REQUIRE(terminal_width(terminal) == 132);
  ::close(terminal);
}
