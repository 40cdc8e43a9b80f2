// SPDX-License-Identifier: MIT
#include "execute.hpp"

#include "commands.hpp"
#include "schedule.hpp"

#include <lorica/cpu/parallel.hpp>
#include <lorica/report/format.hpp>
#include <lorica/report/progress.hpp>

#include <thread>

namespace lorica::studies {

namespace {

double since(double start) { return report::steady_seconds() - start; }

/// One bar over all runs, in seconds of estimated work, whoever does it. It tells of the run that began last.
class Bar {
 public:
  Bar(index_t runs, index_t done, double seconds)
      : runs_(runs), begun_(done), progress_({.total = whole(seconds), .label = "starting", .memory = 120}) {}

  /// A run under way, as the bar sees it.
  class Part {
   public:
    Part(Bar& bar, const std::string& name, double seconds) : bar_(&bar), seconds_(seconds) {
      const std::lock_guard lock(bar.mutex_);
      number_ = ++bar.begun_;
      bar.progress_.label(message("run ", number_, " of ", bar.runs_, ": ", name));
    }
    Part(const Part&) = delete;
    Part& operator=(const Part&) = delete;
    ~Part() { reach(1, {}); }
    void step(const train::StepInfo& s) {
      reach(0.95 * double(s.step + 1) / double(s.steps), {.loss = s.loss, .tokens = s.tokens});
    }

   private:
    void reach(double part, report::ProgressStep now) {
      const std::lock_guard lock(bar_->mutex_);
      bar_->spent_ += (part - reached_) * seconds_;
      reached_ = part;
      now.step = whole(bar_->spent_);
      if (number_ != bar_->begun_) now.loss = std::numeric_limits<double>::quiet_NaN();
      bar_->progress_.update(now);
    }
    Bar* bar_;
    double seconds_, reached_ = 0;
    index_t number_;
  };

 private:
  static index_t whole(double seconds) { return static_cast<index_t>(seconds); }
  std::mutex mutex_;
  index_t runs_, begun_;
  report::Progress progress_;
  double spent_ = 0;
};

/// What a cut left, in parameters: a direction is a row of A and a column of B, a triplet has its lambda too.
index_t parameters_of(const std::vector<index_t>& ranks, std::span<const SiteInfo> sites,
                      cli::Adapter adapter) {
  index_t n = 0;
  for (const SiteInfo& s : sites)
    n += ranks[static_cast<std::size_t>(s.ordinal)] * (s.in + s.out + (adapter == cli::Adapter::svd ? 1 : 0));
  return n;
}

/// A task and its samples: read by the first who needs them, shared by all who compute with them.
struct Read {
  std::unique_ptr<const cli::Task> task;
  Split data;
};

/// Nothing where the user asked to stop.
std::optional<Done> run(cli::Model& model, const Read& read, const ReadyPart& ready, const Job& job,
                        Bar::Part& bar) {
  const Entry& e = ready.part.entries[job.entry];
  const Row& row = ready.part.rows[job.row];
  const auto& [task, data] = read;
  Done d{.part = ready.part.name, .task = e.name, .row = row.name, .rate = job.rate, .seed = job.seed};
  d.head = ready.entries[job.entry].head;
  try {
    const auto& method = cli::method_named(row.choice.method);
    const auto fit = e.training.config(data.train.size(), job.rate, job.seed);
    adapt::SiteScores scores;
    if (probes(row)) {
      adapt::Page page{.rank = row.choice.rank, .seed = job.seed};
      page.scaling.alpha = row.choice.alpha;
      scores = model.probe(data.train.sample(32), page, task->goal(), fit.blocks());
    }
    const cli::Choice choice = choice_of(row, ready.sites, job.seed, scores);
    const auto adapted = model.attach(choice, scores, task->goal());
    d.trainable = adapted->parameters() - d.head;
    index_t kept = 0;
    for (const index_t r : adapted->ranks()) kept += r;
    const auto result = adapted->fit(data.train, fit,
                                     [&](const train::StepInfo& s) {
                                       bar.step(s);
                                       d.losses.push_back(s.loss);
                                       if (adapted->cuts().empty() || adapted->cuts().back().step != s.step)
                                         return;
                                       if (adapted->cuts().back().kept < kept) d.cuts.push_back(s.step);
                                       kept = adapted->cuts().back().kept;
                                     },
                                     {});
    if (result.stopped) return {};
    d.seconds = result.seconds;
    d.tokens = result.tokens;
    d.peak = result.peak;
    d.ranks = adapted->ranks();
    d.kept =
        method.score == cli::Score::none ? d.trainable : parameters_of(d.ranks, ready.sites, method.adapter);
    const double start = report::steady_seconds();
    d.validation = adapted->evaluate(data.validation);
    expects<NumericError>(std::isfinite(d.validation), "the loss on validation is ", d.validation);
    d.figures = task->measure(*adapted);
    d.measuring = since(start);
  } catch (const NumericError& error) {
    d.diverged = true;
    d.failed = error.what();
  } catch (const std::exception& error) {
    d.failed = error.what();
  }
  if (!d.failed.empty()) d.figures.clear();
  return d;
}

/// The one task that is open: the last that was asked for.
class OpenTask {
 public:
  explicit OpenTask(const Ready& ready) : ready_(ready) {}
  std::shared_ptr<const Read> of(const Job& job, const cli::Model& model) {
    const std::lock_guard lock(mutex_);
    const std::tuple which{job.probes(), job.at, job.entry};
    if (read_ == nullptr || which != which_) {
      read_.reset();
      auto options = job.probes() ? ready_.maps[job.at].maps.entries[job.entry].options
                                  : ready_.parts[job.at].part.entries[job.entry].options;
      options.bar = false;  // there is one over all runs
      auto task = cli::make_task(options, model);
      Split data = split(task->train());
      read_ = std::make_shared<const Read>(Read{std::move(task), std::move(data)});
      which_ = which;
    }
    return read_;
  }

 private:
  const Ready& ready_;
  std::mutex mutex_;
  std::tuple<bool, std::size_t, std::size_t> which_ = {};
  std::shared_ptr<const Read> read_;
};

class Execution {
 public:
  Execution(const Ready& ready, OpenModel& models, Record& record, index_t at_most, const Plan& plan)
      : ready_(ready),
        models_(models),
        schedule_(ready, record, at_most),
        task_(ready),
        bar_(plan.runs, plan.done, plan.seconds) {}

  void all() {
    std::vector<std::jthread> others;
    for (index_t i = 1; i < models_.threads(); ++i)
      others.emplace_back([this, i, n = cpu::threads()] {
        cpu::use_threads(n);
        work(i);
      });
    work(0);
    others.clear();
    if (failure_) std::rethrow_exception(failure_);
  }

 private:
  void work(index_t thread) {
    while (const auto job = schedule_.next()) {
      try {
        cli::Model& model = models_.at(schedule_.model_of(*job), thread);
        if (job->probes())
          listen(model, *job);
        else
          run_one(model, *job);
      } catch (...) {
        // A model or a task that went away, a record that cannot be written: not this run's fault.
        const std::lock_guard lock(mutex_);
        if (!failure_) failure_ = std::current_exception();
        schedule_.give_up(*job);
      }
    }
  }

  void run_one(cli::Model& model, const Job& job) {
    const ReadyPart& ready = ready_.parts[job.at];
    const auto read = task_.of(job, model);
    Bar::Part part(bar_,
                   message(ready.part.entries[job.entry].name, ", ", ready.part.rows[job.row].name, ", lr ",
                           report::significant(job.rate), ", seed ", job.seed),
                   job.seconds);
    if (auto done = run(model, *read, ready, job, part))
      schedule_.done(job, std::move(*done));
    else
      schedule_.give_up(job);
  }

  void listen(cli::Model& model, const Job& job) {
    const ReadyMap& m = ready_.maps[job.at];
    const auto read = task_.of(job, model);
    const std::string& task = m.maps.entries[job.entry].name;
    const Bar::Part part(bar_, message("PAGE of ", m.model, ", ", task), 0);
    const auto all = read->task->train().sample(m.maps.samples * m.maps.sets);
    nn::Sequences some;
    for (index_t i = job.set; i < all.count(); i += m.maps.sets) some.add_from(all, i);
    adapt::Page page = m.maps.page;
    page.reading = job.reading->reading;
    page.form = job.reading->form;
    page.seed = static_cast<Seed>(job.set);
    const bool again = m.maps.entries[job.entry].training.checkpoint_blocks;
    Heard heard{m.model, task, job.set, job.reading->name};
    try {
      heard.values =
          model.probe(some, page, read->task->goal(), again ? Blocks::recomputed : Blocks::kept).values;
    } catch (const std::exception& error) {
      heard.failed = error.what();
    }
    schedule_.done(job, std::move(heard));
  }

  const Ready& ready_;
  OpenModel& models_;
  Schedule schedule_;
  OpenTask task_;
  Bar bar_;
  std::mutex mutex_;
  std::exception_ptr failure_;
};

}  // namespace

void execute(const Ready& ready, OpenModel& models, Record& record, index_t at_most) {
  Execution(ready, models, record, at_most, plan(ready, record)).all();
}

}  // namespace lorica::studies
