// SPDX-License-Identifier: MIT
#include <lorica/report/progress.hpp>

#include <support/catch.hpp>

#include <unistd.h>

#include <algorithm>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

using namespace lorica::report;

namespace {

/// A terminal's line after every drawing, and the time that the test makes.
struct Screen {
  std::ostringstream out{};
  double time = 100;

  ProgressConfig config(lorica::index_t total) {
    return {.total = total, .out = &out, .width = 80, .clock = [this] { return time; }};
  }
  std::vector<std::string> drawings() const {
    std::vector<std::string> lines;
    std::istringstream in(out.str());
    for (std::string line; std::getline(in, line, '\r');) {
      if (!line.empty()) lines.push_back(line);
    }
    return lines;
  }
  std::string last() const { return drawings().empty() ? "" : drawings().back(); }
};

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("a line shows step, loss, tokens a second and time left", "[report][progress]") {
  Screen screen;
  ProgressConfig config = screen.config(200);
  config.label = "finetune";
  Progress progress(config);
  for (int step = 1; step <= 100; ++step) {
    screen.time += 0.5;
    progress.update({.step = step, .loss = 2.5, .tokens = 1024});
  }
  const std::string line = screen.last();
  REQUIRE(has(line, "finetune  [==="));
  REQUIRE(has(line, "100/200"));
  REQUIRE(has(line, "loss 2.5000"));
  REQUIRE(has(line, "2.05 k tokens/s"));
  REQUIRE(has(line, "50s left"));
  for (const std::string& drawn : screen.drawings()) REQUIRE(display_width(drawn) < 80);
}

TEST_CASE("a bar over several runs says which", "[report][progress]") {
  Screen screen;
  ProgressConfig config = screen.config(2);
  config.label = "first";
  Progress progress(config);
  screen.time += 1;
  progress.update({.step = 1});
  REQUIRE(screen.last().starts_with("first  ["));
  progress.label("second");
  screen.time += 1;
  progress.update({.step = 2});
  REQUIRE(screen.last().starts_with("second  ["));
}

TEST_CASE("half of the bar is half of the work, all of it the end", "[report][progress]") {
  Screen screen;
  ProgressConfig config = screen.config(10);
  Progress progress(config);
  const auto full = [&] {
    const std::string line = screen.last();
    return std::make_pair(std::count(line.begin(), line.end(), '='), line.find(']') - line.find('[') - 1);
  };
  screen.time += 1;
  progress.update({.step = 5});
  REQUIRE(full().second == 30);
  REQUIRE(full().first == 15);
  screen.time += 1;
  progress.update({.step = 10});
  REQUIRE(full().first == 30);
  REQUIRE_FALSE(has(screen.last(), ">"));
}

TEST_CASE("drawing is no more frequent than asked, but the end is always drawn", "[report][progress]") {
  Screen screen;
  ProgressConfig config = screen.config(1000);
  config.interval = 0.1;
  Progress progress(config);
  for (int step = 1; step <= 999; ++step) {
    screen.time += 0.001;
    progress.update({.step = step});
  }
  REQUIRE(screen.drawings().size() >= 9);
  REQUIRE(screen.drawings().size() <= 11);
  progress.update({.step = 1000});
  REQUIRE(has(screen.last(), "1000/1000"));
}

TEST_CASE("the rate follows a change, but not at once", "[report][progress]") {
  Screen screen;
  Progress progress(screen.config(1000));
  const auto run = [&](int from, int to, lorica::index_t tokens) {
    for (int step = from; step <= to; ++step) {
      screen.time += 1;
      progress.update({.step = step, .tokens = tokens});
    }
  };
  run(1, 50, 100);
  REQUIRE(has(screen.last(), " 100 tokens/s"));
  run(51, 51, 500);
  REQUIRE_FALSE(has(screen.last(), " 500 tokens/s"));
  run(52, 150, 500);
  REQUIRE(has(screen.last(), " 500 tokens/s"));
}

TEST_CASE("a resumed run estimates by its own steps", "[report][progress]") {
  Screen screen;
  ProgressConfig config = screen.config(100);
  config.start = 80;
  Progress progress(config);
  screen.time += 2;
  progress.update({.step = 81});
  REQUIRE(has(screen.last(), "38s left"));
}

TEST_CASE("finishing ends the line once, and nothing is drawn after", "[report][progress]") {
  Screen screen;
  {
    Progress progress(screen.config(3));
    screen.time += 1;
    progress.update({.step = 1});
    progress.finish();
    progress.finish();
    screen.time += 1;
    progress.update({.step = 2});
  }
  const std::string all = screen.out.str();
  REQUIRE(all.back() == '\n');
  REQUIRE(std::count(all.begin(), all.end(), '\n') == 1);
  REQUIRE_FALSE(has(all, "2/3"));
}

TEST_CASE("a bar that never drew leaves nothing, one that did is ended by its destructor",
          "[report][progress]") {
  Screen screen;
  { const Progress progress(screen.config(3)); }
  REQUIRE(screen.out.str().empty());
  {
    Progress progress(screen.config(3));
    progress.update({.step = 1});
  }
  REQUIRE(screen.out.str().back() == '\n');
}

TEST_CASE("a shorter line covers the longer one before it, and clearing leaves blanks",
          "[report][progress]") {
  Screen screen;
  Progress progress(screen.config(10));
  progress.update({.step = 1, .loss = 123456.0});
  const std::size_t longer = display_width(screen.last());
  screen.time += 1;
  progress.update({.step = 2, .loss = 1.0});
  REQUIRE(display_width(screen.last()) >= longer);
  const std::size_t before = screen.out.str().size();
  progress.clear();
  const std::string cleared = screen.out.str().substr(before);
  REQUIRE(cleared.front() == '\r');
  REQUIRE(cleared.back() == '\r');
  REQUIRE(cleared.find_first_not_of("\r ") == std::string::npos);
  progress.update({.step = 3});  // draws at once again
  REQUIRE(has(screen.last(), " 3/10"));
}

TEST_CASE("a narrow terminal loses the bar, then the front, never a column too many", "[report][progress]") {
  for (const int width : {1, 10, 20, 40, 60, 80, 200}) {
    Screen screen;
    ProgressConfig config = screen.config(1'000'000);
    config.width = width;
    config.label = "a rather long label";
    Progress progress(config);
    screen.time += 1;
    progress.update({.step = 123'456, .loss = 3.25, .tokens = 4096});
    REQUIRE(display_width(screen.last()) <= static_cast<std::size_t>(std::max(1, width - 1)));
    REQUIRE(has(screen.last(), "[") == (width > 80));
  }
}

TEST_CASE("where nobody watches, nothing is written", "[report][progress]") {
  int ends[2];
  REQUIRE(::pipe(ends) == 0);
  const int errors = ::dup(2);
  ::dup2(ends[1], 2);  // standard error is a pipe now
  {
    Progress progress({.total = 2, .interval = 0});
    progress.update({.step = 1, .loss = 1.0, .tokens = 10});
    progress.clear();
    progress.update({.step = 2});
    progress.finish();
  }
  ::dup2(errors, 2);
  ::close(errors);
  ::close(ends[1]);
  char seen[16];
  REQUIRE(::read(ends[0], seen, sizeof seen) == 0);
  ::close(ends[0]);
}

TEST_CASE("a negative total is refused", "[report][progress]") {
  REQUIRE_THROWS_AS(Progress({.total = -1}), lorica::ConfigError);
}
