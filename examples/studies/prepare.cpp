// SPDX-License-Identifier: MIT
#include "prepare.hpp"

#include "commands.hpp"

#include <lorica/io/file.hpp>

#include <set>

namespace lorica::studies {

namespace {

namespace fs = std::filesystem;

/// Chosen samples of others.
struct Picked {
  cli::AnyData all;
  std::vector<index_t> which;
  [[nodiscard]] index_t size() const { return static_cast<index_t>(which.size()); }
  void append(nn::Sequences& to, index_t i) const { all.append(to, which[static_cast<std::size_t>(i)]); }
  [[nodiscard]] index_t length(index_t i) const { return all.length(which[static_cast<std::size_t>(i)]); }
};

double tokens_of(const cli::AnyData& data) {
  double n = 0;
  for (index_t i = 0; i < data.size(); ++i) n += double(data.length(i));
  return n;
}

/// All bytes at a path, a folder's files together.
std::uintmax_t bytes_at(const fs::path& path) {
  if (!fs::is_directory(path)) return fs::file_size(path);
  std::uintmax_t n = 0;
  for (const auto& entry : fs::recursive_directory_iterator(path))
    if (entry.is_regular_file()) n += entry.file_size();
  return n;
}

/// The file's head, to learn from, and its tail, between two lines.
void cut_in_two(Entry& e, const fs::path& scratch) {
  const fs::path file = e.options.data[0];
  const std::string text = io::read_text(file);
  const std::size_t about = static_cast<std::size_t>(e.cut * double(text.size()));
  const std::size_t line = text.find('\n', about);
  const std::size_t at = line == std::string::npos ? about : line + 1;
  fs::create_directories(scratch);
  const auto half = [&](const char* name, std::string_view part) {
    const fs::path to = scratch / (e.name + name + file.extension().string());
    io::write_atomically(to, part);
    return to.string();
  };
  e.options.data = {half(".learned", std::string_view(text).substr(0, at))};
  e.options.heldout = {half(".heldout", std::string_view(text).substr(at))};
}

/// The entry's names become paths; what lies there becomes part of its identity.
void resolve(Entry& e, const std::string& place, const Places& places, const fs::path& scratch,
             Problems& problems) {
  std::uintmax_t bytes = 0;
  for (auto* names : {&e.options.data, &e.options.heldout})
    for (std::string& name : *names) {
      const fs::path path = places.data_at(name);
      if (fs::exists(path)) {
        bytes += bytes_at(path);
        name = path.string();
        continue;
      }
      e.absent = true;
      if (!e.optional)
        problems.add(place, ": there is no '", name, "' in the data folder ",
                     places.data.empty() ? "(none was named: --data or LORICA_DATA)"
                                         : "'" + places.data.string() + "'");
    }
  if (e.absent) return;
  e.identity += message(" of ", bytes, " bytes");
  if (e.cut > 0) cut_in_two(e, scratch);
}

/// A row at every down-projection in turn is as many rows.
std::vector<Row> expanded(const std::vector<Row>& rows, std::span<const SiteInfo> sites) {
  std::vector<Row> out;
  for (const Row& row : rows) {
    if (row.at != At::each_down) {
      out.push_back(row);
      continue;
    }
    for (const SiteInfo& s : sites) {
      if (s.role != Role::down) continue;
      Row one = row;
      one.name = message(row.name, " (", s.path, ')');
      one.choice.sites.paths = {s.path};
      one.identity += " at " + s.path;
      out.push_back(std::move(one));
    }
  }
  return out;
}

struct Enough {};

/// Seconds of the faster of a run's second and third step; the first fills the pool of memory. What a method
/// refuses is thrown.
double timed_step(cli::Model& model, const ReadyPart& ready, const Entry& e, const Row& row,
                  const Split& data, const cli::Goal& goal) {
  const adapt::SiteScores alike{ready.sites, std::vector<double>(ready.sites.size(), 1.0)};
  const auto run = model.attach(choice_of(row, ready.sites, 0, alike), alike, goal);
  double seconds = 0;
  try {
    static_cast<void>(run->fit(data.train, e.training.config(data.train.size(), 1e-5, 0),
                               [&](const train::StepInfo& s) {
                                 seconds = s.step < 2 ? s.seconds : std::min(seconds, s.seconds);
                                 if (s.step == 2) throw Enough{};
                               },
                               {}));
  } catch (const Enough&) {
  } catch (const NumericError&) {  // a run's own fate, not the method's
  }
  return seconds;
}

/// As many tokens as a measurement reads. A pass over what is held out is a third of a step's work a token;
/// what is generated is read token by token.
double heldout_tokens(const cli::TaskOptions& o, const cli::Model& model, const cli::Task& task) {
  constexpr double generated = 128 * 60;
  if (o.name == "E2E") return generated * double(o.heldout_samples > 0 ? o.heldout_samples : 630);
  if (!o.heldout.empty()) {
    cli::TaskOptions as_train = o;
    as_train.data = o.heldout;
    as_train.heldout = {};
    as_train.samples = o.heldout_samples;
    try {
      return tokens_of(cli::make_task(as_train, model)->train());
    } catch (const Error&) {  // such as a folder without a part to learn from
    }
  }
  const auto train = task.train();
  return tokens_of(train) / std::max(1.0, double(train.size())) *
         double(o.heldout_samples > 0 ? o.heldout_samples : 1000);
}

bool any_left(const ReadyPart& ready, std::size_t e, const Study& study, const Record& record) {
  for (std::size_t r = 0; r < ready.part.rows.size(); ++r)
    for (const double rate : ready.part.rates)
      if (record.done(ready.identity(e, r, rate, study.seeds.front())) == nullptr) return true;
  // The other seeds are few and follow from the first: a time for them does no harm.
  return study.seeds.size() > 1;
}

void prepare_part(ReadyPart& ready, const Study& study, cli::Model& model, const Record& record,
                  Problems& problems) {
  Part& part = ready.part;
  const std::string place = "parts." + part.name;
  ready.backend = model.backend();
  ready.sites = model.sites();
  part.rows = expanded(part.rows, ready.sites);
  bool tried = false;
  for (std::size_t i = 0; i < part.entries.size(); ++i) {
    const Entry& e = part.entries[i];
    ReadyEntry& found = ready.entries.emplace_back();
    if (e.absent || cli::interrupted()) continue;
    const std::string at = place + ".tasks." + e.name;
    try {
      const auto task = cli::make_task(e.options, model);
      const auto goal = task->goal();
      expects(goal.kind != cli::Goal::Kind::tokens || model.folder().language_model, "'", part.model,
              "' is no causal language model: it cannot learn the task '", e.options.name, "'");
      expects(task->measurable(), "nothing is held out to measure on; expected heldout, or cut");
      const auto all = task->train();
      expects(all.size() >= 2, all.size(), " samples to learn from, expected 2 or more");
      const Split data = split(all);
      found.samples = data.train.size();
      const auto fit = e.training.config(found.samples, 1e-5, 0);
      fit.validate();
      expects(!fit.head_lr || goal.kind != cli::Goal::Kind::tokens, "head-lr: task ", e.options.name,
              " trains no head");
      found.steps = fit.steps;
      found.learned =
          double(fit.steps * fit.batch * fit.accumulate) * tokens_of(data.train) / double(found.samples);
      found.measured = tokens_of(data.validation) + heldout_tokens(e.options, model, *task);
      if (goal.kind != cli::Goal::Kind::tokens) {
        const cli::Choice any{.rank = 1};
        found.head = model.attach(any, {}, goal)->parameters() - model.attach(any, {})->parameters();
      }
      const bool left = any_left(ready, i, study, record);
      double seconds = 0, timed = 0;
      for (std::size_t r = 0; r < part.rows.size(); ++r) {
        const bool new_to_all =
            !tried && record.done(ready.identity(i, r, part.rates.front(), study.seeds.front())) == nullptr;
        if (!new_to_all && !(r == 0 && left)) continue;
        try {
          seconds += timed_step(model, ready, e, part.rows[r], data, goal);
          ++timed;
        } catch (const Error& error) {
          problems.add(place, ".methods.", part.rows[r].name, ": ", error.what());
        }
      }
      tried = true;
      const double a_token = seconds / std::max(1.0, timed * found.learned / double(found.steps));
      found.seconds = a_token * (found.learned + found.measured / 3);
    } catch (const Error& error) {
      problems.add(at, ": ", error.what());
    }
  }
}

}  // namespace

cli::Model& OpenModel::at(const std::string& name, index_t thread) {
  const std::lock_guard lock(mutex_);
  if (name_ != name) {
    name_.clear();
    shares_.clear();  // before the next is read: never two
    shares_.push_back(cli::open_model(places_->model_at(name), compute_));
    for (index_t i = 1; i < threads_; ++i) {
      shares_.push_back(shares_.front()->beside());
      expects(shares_.back() != nullptr, "'", name, "', in ", shares_.front()->backend(),
              ", serves one run at a time; expected --jobs 1");
    }
    name_ = name;
  }
  return *shares_[static_cast<std::size_t>(thread)];
}

Split split(const cli::AnyData& all) {
  constexpr index_t each = 10;
  Picked train{all, {}}, validation{all, {}};
  for (index_t i = 0; i < all.size(); ++i) {
    const bool chooses = all.size() < each ? i + 1 == all.size() : i % each == each - 1;
    (chooses ? validation : train).which.push_back(i);
  }
  return {cli::AnyData(std::move(train)), cli::AnyData(std::move(validation))};
}

std::string ReadyPart::identity(std::size_t entry, std::size_t row, double rate, Seed seed) const {
  return message(model_identity, " in ", backend, "; ", part.entries[entry].name, ' ',
                 part.entries[entry].identity, "; ", part.rows[row].name, ' ', part.rows[row].identity,
                 "; rate ", io::json::dump(rate), " seed ", seed);
}

std::string ReadyMap::identity(std::size_t entry, index_t set, const std::string& reading) const {
  return message(model_identity, " in ", backend, "; ", maps.entries[entry].name, ' ',
                 maps.entries[entry].identity, "; page of ", maps.samples, " samples, rank ", maps.page.rank,
                 ", alpha ", io::json::dump(maps.page.scaling.alpha), ", set ", set, " of ", maps.sets, ", ",
                 reading);
}

bool probes(const Row& row) {
  return row.at == At::spread || cli::method_named(row.choice.method).by_site_score();
}

cli::Choice choice_of(const Row& row, std::span<const SiteInfo> sites, Seed seed,
                      const adapt::SiteScores& scores) {
  cli::Choice c = row.choice;
  c.seed = seed;
  const auto among = c.sites.among(sites);
  const auto cost = [&](std::size_t i) { return sites[i].in + sites[i].out; };
  if (row.budget > 0) {
    for (const std::size_t i : among) c.target.parameters += row.budget * cost(i);
  }
  if (row.at == At::random) {
    const Stream draw(seed, "a random site", row.name);
    c.sites = {.paths = {sites[among[static_cast<std::size_t>(draw.below(among.size(), 0))]].path}};
  }
  if (row.at == At::spread) {
    // What an adapter of that rank costs at the dominant site, in directions one at a time, at as many sites
    // as it pays for.
    std::size_t one = among.front();
    for (const std::size_t i : among)
      if (scores.values.at(i) > scores.values.at(one)) one = i;
    const index_t total = row.choice.rank * cost(one);
    std::vector<std::size_t> chosen;
    for (std::size_t n = among.size(); n > 0 && chosen.empty(); --n) {
      index_t spent = 0;
      for (std::size_t i = 0; i < n; ++i) spent += cost(among[i * among.size() / n]);
      if (spent > total && n > 1) continue;
      c.rank = std::max(index_t{1}, total / spent);
      for (std::size_t i = 0; i < n; ++i) chosen.push_back(among[i * among.size() / n]);
    }
    c.alpha = row.choice.alpha * double(c.rank) / double(row.choice.rank);  // alpha / rank stays
    c.sites = {};
    for (const std::size_t i : chosen) c.sites.paths.push_back(sites[i].path);
  }
  return c;
}

Ready prepare(Study study, const Places& places, const fs::path& scratch, OpenModel& models,
              const Record& record, Problems& problems) {
  Ready ready;
  std::set<std::string> missing;
  const auto model_identity = [&](const std::string& name, const std::string& place) -> std::string {
    const fs::path path = places.model_at(name);
    if (!path.empty() && fs::exists(path)) return message(name, " of ", bytes_at(path), " bytes");
    if (missing.insert(name).second)
      problems.add(place, ": the model '", name, "' ",
                   path.empty() ? "is not named" : "is not at '" + path.string() + "'", "; expected --model ",
                   name, "=FOLDER");
    return {};
  };
  for (Part& part : study.parts) {
    for (Entry& e : part.entries)
      resolve(e, "parts." + part.name + ".tasks." + e.name, places, scratch / part.name, problems);
    std::string identity = model_identity(part.model, "parts." + part.name + ".model");
    ready.parts.push_back({part, std::move(identity), {}, {}, {}});
  }
  for (Maps& m : study.maps) {
    for (Entry& e : m.entries)
      resolve(e, "maps." + m.name + ".tasks." + e.name, places, scratch / m.name, problems);
    for (const std::string& name : m.models)
      ready.maps.push_back({m, name, model_identity(name, "maps." + m.name + ".models"), {}, {}});
  }
  ready.study = std::move(study);
  for (ReadyPart& p : ready.parts) {
    if (p.model_identity.empty() || p.part.rows.empty() || p.part.rates.empty() || ready.study.seeds.empty())
      continue;
    try {
      prepare_part(p, ready.study, models.at(p.part.model), record, problems);
    } catch (const Error& e) {
      problems.add("parts.", p.part.name, ": ", e.what());
    }
  }
  for (ReadyMap& m : ready.maps) {
    if (m.model_identity.empty() || cli::interrupted()) continue;
    try {
      const cli::Model& model = models.at(m.model);
      m.backend = model.backend();
      m.sites = model.sites();
      for (const Entry& e : m.maps.entries) {
        if (e.absent) continue;
        const auto task = cli::make_task(e.options, model);
        const bool tokens = task->goal().kind == cli::Goal::Kind::tokens;
        expects(!tokens || model.folder().language_model, "'", m.model,
                "' is no causal language model: it cannot read the task '", e.options.name, "'");
        expects(task->train().size() >= m.maps.sets, "tasks.", e.name, ": ", task->train().size(),
                " samples for ", m.maps.sets, " sets");
      }
    } catch (const Error& e) {
      problems.add("maps.", m.maps.name, ", ", m.model, ": ", e.what());
    }
  }
  return ready;
}

}  // namespace lorica::studies
