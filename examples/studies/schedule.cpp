// SPDX-License-Identifier: MIT
#include "schedule.hpp"

#include "commands.hpp"

namespace lorica::studies {

Schedule::Schedule(const Ready& ready, Record& record, index_t at_most)
    : ready_(ready), record_(record), at_most_(at_most), seconds_(ready.parts.size()) {
  for (std::size_t p = 0; p < ready.parts.size(); ++p)
    for (std::size_t e = 0; e < ready.parts[p].part.entries.size(); ++e)
      seconds_[p].push_back(seconds_a_run(ready, record, p, e));
}

const std::string& Schedule::model_of(const Job& job) const {
  return job.probes() ? ready_.maps[job.at].model : ready_.parts[job.at].part.model;
}

std::optional<Job> Schedule::first() const {
  for (std::size_t p = 0; p < ready_.parts.size(); ++p) {
    const ReadyPart& part = ready_.parts[p];
    for (std::size_t e = 0; e < part.part.entries.size(); ++e) {
      if (part.part.entries[e].absent) continue;
      for (std::size_t r = 0; r < part.part.rows.size(); ++r) {
        const auto free_run = [&](double rate, Seed seed) -> std::optional<Job> {
          std::string identity = part.identity(e, r, rate, seed);
          if (!free(identity)) return {};
          return Job{.identity = std::move(identity),
                     .at = p,
                     .entry = e,
                     .row = r,
                     .rate = rate,
                     .seed = seed,
                     .seconds = seconds_[p][e]};
        };
        for (const double rate : part.part.rates)
          if (auto job = free_run(rate, ready_.study.seeds.front())) return job;
        const auto chosen = cell(ready_, record_, p, e, r).chosen;
        if (!chosen) continue;  // not yet; or no rate went well, and there is nothing to repeat
        for (const Seed seed : ready_.study.seeds)
          if (auto job = free_run(part.part.rates[*chosen], seed)) return job;
      }
    }
  }
  for (std::size_t m = 0; m < ready_.maps.size(); ++m) {
    const ReadyMap& map = ready_.maps[m];
    for (std::size_t e = 0; e < map.maps.entries.size(); ++e) {
      if (map.maps.entries[e].absent) continue;
      std::optional<Job> found;
      for_each_probe(map.maps, [&](index_t set, const Reading& reading) {
        if (found) return;
        std::string identity = map.identity(e, set, reading.name);
        if (free(identity))
          found = Job{.identity = std::move(identity), .at = m, .entry = e, .reading = &reading, .set = set};
      });
      if (found) return found;
    }
  }
  return {};
}

std::optional<Job> Schedule::next() {
  std::unique_lock lock(mutex_);
  for (;;) {
    if (stopped_ || cli::interrupted() || (at_most_ > 0 && handed_out_ == at_most_)) return {};
    auto job = first();
    if (job && (under_way_.empty() || model_ == model_of(*job))) {
      model_ = model_of(*job);
      under_way_.push_back(job->identity);
      ++handed_out_;
      return job;
    }
    if (under_way_.empty()) return {};
    changed_.wait(lock);
  }
}

}  // namespace lorica::studies
