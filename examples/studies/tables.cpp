// SPDX-License-Identifier: MIT
// The tables of a study, and the sentences that they bear.
#include "results.hpp"

#include <lorica/report/format.hpp>
#include <lorica/report/stability.hpp>

#include <limits>
#include <map>

namespace lorica::studies {

namespace {

using report::Align;
using report::fixed;
using report::Table;

int digits(const Column& c) { return c.higher ? 2 : 4; }

/// "88.12 ± 0.31", and how many seeds where some are missing.
std::string with_spread(const std::vector<double>& values, int digits) {
  std::vector<double> finite;
  for (const double v : values)
    if (std::isfinite(v)) finite.push_back(v);
  if (finite.empty()) return "-";
  const auto s = report::spread(finite);
  std::string out = fixed(s.mean, digits);
  if (s.n > 1) out += " ± " + fixed(s.deviation, digits);
  if (s.n < values.size()) out += message(" (", s.n, " of ", values.size(), ')');
  return out;
}

/// Of the runs that count, of all tasks.
template <class F> double mean_of(const std::vector<Cell>& cells, F number) {
  double sum = 0, n = 0;
  for (const Cell& c : cells)
    for (const Done* d : c.by_seed)
      if (d != nullptr && d->failed.empty()) {
        sum += double(number(*d));
        ++n;
      }
  return n > 0 ? sum / n : std::numeric_limits<double>::quiet_NaN();
}
std::string count(double n) { return std::isfinite(n) ? fixed(n, 0) : "-"; }

Section results(const Ready& ready, const Part& part, const Grid& g) {
  std::vector<report::Column> columns = {{"method"}, {"trainable", Align::right}, {"left", Align::right}};
  std::string lower;
  for (const Column& c : part.columns) {
    columns.push_back({c.title, Align::right});
    if (!c.higher) (lower += lower.empty() ? "" : ", ") += c.title;
  }
  const PaperTable* const paper = paper_of(ready.study, part);
  const std::string average = paper != nullptr && !paper->average.empty() ? paper->average : "average";
  if (part.average) columns.push_back({average, Align::right});
  Table table(columns);
  const std::size_t seeds = ready.study.seeds.size();
  bool partial = false;
  for (std::size_t r = 0; r < part.rows.size(); ++r) {
    std::vector<std::string> cells = {part.rows[r].name,
                                      count(mean_of(g.cells[r], [](const Done& d) { return d.trainable; })),
                                      count(mean_of(g.cells[r], [](const Done& d) { return d.kept; }))};
    for (std::size_t c = 0; c < part.columns.size(); ++c) {
      cells.push_back(g.present[c] ? with_spread(g.value[r][c], digits(part.columns[c])) : "n/a");
      partial = partial || !g.present[c];
    }
    if (part.average) {
      std::vector<double> means;
      for (std::size_t s = 0; s < seeds; ++s) means.push_back(g.average(r, s));
      cells.push_back(with_spread(means, 2));
    }
    table.add(cells);
  }
  std::string source;
  if (paper != nullptr) {
    source = message(" Rows that begin with 'paper' are the numbers of ", paper->source, ".");
    for (const auto& line : paper->lines) {
      std::vector<std::string> cells = {"paper: " + line.name, "", ""};
      for (const Column& c : part.columns) {
        const auto at = std::ranges::find(paper->columns, c.title);
        cells.push_back(at == paper->columns.end()
                            ? ""
                            : fixed(line.values[static_cast<std::size_t>(at - paper->columns.begin())], 2));
      }
      if (part.average) cells.push_back(paper->average.empty() ? "" : fixed(line.values.back(), 2));
      table.add(cells);
    }
  }
  return {
      {.heading = part.title,
       .paragraph = message(
           "Frozen model '", part.model, "', what is held out; mean ± standard deviation over ", seeds,
           seeds == 1 ? " seed" : " seeds", lower.empty() ? "" : "; lower is better of " + lower,
           ". trainable: parameters of the adapters at the start, left: at the end, without the head.",
           partial ? " n/a: the data is not at hand; an average is of the columns that are." : "", source),
       .table = table}};
}

Section differences(const Part& part, const Grid& g) {
  const auto against =
      static_cast<std::size_t>(std::ranges::find(part.rows, part.against, &Row::name) - part.rows.begin());
  Table table({{"method"},
               {"pairs", Align::right},
               {"mean difference", Align::right},
               {"Student, 95 %", Align::right},
               {"bootstrap, 95 %", Align::right},
               {"which shows"}});
  index_t compared = 0;
  for (std::size_t r = 0; r < part.rows.size(); ++r) {
    if (r == against) continue;
    const Comparison c = compare(part, g, r, against);
    ++compared;
    const auto interval = [](const report::Interval& i) {
      return std::isfinite(i.low) ? fixed(i.low, 3) + " to " + fixed(i.high, 3) : std::string("-");
    };
    table.add({part.rows[r].name, std::to_string(c.differences.size()),
               std::isfinite(c.spread.mean) ? (c.spread.mean >= 0 ? "+" : "") + fixed(c.spread.mean, 3) : "-",
               interval(c.student), interval(c.bootstrap),
               c.differences.size() < 2 ? "too few pairs"
               : c.verdict() > 0        ? "better"
               : c.verdict() < 0        ? "worse"
                                        : "no difference"});
  }
  std::string tasks;
  for (const std::size_t c : g.primary) (tasks += tasks.empty() ? "" : ", ") += part.columns[c].title;
  return {{.heading = message(part.title, ": differences to ", part.against),
           .paragraph = message(
               "Paired over (task, seed), positive where the method is better than ", part.against,
               "; a task counts once: ", tasks,
               ". A difference shows where Student's interval, and of 8 pairs or more the bootstrap's "
               "as well, leaves 0 out. Of ",
               compared,
               " comparisons at 95 % one in twenty shows where there is nothing. Pairs of one task "
               "share its data: they speak of these tasks, not of others."),
           .table = table}};
}

/// A rate of the grid, with a star where it is the smallest or the largest of several.
std::string starred(const std::vector<double>& grid, double rate) {
  const auto [least, most] = std::ranges::minmax(grid);
  return report::significant(rate) + (least < most && (rate == least || rate == most) ? "*" : "");
}

Section rates(const Study& study, const Part& part, const Grid& g) {
  std::vector<report::Column> columns = {{"method"}};
  for (const Entry& e : part.entries)
    if (!e.absent) columns.push_back({e.name, Align::right});
  for (const char* title : {"diverged", "failed", "of runs"}) columns.push_back({title, Align::right});
  Table table(columns);
  std::string reasons;
  for (std::size_t r = 0; r < part.rows.size(); ++r) {
    std::vector<std::string> cells = {part.rows[r].name};
    index_t diverged = 0, failed = 0, runs = 0;
    for (std::size_t e = 0; e < part.entries.size(); ++e) {
      if (part.entries[e].absent) continue;
      const Cell& c = g.cells[r][e];
      cells.push_back(c.chosen ? starred(part.rates, part.rates[*c.chosen]) : c.all_rates() ? "none" : "-");
      diverged += c.diverged();
      failed += c.failed();
      runs += c.made();
      const auto reason = [&](const Done* d) {
        if (d != nullptr && !d->failed.empty())
          reasons += message(part.rows[r].name, ", ", d->task, ", rate ", report::significant(d->rate),
                             ", seed ", d->seed, ": ", d->failed, '\n');
      };
      for (const Done* d : c.by_rate) reason(d);
      for (std::size_t s = 1; s < c.by_seed.size(); ++s) reason(c.by_seed[s]);
    }
    cells.insert(cells.end(), {std::to_string(diverged), std::to_string(failed), std::to_string(runs)});
    table.add(cells);
  }
  std::string grid;
  for (const double rate : part.rates) (grid += grid.empty() ? "" : ", ") += report::significant(rate);
  return {{.heading = part.title + ": learning rates",
           .paragraph = message("Of ", grid,
                                ", the one with the least loss on every tenth sample of the training part, "
                                "under seed ",
                                study.seeds.front(),
                                "; no run learns from those samples. A star: an end of the grid, beyond "
                                "which a better one may lie."),
           .table = table,
           .text = reasons}};
}

bool moves(const Row& row) { return cli::method_named(row.choice.method).score != cli::Score::none; }

/// Mean rank in the end, by site.
std::vector<double> mean_ranks(const std::vector<Cell>& cells, std::size_t sites) {
  std::vector<double> sum(sites, 0);
  double n = 0;
  for (const Cell& c : cells)
    for (const Done* d : c.by_seed) {
      if (d == nullptr || d->ranks.size() != sites) continue;
      for (std::size_t i = 0; i < sites; ++i) sum[i] += double(d->ranks[i]);
      ++n;
    }
  for (double& x : sum) x /= std::max(n, 1.0);
  return n > 0 ? sum : std::vector<double>();
}

/// Where the rank went, by role and by depth.
std::optional<Section> ranks(const ReadyPart& ready, const Grid& g) {
  const Part& part = ready.part;
  if (std::ranges::none_of(part.rows, moves)) return {};
  std::map<int, index_t> of_role;
  index_t layers = 0;
  for (const SiteInfo& s : ready.sites) {
    ++of_role[static_cast<int>(s.role)];
    layers = std::max(layers, s.layer + 1);
  }
  std::vector<report::Column> columns = {{"method"}};
  for (const auto& [role, n] : of_role) columns.push_back({name_of(static_cast<Role>(role)), Align::right});
  for (const char* title : {"lower layers", "middle", "upper", "without any"})
    columns.push_back({title, Align::right});
  Table table(columns);
  for (std::size_t r = 0; r < part.rows.size(); ++r) {
    if (!moves(part.rows[r])) continue;
    const auto mean = mean_ranks(g.cells[r], ready.sites.size());
    if (mean.empty()) continue;
    std::map<int, double> sum;
    double third[3] = {}, in_third[3] = {};
    index_t bare = 0;
    for (std::size_t i = 0; i < mean.size(); ++i) {
      const SiteInfo& s = ready.sites[i];
      const double rank = mean[static_cast<std::size_t>(s.ordinal)];
      sum[static_cast<int>(s.role)] += rank;
      const auto t = static_cast<std::size_t>(3 * s.layer / layers);
      third[t] += rank;
      ++in_third[t];
      bare += rank == 0 ? 1 : 0;
    }
    std::vector<std::string> cells = {part.rows[r].name};
    for (const auto& [role, n] : of_role) cells.push_back(fixed(sum[role] / double(n), 2));
    for (std::size_t t = 0; t < 3; ++t)
      cells.push_back(in_third[t] > 0 ? fixed(third[t] / in_third[t], 2) : "-");
    cells.push_back(std::to_string(bare));
    table.add(cells);
  }
  return Section{
      {.heading = part.title + ": where the rank went",
       .paragraph = "The mean rank that a site has in the end, by role and by thirds of the layers, over all "
                    "tasks and seeds; without any: sites that no run left a direction.",
       .table = table}};
}

/// Where adapters stand that do not stand everywhere.
std::optional<Section> places(const ReadyPart& ready, const Grid& g) {
  Table table({{"method"}, {"sites", Align::right}, {"where"}});
  bool any = false;
  for (std::size_t r = 0; r < ready.part.rows.size(); ++r) {
    if (moves(ready.part.rows[r])) continue;
    std::map<std::string, index_t> times;
    double runs = 0;
    for (const Cell& c : g.cells[r])
      for (const Done* d : c.by_seed) {
        if (d == nullptr || d->ranks.size() != ready.sites.size()) continue;
        ++runs;
        for (const SiteInfo& s : ready.sites)
          if (d->ranks[static_cast<std::size_t>(s.ordinal)] > 0) ++times[s.path];
      }
    if (runs == 0 || times.size() == ready.sites.size()) continue;
    any = true;
    double sites = 0;
    std::string where;
    for (const auto& [path, n] : times) {
      sites += double(n);
      if (times.size() <= 6) where += message(where.empty() ? "" : ", ", path, " in ", n, " of ", runs);
    }
    table.add({ready.part.rows[r].name, fixed(sites / runs, 1),
               times.size() <= 6 ? where : message(times.size(), " different sites")});
  }
  if (!any) return {};
  return Section{
      {.heading = ready.part.title + ": where the adapters stand",
       .paragraph = "Of methods that do not adapt every site: how many they adapt a run, and which.",
       .table = table}};
}

/// What a cut does to the loss: the step of the loss after it, beside the same step of the same batches in
/// the reference row, which cuts nothing.
std::optional<Section> spikes(const Part& part, const Grid& g) {
  const auto against = std::ranges::find(part.rows, part.against, &Row::name);
  if (against == part.rows.end() || moves(*against)) return {};
  const auto reference = static_cast<std::size_t>(against - part.rows.begin());
  Table table({{"method"},
               {"cuts a run", Align::right},
               {"rise of the loss after a cut", Align::right},
               {"Student, 95 %", Align::right},
               {"runs", Align::right}});
  bool any = false;
  for (std::size_t r = 0; r < part.rows.size(); ++r) {
    if (!moves(part.rows[r])) continue;
    std::vector<double> rises;
    double cuts = 0;
    for (std::size_t e = 0; e < part.entries.size(); ++e)
      for (std::size_t s = 0;
           s < std::min(g.cells[r][e].by_seed.size(), g.cells[reference][e].by_seed.size()); ++s) {
        const Done *d = g.cells[r][e].by_seed[s], *other = g.cells[reference][e].by_seed[s];
        if (d == nullptr || other == nullptr || d->losses.size() != other->losses.size()) continue;
        double sum = 0, n = 0;
        for (const index_t cut : d->cuts) {
          const auto t = static_cast<std::size_t>(cut);
          if (t + 1 >= d->losses.size()) continue;
          sum += (d->losses[t + 1] - d->losses[t]) - (other->losses[t + 1] - other->losses[t]);
          ++n;
        }
        if (n == 0) continue;
        rises.push_back(sum / n);
        cuts += n;
      }
    if (rises.empty()) continue;
    any = true;
    const auto i = report::student_interval(rises);
    table.add({part.rows[r].name, fixed(cuts / double(rises.size()), 1),
               report::significant(report::spread(rises).mean),
               std::isfinite(i.low) ? message(report::significant(i.low), " to ", report::significant(i.high))
                                    : "-",
               std::to_string(rises.size())});
  }
  if (!any) return {};
  return Section{{.heading = part.title + ": loss after cuts",
                  .paragraph = message(
                      "From the step before a cut to the step after it, in nats a target, less what the "
                      "loss of ",
                      part.against,
                      " did between the same two batches; the mean over the cuts of a run, then over "
                      "runs. A spike is an interval above 0."),
                  .table = table}};
}

Section costs(const Part& part, const Grid& g) {
  Table table({{"method"},
               {"ms a step", Align::right},
               {"tokens a second", Align::right},
               {"peak memory", Align::right},
               {"seconds in all", Align::right}});
  for (std::size_t r = 0; r < part.rows.size(); ++r) {
    double seconds = 0, steps = 0, tokens = 0, all = 0;
    std::size_t peak = 0;
    for (const Cell& c : g.cells[r]) {
      const auto add = [&](const Done* d) {
        if (d == nullptr) return;
        seconds += d->seconds;
        steps += double(d->losses.size());
        tokens += double(d->tokens);
        all += d->seconds + d->measuring;
        peak = std::max(peak, d->peak);
      };
      for (const Done* d : c.by_rate) add(d);
      for (std::size_t s = 1; s < c.by_seed.size(); ++s) add(c.by_seed[s]);
    }
    if (steps == 0) continue;
    table.add({part.rows[r].name, fixed(1000 * seconds / steps, 1),
               report::human_count(tokens / std::max(seconds, 1e-9)),
               peak > 0 ? report::human_bytes(double(peak)) : "-", fixed(all, 1)});
  }
  return {
      {.heading = part.title + ": what it cost",
       .paragraph =
           "Over all runs, those that chose the learning rate included. Peak: what a step took beyond the "
           "frozen model.",
       .table = table},
      true};
}

/// Which rule makes a paper's column of averages out of its other columns.
Section averages(const PaperTable& paper) {
  Table table({{"row"},
               {paper.average, Align::right},
               {"each column once", Align::right},
               {"pairs as one", Align::right}});
  for (const auto& line : paper.lines)
    table.add({line.name, fixed(line.values.back(), 2), fixed(average_of(paper, line, false), 3),
               fixed(average_of(paper, line, true), 3)});
  const std::size_t n = paper.lines.size();
  const AverageRule rule = rule_of(paper);
  const std::string said =
      rule.pairs(paper)
          ? "The mean that first makes one number of each pair reproduces all of them: that is its rule, and ours here."
      : rule.each == n ? "The mean over every column reproduces all of them: that is its rule, and ours here."
                       : "Neither rule reproduces all of them; ours here is the mean over every column.";
  return {{.heading = message("How '", paper.average, "' is made in ", paper.source),
           .paragraph =
               message(said, " (", rule.each, " and ", rule.paired, " of ", n, " rows within rounding.)"),
           .table = table}};
}

std::optional<Section> findings(const Ready& ready, const std::vector<Grid>& grids) {
  std::string text;
  for (const Finding& f : ready.study.findings)
    for (std::size_t p = 0; p < ready.parts.size(); ++p) {
      const Part& part = ready.parts[p].part;
      const auto row = std::ranges::find(part.rows, f.row, &Row::name),
                 against = std::ranges::find(part.rows, f.against, &Row::name);
      if (part.name != f.part || row == part.rows.end() || against == part.rows.end()) continue;
      const Comparison c = compare(part, grids[p], static_cast<std::size_t>(row - part.rows.begin()),
                                   static_cast<std::size_t>(against - part.rows.begin()));
      text += message("- ", f.claim, " (", part.title, ", ", f.row, " against ", f.against, "): ",
                      c.differences.size() < 2 ? "too few pairs to say"
                      : c.verdict() > 0        ? "shows here"
                      : c.verdict() < 0        ? "does not show here: the opposite does"
                                               : "does not show here",
                      "; ", c.to_text(), ".\n");
    }
  for (std::size_t p = 0; p < ready.parts.size(); ++p) {
    // Whether the site that PAGE names is the best of all down-projections.
    const Part& part = ready.parts[p].part;
    const auto against = std::ranges::find(part.rows, part.against, &Row::name);
    if (against == part.rows.end()) continue;
    std::size_t others = 0, better = 0;
    for (std::size_t r = 0; r < part.rows.size(); ++r) {
      if (part.rows[r].at != At::each_down) continue;
      const auto c = compare(part, grids[p], r, static_cast<std::size_t>(against - part.rows.begin()));
      if (c.differences.empty()) continue;
      ++others;
      better += c.spread.mean > 0 ? 1 : 0;
    }
    if (others > 0)
      text += message("- Of ", others, " single down-projections (", part.title, ") ", better,
                      " do better on the mean than ", part.against, ".\n");
  }
  if (text.empty()) return {};
  return Section{{.heading = "What shows here of the paper's findings", .text = text}};
}

/// Sums to one: what shares of the energy the sites have.
adapt::SiteScores shares(const std::vector<SiteInfo>& sites, const std::vector<double>& values) {
  double total = 0;
  for (const double v : values) total += v;
  adapt::SiteScores s{sites, values};
  for (double& v : s.values) v /= std::max(total, std::numeric_limits<double>::min());
  return s;
}

void add_maps(std::vector<Section>& all, const ReadyMap& m, const Record& record) {
  std::vector<adapt::SiteScores> runs, read;
  std::vector<std::string> names, read_names;
  for (std::size_t e = 0; e < m.maps.entries.size(); ++e)
    for_each_probe(m.maps, [&](index_t set, const Reading& r) {
      const Heard* const h = record.heard(m.identity(e, set, r.name));
      if (h == nullptr || h->values.size() != m.sites.size()) return;
      if (&r == readings().data()) {
        runs.push_back(shares(m.sites, h->values));
        names.push_back(message(h->task, ", set ", set + 1));
      }
      if (set == 0) {
        read.push_back(shares(m.sites, h->values));
        read_names.push_back(message(h->task, ", ", h->reading));
      }
    });
  if (runs.empty()) return;
  const auto s = adapt::stability(runs);
  const SiteInfo& usual = s.sites[s.usual];
  index_t layers = 0;
  for (const SiteInfo& site : s.sites) layers = std::max(layers, site.layer + 1);
  double share = 0, concentration = 0;
  for (const auto& run : runs) share += run.values[s.usual] / double(runs.size());
  for (const double x : s.gini) concentration += x / double(s.gini.size());
  const bool down = usual.role == Role::down, shallow = 2 * usual.layer < layers;
  const bool most = share > 0.5;
  all.push_back(
      {{.heading = message("PAGE of ", m.model),
        .paragraph = message(
            report::stability_line(s), ". It holds ", fixed(100 * share, 1), " % of the energy on the mean (",
            s.sites.size(), " sites: an even share is ", fixed(100.0 / double(s.sites.size()), 1),
            " %), Gini ", fixed(concentration, 2),
            ". The paper finds the energy concentrated on one shallow down-projection whatever the task: ",
            most && down && shallow && s.usual_share == 1 ? "so it is here" : "here that does not show",
            " (it is ", down ? "a down-projection" : message("no down-projection but ", name_of(usual.role)),
            ", in layer ", usual.layer + 1, " of ", layers, ", with ", most ? "more" : "less",
            " than half of the energy, ", s.usual_share == 1 ? "in every run" : "not in every run", ")."),
        .table = report::stability_table(s, names)}});
  if (read.size() > 1) {
    const auto by_reading = adapt::stability(read);
    all.push_back({{.heading = message("PAGE of ", m.model, ", by reading"),
                    .paragraph = report::stability_line(by_reading) + ".",
                    .table = report::stability_table(by_reading, read_names)}});
  }
}

}  // namespace

std::vector<Section> tables(const Ready& ready, const Record& record) {
  std::vector<Section> all;
  std::vector<Grid> grids;
  for (std::size_t p = 0; p < ready.parts.size(); ++p) grids.push_back(grid(ready, record, p));
  if (auto s = findings(ready, grids)) all.push_back(std::move(*s));
  for (std::size_t p = 0; p < ready.parts.size(); ++p) {
    const Part& part = ready.parts[p].part;
    const Grid& g = grids[p];
    all.push_back(results(ready, part, g));
    if (!part.against.empty() && part.rows.size() > 1) all.push_back(differences(part, g));
    all.push_back(rates(ready.study, part, g));
    if (auto s = places(ready.parts[p], g)) all.push_back(std::move(*s));
    if (auto s = ranks(ready.parts[p], g)) all.push_back(std::move(*s));
    if (auto s = spikes(part, g)) all.push_back(std::move(*s));
    all.push_back(costs(part, g));
  }
  for (const ReadyMap& m : ready.maps) add_maps(all, m, record);
  for (const PaperTable& paper : ready.study.papers)
    if (!paper.average.empty()) all.push_back(averages(paper));
  return all;
}

}  // namespace lorica::studies
