// SPDX-License-Identifier: MIT
// What is run next. The order is the description's; what waits for other runs, such as the seeds of a rate
// that is not chosen yet, waits.
#pragma once

#include "plan.hpp"

#include <condition_variable>
#include <mutex>

namespace lorica::studies {

/// One run, or one probe of a map.
struct Job {
  std::string identity;
  std::size_t at = 0, entry = 0;  // of the study's parts, or of its maps, and of their tasks
  // of a run
  std::size_t row = 0;
  double rate = 0;
  Seed seed = 0;
  double seconds = 0;  // as estimated when the schedule was made
  // of a probe
  const Reading* reading = nullptr;
  index_t set = 0;
  [[nodiscard]] bool probes() const { return reading != nullptr; }
};

/// Hands out jobs to threads and takes what they found. One model is open at a time: a job on another one
/// waits until the last on this is done.
class Schedule {
 public:
  /// At most so many; 0 is all.
  Schedule(const Ready& ready, Record& record, index_t at_most);

  /// The next one, waiting for it where it follows from what runs; nothing: there is none, or it was stopped.
  std::optional<Job> next();
  /// The job's end, recorded.
  template <class Found> void done(const Job& job, Found found) {
    const std::lock_guard lock(mutex_);
    record_.add(job.identity, std::move(found));
    end(job);
  }
  /// The job's end without a result: nothing else begins.
  void give_up(const Job& job) {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
    end(job);
  }
  [[nodiscard]] const std::string& model_of(const Job& job) const;

 private:
  /// The first job that is neither done nor under way.
  [[nodiscard]] std::optional<Job> first() const;
  [[nodiscard]] bool free(const std::string& identity) const {
    return record_.done(identity) == nullptr && record_.heard(identity) == nullptr &&
           !record_.failed(identity) && !std::ranges::count(under_way_, identity);
  }
  void end(const Job& job) {
    std::erase(under_way_, job.identity);
    changed_.notify_all();
  }

  const Ready& ready_;
  Record& record_;
  index_t at_most_, handed_out_ = 0;
  bool stopped_ = false;
  std::vector<std::vector<double>> seconds_;  // of a run, by part and task
  std::vector<std::string> under_way_;
  std::string model_;
  std::mutex mutex_;
  std::condition_variable changed_;
};

}  // namespace lorica::studies
