// SPDX-License-Identifier: MIT
#include <lorica/report/run_report.hpp>

#include <report/well_formed.hpp>
#include <support/catch.hpp>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

using namespace lorica;

namespace {

std::vector<std::string> headings(const report::HtmlPage& page) {
  std::vector<std::string> out;
  for (const auto& section : page.sections) out.push_back(section.heading);
  return out;
}

report::RunReport example() {
  report::RunReport run{.title = "AdaLoRA", .facts = {{"rank", "4"}}, .loss = {3, 2, 1}};
  run.sites = {{0, 0, Role::query, 4, 4, "blocks.0.q"}, {1, 0, Role::down, 4, 4, "blocks.0.down"}};
  run.scores = adapt::SiteScores{run.sites, {0.25, 4}};
  run.cuts = {{.step = 0, .kept = 7, .threshold = 1e-6, .rank = {4, 3}},
              {.step = 1, .kept = 5, .threshold = 1e-3, .rank = {3, 2}}};
  return run;
}

}  // namespace

TEST_CASE("a report has all that is known of a run", "[report][run_report]") {
  const auto page = report::run_report(example());
  REQUIRE(headings(page) == std::vector<std::string>{"Loss", "Where the gradient energy is",
                                                     "Ranks in the end", "How the ranks moved", "Budget",
                                                     "Threshold"});
  CHECK(page.sections[2].paragraph == "5 directions in all.");  // of the last cut
  CHECK(has(page.sections[1].svg, "<title>block 0, down: 4</title>"));
  CHECK(has(page.sections[2].svg, "<title>block 0, down: 2</title>"));
  CHECK(has(page.sections[3].svg, "<title>block 0 q, 1: 4</title>"));
  CHECK(has(page.sections[4].svg, ">6</text>"));       // of 5 to 7, linear
  CHECK(has(page.sections[5].svg, ">0.0001</text>"));  // of 1e-6 to 1e-3, by decades
  const std::string text = report::to_html(page);
  CHECK(malformed(text.substr(text.find("<html"))).empty());
  CHECK_FALSE(has(text, "http://"));
  CHECK_FALSE(has(text, "<script"));
  CHECK(text == report::to_html(report::run_report(example())));
}

TEST_CASE("what is not known is left out of a report", "[report][run_report]") {
  CHECK(headings(report::run_report({.title = "x"})).empty());
  CHECK(headings(report::run_report({.loss = {1}})) == std::vector<std::string>{"Loss"});
  auto run = example();
  run.cuts.clear();
  run.loss.clear();
  run.sites.clear();  // the probe's are known
  run.ranks = {0, 6};
  const auto page = report::run_report(run);
  REQUIRE(headings(page) == std::vector<std::string>{"Where the gradient energy is", "Ranks in the end"});
  CHECK(page.sections[1].paragraph == "6 directions in all.");
  run.scores.reset();
  CHECK_THROWS_AS(report::run_report(run), ConfigError);  // ranks of which sites?
}

TEST_CASE("a long loss has its mean beside it", "[report][run_report]") {
  report::RunReport run;
  for (int i = 0; i < 99; ++i) run.loss.push_back(i);
  CHECK_FALSE(has(report::run_report(run).sections[0].svg, "mean of"));
  run.loss.push_back(99);
  CHECK(has(report::run_report(run).sections[0].svg, ">mean of 5 steps</text>"));
  const double none = std::numeric_limits<double>::quiet_NaN();
  const auto mean = report::trailing_mean({none, 1, 3, none, 5, 7}, 3);
  REQUIRE(mean.size() == 6);
  CHECK(std::isnan(mean[0]));
  CHECK(mean[1] == 1);
  CHECK(mean[2] == 2);
  CHECK(mean[3] == 2);
  CHECK(mean[4] == 4);
  CHECK(mean[5] == 6);
  CHECK(report::trailing_mean({1e300, 1e30, 2, 4}, 2).back() == 3);  // one excess is forgotten
}

TEST_CASE("a history of many sites and cuts stays small enough to send", "[report][run_report]") {
  report::RunReport run;
  for (index_t s = 0; s < 200; ++s) run.sites.push_back({s, s, Role::up, 4, 4, ""});
  for (index_t c = 0; c < 500; ++c)
    run.cuts.push_back({.step = c, .kept = 1, .threshold = 0, .rank = std::vector<index_t>(200, 4)});
  const auto page = report::run_report(run);
  CHECK(page.sections[1].paragraph ==
        "The rank of every site after 30 of the 500 cuts, by the steps made until then.");
  CHECK(page.sections[1].wide);
  CHECK(report::to_html(page).size() < 2000000);
}
