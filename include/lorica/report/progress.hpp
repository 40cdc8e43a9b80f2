// SPDX-License-Identifier: MIT
/// @file lorica/report/progress.hpp
/// A line that says how far, how well, how fast and how long still; silent where nobody watches.
#pragma once

#include <lorica/core/check.hpp>
#include <lorica/report/format.hpp>
#include <lorica/report/terminal.hpp>
#include <lorica/report/text.hpp>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <functional>
#include <iostream>
#include <limits>
#include <string>
#include <utility>

namespace lorica::report {

/// Seconds of a clock that never goes back.
[[nodiscard]] inline double steady_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

struct ProgressConfig {
  index_t total = 0;            ///< steps; the bar is full there
  index_t start = 0;            ///< steps done before, by the run that is resumed
  std::string label{};          ///< in front of the bar
  std::ostream* out = nullptr;  ///< null: standard error, and only if a terminal
  int width = 0;                ///< columns; 0: the terminal's
  double interval = 0.1;        ///< seconds between two drawings at least
  double memory = 5;            ///< seconds after which a rate is forgotten to 1/e
  std::function<double()> clock = steady_seconds;
};

/// What one step adds to the line.
struct ProgressStep {
  index_t step = 0;                                        ///< steps done, this one included
  double loss = std::numeric_limits<double>::quiet_NaN();  ///< NaN: not shown
  index_t tokens = 0;                                      ///< since the last update
};

/// Draws over its own line while it lives, and ends it.
class Progress {
 public:
  explicit Progress(ProgressConfig config) : config_(std::move(config)) {
    expects(config_.total >= 0, "progress: a total of ", config_.total, " steps, expected 0 or more");
    if (config_.out == nullptr && is_terminal(2)) config_.out = &std::cerr;
    if (config_.width <= 0) config_.width = terminal_width(2);
    last_.step = config_.start;
    timed_ = config_.clock();
  }
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  ~Progress() { finish(); }

  /// Takes note; draws if the last drawing is long enough ago, or the work is done.
  void update(const ProgressStep& now) {
    if (config_.out == nullptr || finished_) return;
    const double time = config_.clock();
    const double seconds = std::max(0.0, time - timed_);
    // Sums of steps, tokens and seconds that fade together: their quotients are rates of the recent past.
    const double kept = std::exp(-seconds / config_.memory);
    seconds_ = kept * seconds_ + seconds;
    tokens_ = kept * tokens_ + static_cast<double>(now.tokens);
    steps_ = kept * steps_ + static_cast<double>(now.step - last_.step);
    timed_ = time;
    last_ = now;
    if (time - drawn_ < config_.interval && now.step < config_.total) return;
    drawn_ = time;
    draw(line());
  }

  /// What stands in front of the bar from the next drawing on.
  void label(std::string text) { config_.label = std::move(text); }

  /// Empties the line, so that something else can be printed; the next update draws it again.
  void clear() {
    if (config_.out == nullptr || shown_ == 0) return;
    *config_.out << '\r' << std::string(shown_, ' ') << '\r' << std::flush;
    shown_ = 0;
    drawn_ = never;
  }

  /// Draws what is known last and ends the line; what comes after is on a new one.
  void finish() {
    if (config_.out == nullptr || std::exchange(finished_, true) || shown_ == 0) return;
    draw(line());
    *config_.out << '\n' << std::flush;
  }

 private:
  [[nodiscard]] std::string line() const {
    const double left = static_cast<double>(std::max<index_t>(0, config_.total - last_.step));
    const double pace = steps_ > 0 ? seconds_ / steps_ : 0;  // seconds a step; 0: unknown
    const std::string total = std::to_string(config_.total);
    std::string facts = pad(std::to_string(last_.step), total.size(), Align::right) + "/" + total;
    if (!std::isnan(last_.loss)) facts += "  loss " + fixed(last_.loss, 4);
    if (tokens_ > 0 && seconds_ > 0) facts += "  " + human_count(tokens_ / seconds_) + " tokens/s";
    facts += "  " + human_duration(left == 0 ? 0 : pace > 0 ? left * pace : -1) + " left";
    const std::string label = config_.label.empty() ? "" : one_line(config_.label) + "  ";
    // The last column stays free: a terminal would move on to the next line.
    const auto room = static_cast<std::size_t>(std::max(1, config_.width - 1));
    const std::size_t used = display_width(label) + display_width(facts) + 4;
    std::string out = label;
    if (used + 5 <= room) out += bar(std::min<std::size_t>(30, room - used)) + "  ";
    out += facts;
    return display_width(out) <= room ? out : keep_end(out, room);
  }

  [[nodiscard]] std::string bar(std::size_t width) const {
    const double part =
        config_.total > 0 ? static_cast<double>(last_.step) / static_cast<double>(config_.total) : 1;
    const auto full = static_cast<std::size_t>(std::clamp(part, 0.0, 1.0) * static_cast<double>(width));
    const bool head = full < width;
    return "[" + std::string(full, '=') + (head ? ">" : "") +
           std::string(width - full - (head ? 1 : 0), ' ') + "]";
  }

  void draw(const std::string& text) {
    const std::size_t wide = display_width(text);
    *config_.out << '\r' << pad(text, std::max(wide, shown_)) << std::flush;  // covers the longer line before
    shown_ = wide;
  }

  static constexpr double never = -std::numeric_limits<double>::infinity();

  ProgressConfig config_;
  ProgressStep last_;
  double timed_ = 0;      // of the last update
  double drawn_ = never;  // of the last drawing
  double seconds_ = 0;
  double tokens_ = 0;
  double steps_ = 0;
  std::size_t shown_ = 0;  // columns of the line now on the screen
  bool finished_ = false;
};

}  // namespace lorica::report
