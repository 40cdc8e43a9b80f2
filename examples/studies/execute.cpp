// SPDX-License-Identifier: MIT
#include "execute.hpp"

#include "commands.hpp"

#include <lorica/report/format.hpp>
#include <lorica/report/progress.hpp>

namespace lorica::studies {

namespace {

double since(double start) { return report::steady_seconds() - start; }

/// One bar over all runs, in seconds of estimated work.
class Bar {
 public:
  Bar(index_t runs, index_t done, double seconds)
      : runs_(runs), done_(done), progress_({.total = whole(seconds), .label = "starting", .memory = 120}) {}

  void begin(const std::string& name, double seconds) {
    seconds_ = seconds;
    progress_.label(message("run ", done_ + 1, " of ", runs_, ": ", name));
  }
  void step(const train::StepInfo& s) {
    const double part = double(s.step + 1) / double(s.steps);
    progress_.update({.step = whole(spent_ + 0.95 * part * seconds_), .loss = s.loss, .tokens = s.tokens});
  }
  void measuring() { progress_.clear(); }
  void end() {
    ++done_;
    spent_ += seconds_;
    progress_.update({.step = whole(spent_)});
  }
  void finish() { progress_.finish(); }

 private:
  static index_t whole(double seconds) { return static_cast<index_t>(seconds); }
  index_t runs_, done_;
  report::Progress progress_;
  double seconds_ = 0, spent_ = 0;
};

/// What a cut left, in parameters: a direction is a row of A and a column of B, a triplet has its lambda too.
index_t parameters_of(const std::vector<index_t>& ranks, std::span<const SiteInfo> sites,
                      cli::Adapter adapter) {
  index_t n = 0;
  for (const SiteInfo& s : sites)
    n += ranks[static_cast<std::size_t>(s.ordinal)] * (s.in + s.out + (adapter == cli::Adapter::svd ? 1 : 0));
  return n;
}

/// Nothing where the user asked to stop.
std::optional<Done> run(cli::Model& model, cli::Task& task, const Split& data, const ReadyPart& ready,
                        std::size_t entry, const Row& row, double rate, Seed seed, Bar& bar) {
  const Entry& e = ready.part.entries[entry];
  Done d{.part = ready.part.name, .task = e.name, .row = row.name, .rate = rate, .seed = seed};
  d.head = ready.entries[entry].head;
  try {
    const auto& method = cli::method_named(row.choice.method);
    const auto fit = e.training.config(data.train.size(), rate, seed);
    adapt::SiteScores scores;
    if (probes(row)) {
      adapt::Page page{.rank = row.choice.rank, .seed = seed};
      page.scaling.alpha = row.choice.alpha;
      scores = model.probe(data.train.sample(32), page, task.goal(), fit.blocks());
    }
    const cli::Choice choice = choice_of(row, ready.sites, seed, scores);
    const auto adapted = model.attach(choice, scores, task.goal());
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
    bar.measuring();
    const double start = report::steady_seconds();
    d.validation = adapted->evaluate(data.validation);
    expects<NumericError>(std::isfinite(d.validation), "the loss on validation is ", d.validation);
    d.figures = task.measure(*adapted);
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

struct Stop {
  Ended why;
};

class Execution {
 public:
  Execution(const Ready& ready, OpenModel& models, Record& record, index_t at_most, const Plan& plan)
      : ready_(ready),
        models_(models),
        record_(record),
        at_most_(at_most),
        bar_(plan.runs, plan.done, plan.seconds) {}

  void all() {
    for (std::size_t p = 0; p < ready_.parts.size(); ++p)
      for (std::size_t e = 0; e < ready_.parts[p].part.entries.size(); ++e)
        if (!ready_.parts[p].part.entries[e].absent) task(p, e);
    for (const ReadyMap& m : ready_.maps)
      for (std::size_t e = 0; e < m.maps.entries.size(); ++e)
        if (!m.maps.entries[e].absent) listen(m, e);
  }
  void finish() { bar_.finish(); }

 private:
  void room_for_one() {
    if (cli::interrupted()) throw Stop{Ended::interrupted};
    if (at_most_ > 0 && made_ == at_most_) throw Stop{Ended::enough};
    ++made_;
  }

  /// Opened and read when the first run of a task needs it.
  struct Read {
    std::unique_ptr<cli::Task> task;
    Split data;
  };

  void task(std::size_t p, std::size_t e) {
    const ReadyPart& ready = ready_.parts[p];
    std::optional<Read> read;
    const double seconds = seconds_a_run(ready_, record_, p, e);
    const auto one = [&](std::size_t r, double rate, Seed seed) {
      const std::string identity = ready.identity(e, r, rate, seed);
      if (record_.done(identity) != nullptr) return;
      room_for_one();
      cli::Model& model = models_.at(ready.part.model);
      if (!read) {
        read.emplace();
        read->task = cli::make_task(ready.part.entries[e].options, model);
        read->data = split(read->task->train());
      }
      bar_.begin(message(ready.part.entries[e].name, ", ", ready.part.rows[r].name, ", lr ",
                         report::significant(rate), ", seed ", seed),
                 seconds);
      auto done = run(model, *read->task, read->data, ready, e, ready.part.rows[r], rate, seed, bar_);
      if (!done) throw Stop{Ended::interrupted};
      record_.add(identity, std::move(*done));
      bar_.end();
    };
    for (std::size_t r = 0; r < ready.part.rows.size(); ++r) {
      for (const double rate : ready.part.rates) one(r, rate, ready_.study.seeds.front());
      const auto chosen = cell(ready_, record_, p, e, r).chosen;
      if (!chosen) continue;  // no rate went well: nothing to repeat
      for (const Seed seed : ready_.study.seeds) one(r, ready.part.rates[*chosen], seed);
    }
  }

  void listen(const ReadyMap& m, std::size_t e) {
    std::unique_ptr<cli::Task> task;
    nn::Sequences all;
    for_each_probe(m.maps, [&](index_t set, const Reading& reading) {
      const std::string identity = m.identity(e, set, reading.name);
      if (record_.heard(identity) != nullptr) return;
      room_for_one();
      cli::Model& model = models_.at(m.model);
      if (!task) {
        task = cli::make_task(m.maps.entries[e].options, model);
        all = task->train().sample(m.maps.samples * m.maps.sets);
      }
      nn::Sequences some;
      for (index_t i = set; i < all.count(); i += m.maps.sets) some.add_from(all, i);
      adapt::Page page = m.maps.page;
      page.reading = reading.reading;
      page.form = reading.form;
      page.seed = static_cast<Seed>(set);
      bar_.begin(message("PAGE of ", m.model, ", ", m.maps.entries[e].name), 0);
      record_.add(identity, Heard{m.model, m.maps.entries[e].name, set, reading.name,
                                  model.probe(some, page, task->goal()).values});
      bar_.end();
    });
  }

  const Ready& ready_;
  OpenModel& models_;
  Record& record_;
  index_t at_most_, made_ = 0;
  Bar bar_;
};

}  // namespace

Ended execute(const Ready& ready, OpenModel& models, Record& record, index_t at_most) {
  Execution execution(ready, models, record, at_most, plan(ready, record));
  Ended ended = Ended::all;
  try {
    execution.all();
  } catch (const Stop& stop) {
    ended = stop.why;
  }
  execution.finish();
  return ended;
}

}  // namespace lorica::studies
