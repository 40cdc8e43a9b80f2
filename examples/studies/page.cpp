// SPDX-License-Identifier: MIT
// The pictures of a study, and its page.
#include "results.hpp"

#include <lorica/report/format.hpp>
#include <lorica/report/line_chart.hpp>
#include <lorica/report/rank_map.hpp>
#include <lorica/report/site_map.hpp>

#include <limits>

namespace lorica::studies {

namespace {

double finite_mean(const std::vector<double>& values) {
  std::vector<double> finite;
  for (const double v : values)
    if (std::isfinite(v)) finite.push_back(v);
  return report::spread(finite).mean;
}

/// Every row's mean difference to the reference, by task.
void draw_differences(std::vector<Section>& all, const Part& part, const Grid& g) {
  const auto against = std::ranges::find(part.rows, part.against, &Row::name);
  if (against == part.rows.end() || g.primary.empty() || part.rows.size() < 2) return;
  const auto reference = static_cast<std::size_t>(against - part.rows.begin());
  report::HeatMap map;
  for (const std::size_t c : g.primary) map.column_labels.push_back(part.columns[c].title);
  bool any = false;
  for (std::size_t r = 0; r < part.rows.size(); ++r) {
    if (r == reference) continue;
    map.row_labels.push_back(part.rows[r].name);
    for (const std::size_t c : g.primary) {
      std::vector<double> differences;
      for (std::size_t s = 0; s < g.value[r][c].size(); ++s)
        differences.push_back((part.columns[c].higher ? 1 : -1) *
                              (g.value[r][c][s] - g.value[reference][c][s]));
      map.values.push_back(finite_mean(differences));
      any = any || std::isfinite(map.values.back());
    }
  }
  if (any)
    all.push_back({{.heading = message(part.title, ": differences to ", part.against, ", by task"),
                    .paragraph = "Mean over the seeds; brighter is better.",
                    .svg = report::to_svg(map)}});
}

/// Rows of one family as a curve over what they leave to train.
void draw_budgets(std::vector<Section>& all, const Part& part, const Grid& g) {
  report::LineChart chart{.x_label = "parameters of the adapters in the end", .series = {}};
  for (std::size_t r = 0; r < part.rows.size(); ++r) {
    const Row& row = part.rows[r];
    if (row.family.empty()) continue;
    std::vector<double> values, kept;
    for (std::size_t s = 0; !g.value[r].empty() && s < g.value[r].front().size(); ++s)
      values.push_back(g.average(r, s));
    for (const Cell& c : g.cells[r])
      for (const Done* d : c.by_seed)
        if (d != nullptr && d->failed.empty()) kept.push_back(double(d->kept));
    const double y = finite_mean(values), x = finite_mean(kept);
    if (!std::isfinite(x) || !std::isfinite(y)) continue;
    auto series = std::ranges::find(chart.series, row.family, &report::Series::name);
    if (series == chart.series.end())
      series = chart.series.insert(series, report::Series{.name = row.family});
    // Points in the order of their budgets, whatever the order of the rows.
    const auto at = std::ranges::upper_bound(series->x, x) - series->x.begin();
    series->x.insert(series->x.begin() + at, x);
    series->y.insert(series->y.begin() + at, y);
  }
  if (chart.series.empty()) return;
  all.push_back({{.heading = part.title + ": by budget",
                  .paragraph = "The mean over the columns and the seeds.",
                  .svg = report::to_svg(chart)}});
}

/// Where the rank went, of every method that moves it.
void draw_ranks(std::vector<Section>& all, const ReadyPart& ready, const Grid& g) {
  for (std::size_t r = 0; r < ready.part.rows.size(); ++r) {
    if (cli::method_named(ready.part.rows[r].choice.method).score == cli::Score::none) continue;
    adapt::SiteScores mean{ready.sites, std::vector<double>(ready.sites.size(), 0.0)};
    double n = 0;
    for (const Cell& c : g.cells[r])
      for (const Done* d : c.by_seed) {
        if (d == nullptr || d->ranks.size() != ready.sites.size()) continue;
        ++n;
        for (std::size_t i = 0; i < ready.sites.size(); ++i)
          mean.values[i] += double(d->ranks[static_cast<std::size_t>(ready.sites[i].ordinal)]);
      }
    if (n == 0) continue;
    for (double& v : mean.values) v /= n;
    auto map = report::site_map("", mean);
    map.scale = report::Scale::linear;
    all.push_back({{.heading = message(ready.part.title, ": ranks of ", ready.part.rows[r].name),
                    .paragraph = "In the end, the mean over tasks and seeds.",
                    .svg = report::to_svg(map)}});
  }
}

/// The losses of the first task under the first seed.
void draw_losses(std::vector<Section>& all, const ReadyPart& ready, const Grid& g, Seed seed) {
  for (std::size_t e = 0; e < ready.part.entries.size(); ++e) {
    report::LineChart chart{.x_label = "step", .y_label = "nats a target", .series = {}};
    for (std::size_t r = 0; r < ready.part.rows.size() && chart.series.size() < 12; ++r) {
      const Cell& c = g.cells[r][e];
      if (c.by_seed.empty() || c.by_seed[0] == nullptr || c.by_seed[0]->losses.empty()) continue;
      chart.series.push_back({ready.part.rows[r].name, c.by_seed[0]->losses});
    }
    if (chart.series.empty()) continue;
    all.push_back({{.heading = message(ready.part.title, ": losses on ", ready.part.entries[e].name),
                    .paragraph = message("At the chosen rates, under seed ", seed,
                                         ready.part.rows.size() > 12 ? "; the first twelve methods." : "."),
                    .svg = report::to_svg(chart),
                    .wide = true}});
    return;
  }
}

/// PAGE of a model on every task: the shares of the energy, the mean over the sets.
void draw_maps(std::vector<Section>& all, const ReadyMap& m, const Record& record) {
  for (std::size_t e = 0; e < m.maps.entries.size(); ++e) {
    adapt::SiteScores mean{m.sites, std::vector<double>(m.sites.size(), 0.0)};
    double n = 0;
    for (index_t set = 0; set < m.maps.sets; ++set) {
      const Heard* const h = record.heard(m.identity(e, set, readings().front().name));
      if (h == nullptr || h->values.size() != m.sites.size()) continue;
      double total = 0;
      for (const double v : h->values) total += v;
      if (!(total > 0)) continue;
      ++n;
      for (std::size_t i = 0; i < m.sites.size(); ++i) mean.values[i] += h->values[i] / total;
    }
    if (n == 0) continue;
    for (double& v : mean.values) v /= n;
    all.push_back({{.heading = message("PAGE of ", m.model, " on ", m.maps.entries[e].name),
                    .paragraph = "Shares of the energy, the mean over the sample sets.",
                    .svg = report::to_svg(report::site_map("", mean))}});
  }
}

}  // namespace

std::vector<Section> pictures(const Ready& ready, const Record& record) {
  std::vector<Section> all;
  for (std::size_t p = 0; p < ready.parts.size(); ++p) {
    const Grid g = grid(ready, record, p);
    draw_differences(all, ready.parts[p].part, g);
    draw_budgets(all, ready.parts[p].part, g);
    draw_ranks(all, ready.parts[p], g);
    draw_losses(all, ready.parts[p], g, ready.study.seeds.front());
  }
  for (const ReadyMap& m : ready.maps) draw_maps(all, m, record);
  return all;
}

report::HtmlPage page(const Ready& ready, const std::vector<Section>& sections, const Plan& plan) {
  report::HtmlPage out{.title = ready.study.title};
  std::string seeds;
  for (const Seed s : ready.study.seeds) seeds += (seeds.empty() ? "" : ", ") + std::to_string(s);
  out.facts = {{"asks", ready.study.asks},
               {"preset", ready.study.preset},
               {"seeds", seeds},
               {"runs", message(plan.done, " of ", plan.runs,
                                plan.done == plan.runs ? "" : ": not all are done yet")}};
  for (const ReadyPart& p : ready.parts)
    if (!p.backend.empty())
      out.facts.push_back({message(p.part.title, ", model"), message(p.model_identity, ", ", p.backend)});
  for (const Section& s : sections) out.sections.push_back(s.html);
  return out;
}

}  // namespace lorica::studies
