// SPDX-License-Identifier: MIT
#include "plan.hpp"

#include <lorica/report/format.hpp>

namespace lorica::studies {

namespace {
template <class F> void for_each_run(const Cell& c, F f) {
  for (const Done* d : c.by_rate)
    if (d != nullptr) f(*d);
  for (std::size_t s = 1; s < c.by_seed.size(); ++s)  // the first is among the rates
    if (c.by_seed[s] != nullptr) f(*c.by_seed[s]);
}
}  // namespace

bool Cell::all_rates() const {
  return std::ranges::none_of(by_rate, [](const Done* d) { return d == nullptr; });
}
bool Cell::complete() const {
  return all_rates() && std::ranges::none_of(by_seed, [](const Done* d) { return d == nullptr; });
}
index_t Cell::made() const {
  index_t n = 0;
  for_each_run(*this, [&](const Done&) { ++n; });
  return n;
}
index_t Cell::diverged() const {
  index_t n = 0;
  for_each_run(*this, [&](const Done& d) { n += d.diverged ? 1 : 0; });
  return n;
}
index_t Cell::failed() const {
  index_t n = 0;
  for_each_run(*this, [&](const Done& d) { n += !d.failed.empty() && !d.diverged ? 1 : 0; });
  return n;
}
index_t Cell::left(const Study& study) const {
  index_t n = 0;
  for (const Done* d : by_rate) n += d == nullptr ? 1 : 0;
  if (!all_rates()) return n + static_cast<index_t>(study.seeds.size()) - 1;
  for (const Done* d : by_seed) n += d == nullptr ? 1 : 0;
  return n;
}

Cell cell(const Ready& ready, const Record& record, std::size_t part, std::size_t entry, std::size_t row) {
  const ReadyPart& p = ready.parts[part];
  Cell c;
  for (const double rate : p.part.rates)
    c.by_rate.push_back(record.done(p.identity(entry, row, rate, ready.study.seeds.front())));
  if (!c.all_rates()) return c;
  for (std::size_t i = 0; i < c.by_rate.size(); ++i)
    if (c.by_rate[i]->failed.empty() &&
        (!c.chosen || c.by_rate[i]->validation < c.by_rate[*c.chosen]->validation))
      c.chosen = i;
  if (c.chosen)
    for (const Seed seed : ready.study.seeds)
      c.by_seed.push_back(record.done(p.identity(entry, row, p.part.rates[*c.chosen], seed)));
  return c;
}

std::span<const Reading> readings() {
  static constexpr Reading all[] = {
      {"per sample, sampled", adapt::Reading::per_sample, adapt::Form::sampled},
      {"per sample, closed form", adapt::Reading::per_sample, adapt::Form::closed},
      {"mean gradient, sampled", adapt::Reading::mean_gradient, adapt::Form::sampled},
  };
  return all;
}

double seconds_a_run(const Ready& ready, const Record& record, std::size_t part, std::size_t entry) {
  const ReadyPart& p = ready.parts[part];
  double seconds = 0, n = 0;
  for (std::size_t r = 0; r < p.part.rows.size(); ++r)
    for_each_run(cell(ready, record, part, entry, r), [&](const Done& d) {
      seconds += d.seconds + d.measuring;
      ++n;
    });
  return n > 0 ? seconds / n : p.entries[entry].seconds;
}

Plan plan(const Ready& ready, const Record& record) {
  using report::Align;
  Plan all{.table = report::Table({{"part"},
                                   {"model"},
                                   {"task"},
                                   {"samples", Align::right},
                                   {"steps", Align::right},
                                   {"tokens a run", Align::right},
                                   {"methods", Align::right},
                                   {"runs", Align::right},
                                   {"done", Align::right},
                                   {"a run", Align::right},
                                   {"left", Align::right}})};
  for (std::size_t p = 0; p < ready.parts.size(); ++p) {
    const ReadyPart& part = ready.parts[p];
    for (std::size_t e = 0; e < part.part.entries.size(); ++e) {
      if (part.part.entries[e].absent) {
        all.table.add({part.part.name, part.part.model, part.part.entries[e].name, "no data", "", "", "", "",
                       "", "", ""});
        continue;
      }
      index_t left = 0, made = 0;
      for (std::size_t r = 0; r < part.part.rows.size(); ++r) {
        const Cell c = cell(ready, record, p, e, r);
        left += c.left(ready.study);
        made += c.made();
      }
      const index_t runs = left + made;
      const double a_run = seconds_a_run(ready, record, p, e), seconds = a_run * double(left);
      const ReadyEntry& found = part.entries[e];
      all.table.add({part.part.name, part.part.model, part.part.entries[e].name,
                     std::to_string(found.samples), std::to_string(found.steps),
                     report::human_count(found.learned), std::to_string(part.part.rows.size()),
                     std::to_string(runs), std::to_string(made), report::human_duration(a_run),
                     report::human_duration(seconds)});
      all.runs += runs;
      all.done += made;
      all.seconds += seconds;
    }
  }
  for (const ReadyMap& m : ready.maps) {
    index_t probes = 0, done = 0;
    for (std::size_t e = 0; e < m.maps.entries.size(); ++e) {
      if (m.maps.entries[e].absent) continue;
      for_each_probe(m.maps, [&](index_t set, const Reading& r) {
        ++probes;
        done += record.heard(m.identity(e, set, r.name)) != nullptr ? 1 : 0;
      });
    }
    all.table.add({m.maps.name, m.model, "PAGE", std::to_string(m.maps.samples), "", "", "",
                   std::to_string(probes), std::to_string(done), "", ""});
    all.runs += probes;
    all.done += done;
  }
  return all;
}

}  // namespace lorica::studies
