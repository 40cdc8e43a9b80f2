// SPDX-License-Identifier: MIT
#include "results.hpp"

#include <lorica/report/format.hpp>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

namespace lorica::studies {

namespace {
constexpr double none = std::numeric_limits<double>::quiet_NaN();

/// The mean of the figures that the column names; NaN where the run has not all of them.
double value_of(const Column& column, const Done& run) {
  if (run.figures.empty()) return none;
  if (column.figures.empty()) return column.scale * run.figures.front().value;
  double sum = 0;
  for (const std::string& name : column.figures) {
    const auto found = std::ranges::find(run.figures, name, &cli::Figure::name);
    if (found == run.figures.end()) return none;
    sum += found->value;
  }
  return column.scale * sum / double(column.figures.size());
}

std::string signed_number(double x, int digits) { return (x >= 0 ? "+" : "") + report::fixed(x, digits); }
}  // namespace

namespace {
/// The mean over groups of the mean of each.
double mean_of_groups(std::span<const double> values, std::span<const std::size_t> group) {
  std::map<std::size_t, std::pair<double, double>> of;  // sum, count
  for (std::size_t i = 0; i < values.size(); ++i) {
    of[group[i]].first += values[i];
    of[group[i]].second += 1;
  }
  double sum = 0;
  for (const auto& [number, g] : of) sum += g.first / g.second;
  return of.empty() ? none : sum / double(of.size());
}
/// The group of every title: its own, or that of the pair it belongs to.
std::vector<std::size_t> groups_of(const std::vector<std::vector<std::string>>& pairs,
                                   const std::vector<std::string>& titles) {
  std::vector<std::size_t> group;
  for (std::size_t i = 0; i < titles.size(); ++i) {
    group.push_back(i);
    for (const auto& pair : pairs)
      if (std::ranges::find(pair, titles[i]) != pair.end())
        for (std::size_t j = 0; j < i; ++j)
          if (std::ranges::find(pair, titles[j]) != pair.end()) group.back() = group[j];
  }
  return group;
}
}  // namespace

double Grid::average(std::size_t row, std::size_t seed) const {
  std::vector<double> values;
  std::vector<std::size_t> of;
  for (std::size_t c = 0; c < present.size(); ++c) {
    if (!present[c]) continue;
    values.push_back(value[row][c][seed]);
    of.push_back(group[c]);
  }
  return mean_of_groups(values, of);
}

const PaperTable* paper_of(const Study& study, const Part& part) {
  const auto found = std::ranges::find(study.papers, part.paper, &PaperTable::name);
  return part.paper.empty() || found == study.papers.end() ? nullptr : &*found;
}

double average_of(const PaperTable& paper, const PaperTable::Line& line, bool pairs) {
  const std::span<const double> values(line.values);
  const auto group = pairs ? groups_of(paper.pairs, paper.columns) : groups_of({}, paper.columns);
  return mean_of_groups(values.first(paper.columns.size()), group);
}

AverageRule rule_of(const PaperTable& paper) {
  // The columns are rounded to two digits, and so is the mean.
  constexpr double tolerance = 0.0101;
  AverageRule rule;
  if (paper.average.empty()) return rule;
  for (const auto& line : paper.lines) {
    rule.each += std::abs(average_of(paper, line, false) - line.values.back()) < tolerance ? 1 : 0;
    rule.paired += std::abs(average_of(paper, line, true) - line.values.back()) < tolerance ? 1 : 0;
  }
  return rule;
}

Grid grid(const Ready& ready, const Record& record, std::size_t at) {
  const Part& part = ready.parts[at].part;
  const std::size_t seeds = ready.study.seeds.size();
  Grid g;
  std::vector<std::string> met, titles;
  for (const Column& c : part.columns) titles.push_back(c.title);
  const PaperTable* const paper = paper_of(ready.study, part);
  const bool pairs = paper != nullptr && rule_of(*paper).pairs(*paper);
  g.group = pairs ? groups_of(paper->pairs, titles) : groups_of({}, titles);
  for (std::size_t c = 0; c < part.columns.size(); ++c) {
    const Entry* const entry = part.entry(part.columns[c].task);
    g.present.push_back(entry != nullptr && !entry->absent);
    if (!g.present.back() || std::ranges::find(met, entry->name) != met.end()) continue;
    met.push_back(entry->name);
    g.primary.push_back(c);
  }
  for (std::size_t r = 0; r < part.rows.size(); ++r) {
    auto& cells = g.cells.emplace_back();
    for (std::size_t e = 0; e < part.entries.size(); ++e)
      cells.push_back(part.entries[e].absent ? Cell{} : cell(ready, record, at, e, r));
    auto& row = g.value.emplace_back();
    for (std::size_t c = 0; c < part.columns.size(); ++c) {
      auto& values = row.emplace_back(seeds, none);
      if (!g.present[c]) continue;
      const auto e = static_cast<std::size_t>(part.entry(part.columns[c].task) - part.entries.data());
      for (std::size_t s = 0; s < cells[e].by_seed.size(); ++s)
        if (cells[e].by_seed[s] != nullptr) values[s] = value_of(part.columns[c], *cells[e].by_seed[s]);
    }
  }
  return g;
}

int Comparison::verdict() const {
  const auto side = [](const report::Interval& i) { return i.low > 0 ? 1 : i.high < 0 ? -1 : 0; };
  const int by_student = side(student);
  return differences.size() >= 8 && side(bootstrap) != by_student ? 0 : by_student;
}

std::string Comparison::to_text() const {
  if (differences.empty()) return "no pair";
  const bool several = differences.size() >= 2;
  const double largest =
      several ? std::max(std::abs(student.low), std::abs(student.high)) : std::abs(spread.mean);
  const int digits = largest < 1 ? 4 : 2;  // bits differ in the third digit, per cent before the first
  const std::string mean = "mean " + signed_number(spread.mean, digits);
  if (!several) return mean + ", n = 1";
  return message(mean, ", 95 % ", report::fixed(student.low, digits), " to ",
                 report::fixed(student.high, digits), ", n = ", differences.size());
}

Comparison compare(const Part& part, const Grid& g, std::size_t row, std::size_t against) {
  Comparison c;
  for (const std::size_t column : g.primary)
    for (std::size_t s = 0; s < g.value[row][column].size(); ++s) {
      const double d = g.value[row][column][s] - g.value[against][column][s];
      if (std::isfinite(d)) c.differences.push_back(part.columns[column].higher ? d : -d);
    }
  c.spread = report::spread(c.differences);
  c.student = report::student_interval(c.differences);
  if (c.differences.size() >= 8) c.bootstrap = report::bootstrap_interval(c.differences);
  return c;
}

std::string Section::picture() const {
  std::string name;
  for (const char c : html.heading) {
    if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'))
      name += c;
    else if (c >= 'A' && c <= 'Z')
      name += static_cast<char>(c - 'A' + 'a');
    else if (!name.empty() && name.back() != '-')
      name += '-';
  }
  if (name.ends_with('-')) name.pop_back();
  return "pictures/" + name + ".svg";
}

std::string markdown(const Study& study, const std::vector<Section>& sections, bool varying) {
  std::string out = message("# ", study.title, "\n\n", study.asks, "\n\nPreset `", study.preset, "`.\n");
  for (const Section& s : sections) {
    if (s.varies && !varying) continue;
    if (!s.html.table && s.html.paragraph.empty() && s.html.text.empty()) continue;
    if (!s.html.heading.empty()) out += "\n## " + s.html.heading + "\n";
    if (!s.html.paragraph.empty()) out += "\n" + s.html.paragraph + "\n";
    if (!s.html.svg.empty()) out += message("\n![", s.html.heading, "](", s.picture(), ")\n");
    if (s.html.table) out += "\n" + s.html.table->to_markdown();
    if (!s.html.text.empty()) out += "\n" + s.html.text + "\n";
  }
  return out;
}

std::string csv(const Ready& ready, const Record& record) {
  const auto quoted = [](const std::string& text) {
    if (text.find_first_of(",\"\n") == std::string::npos) return text;
    std::string out = "\"";
    for (const char c : text) (out += c == '"' ? "\"" : "") += c;
    return out + '"';
  };
  const auto number = [](double x) { return std::isfinite(x) ? report::significant(x, 9) : std::string(); };
  std::string out = "part,row,column,n,mean,deviation,rate,diverged,failed,trainable,kept\n";
  for (std::size_t p = 0; p < ready.parts.size(); ++p) {
    const Part& part = ready.parts[p].part;
    const Grid g = grid(ready, record, p);
    for (std::size_t r = 0; r < part.rows.size(); ++r)
      for (std::size_t c = 0; c < part.columns.size(); ++c) {
        if (!g.present[c]) continue;
        std::vector<double> finite;
        for (const double v : g.value[r][c])
          if (std::isfinite(v)) finite.push_back(v);
        const auto s = report::spread(finite);
        const Cell& cell =
            g.cells[r][static_cast<std::size_t>(part.entry(part.columns[c].task) - part.entries.data())];
        double trainable = 0, kept = 0, n = 0;
        for (const Done* d : cell.by_seed) {
          if (d == nullptr || !d->failed.empty()) continue;
          trainable += double(d->trainable);
          kept += double(d->kept);
          ++n;
        }
        out += message(quoted(part.name), ',', quoted(part.rows[r].name), ',', quoted(part.columns[c].title),
                       ',', s.n, ',', number(s.mean), ',', number(s.deviation), ',',
                       cell.chosen ? number(part.rates[*cell.chosen]) : "", ',', cell.diverged(), ',',
                       cell.failed(), ',', n > 0 ? number(trainable / n) : "", ',',
                       n > 0 ? number(kept / n) : "", '\n');
      }
  }
  return out;
}

}  // namespace lorica::studies
