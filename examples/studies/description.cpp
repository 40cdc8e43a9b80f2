// SPDX-License-Identifier: MIT
#include "description.hpp"

#include <limits>

namespace lorica::studies {

namespace {

namespace fs = std::filesystem;
constexpr double without_end = std::numeric_limits<double>::infinity();

/// A number of steps, or a share such as "10%".
void read_duration(Reader& r, const char* key, adapt::Duration& to) {
  const Value* const v = r.find(key);
  if (v == nullptr) return;
  if (v->is_integer() && v->as_integer() >= 0) {
    to = {.steps = static_cast<index_t>(v->as_integer())};
    return;
  }
  double share = -1;
  if (v->is_string() && v->as_string().ends_with('%')) try {
      share = io::json::parse(v->as_string().substr(0, v->as_string().size() - 1)).as_number() / 100;
    } catch (const io::json::JsonError&) {
    }
  if (share >= 0 && share <= 1)
    to = {.share = share};
  else
    r.problems().add(r.place_of(key), " is ", io::json::dump(*v),
                     ", expected a number of steps such as 200, or a share of the run such as \"10%\"");
}

/// One of several words.
template <class T>
void read_word(Reader& r, const char* key, T& to, std::initializer_list<std::pair<const char*, T>> words) {
  std::string word;
  r.read(key, word);
  if (word.empty()) return;
  std::string known;
  for (const auto& [name, value] : words) {
    if (word == name) {
      to = value;
      return;
    }
    (known += known.empty() ? "" : ", ") += name;
  }
  r.problems().add(r.place_of(key), " is '", word, "', expected one of ", known);
}

/// The description without what only tells how to show it.
std::string identity_of(const Value& v, std::initializer_list<std::string_view> shown) {
  io::json::Object kept;
  if (v.is_object())
    for (const auto& m : v.as_object())
      if (std::ranges::find(shown, std::string_view(m.key)) == shown.end()) kept.push_back(m);
  return io::json::dump(std::move(kept));
}

Row read_row(const std::string& name, Reader r, const Value& described) {
  Row row{.name = name, .identity = identity_of(described, {"family"})};
  cli::Choice& c = row.choice;
  c.method = name;
  r.read("method", c.method);
  try {
    static_cast<void>(cli::method_named(c.method));
  } catch (const ConfigError& e) {
    r.problems().add(r.place_of("method"), ": ", e.what());
  }
  r.read("rank", c.rank, 1, without_end);
  r.read_positive("alpha", c.alpha);
  r.read("dropout", c.dropout, 0, 1);
  r.read("orthogonality", c.orthogonality, 0, without_end);
  r.read_positive("ratio", c.ratio);
  r.read("top", c.top, 1, without_end);
  r.read("total", c.total, 0, without_end);
  r.read("target", c.target.per_matrix, 0, without_end);
  r.read("budget", row.budget, 0, without_end);
  if (row.budget > 0 && c.target.per_matrix > 0)
    r.problems().add(r.place(), ": target and budget both say what is left, expected one of them");
  read_duration(r, "tinit", c.tinit);
  read_duration(r, "tfinal", c.tfinal);
  r.read("interval", c.interval, 1, without_end);
  r.read("compact", c.compact);
  r.read("sites", c.sites.paths);
  r.read("layers", c.sites.layers);
  read_word(
      r, "at", row.at,
      {{"given", At::given}, {"random", At::random}, {"spread", At::spread}, {"each-down", At::each_down}});
  r.read("family", row.family);
  r.done();
  return row;
}

Entry read_entry(const std::string& name, Reader r, const Value& described) {
  Entry e{.name = name, .identity = identity_of(described, {"optional"})};
  cli::TaskOptions& o = e.options;
  o.name = name;
  r.read("task", o.name);
  r.read("data", o.data);
  if (o.data.empty()) r.problems().add(r.place_of("data"), ": is missing, expected a file or a folder");
  r.read("heldout", o.heldout);
  r.read("cut", e.cut, 0, 0.95);
  if (e.cut > 0 && (o.data.size() != 1 || !o.heldout.empty()))
    r.problems().add(r.place_of("cut"), ": cuts one file in two, found ", o.data.size(), " of data and ",
                     o.heldout.size(), " of heldout");
  r.read("length", o.length, 0, without_end);
  r.read("stride", o.stride, 0, without_end);
  r.read("train-samples", o.samples, 0, without_end);
  r.read("heldout-samples", o.heldout_samples, 0, without_end);
  r.read("chat", o.chat);
  r.read("prompt-field", o.prompt);
  r.read("response-field", o.response);
  r.read("optional", e.optional);
  Training& t = e.training;
  r.read("epochs", t.epochs, 0, without_end);
  r.read("steps", t.steps, 0, without_end);
  r.read("batch", t.batch, 1, without_end);
  r.read("accumulate", t.accumulate, 1, without_end);
  r.read("warmup", t.warmup, 0, 1);
  r.read("schedule", t.schedule);
  if (t.schedule != "linear" && t.schedule != "cosine" && t.schedule != "constant")
    r.problems().add(r.place_of("schedule"), " is '", t.schedule, "', expected linear, cosine or constant");
  r.read("weight-decay", t.weight_decay, 0, without_end);
  r.read("clip", t.clip, 0, without_end);
  r.read("head-lr", t.head_lr, 0, without_end);
  r.read("checkpoint-blocks", t.checkpoint_blocks);
  r.done();
  return e;
}

/// Members of the part's "fit" are those of every task that does not say otherwise.
void read_entries(Reader& r, std::vector<Entry>& to) {
  const Value* const fit = r.find("fit");
  r.each("tasks", [&](const std::string& name, const Reader& one, const Value& v) {
    const Value whole = fit == nullptr ? v : merged(*fit, v);
    to.push_back(read_entry(name, Reader(whole, one.place(), one.problems()), whole));
  });
  if (to.empty()) r.problems().add(r.place_of("tasks"), ": none, expected at least one");
}

bool counts_errors(const std::string& task) { return task == "text" || task == "chat"; }
bool counts_shares(const std::string& task) {
  return !counts_errors(task) && task != "E2E" && !task.starts_with("SQuAD");
}

Column read_column(Reader r) {
  Column c;
  r.read("title", c.title);
  r.read("task", c.task);
  if (c.title.empty()) c.title = c.task;
  if (c.title.empty()) r.problems().add(r.place(), ": a column has neither title nor task");
  r.read("figures", c.figures);
  r.read("scale", c.scale);
  read_word(r, "better", c.higher, {{"higher", true}, {"lower", false}});
  r.done();
  return c;
}

Part read_part(const std::string& name, Reader r) {
  Part p{.name = name, .title = name};
  r.read("title", p.title);
  r.read("model", p.model);
  if (p.model.empty()) r.problems().add(r.place_of("model"), ": is missing, expected the name of a model");
  r.read("against", p.against);
  r.read("paper", p.paper);
  r.read("average", p.average);
  r.read("rates", p.rates);
  if (p.rates.empty()) r.problems().add(r.place_of("rates"), ": an empty grid, expected a learning rate");
  for (const double rate : p.rates)
    if (!(rate > 0)) r.problems().add(r.place_of("rates"), ": ", rate, ", expected rates above 0");
  const Value* const shared = r.find("method");
  r.each("methods", [&](const std::string& row, const Reader& one, const Value& v) {
    const Value whole = shared == nullptr ? v : merged(*shared, v);
    p.rows.push_back(read_row(row, Reader(whole, one.place(), one.problems()), whole));
  });
  if (p.rows.empty()) r.problems().add(r.place_of("methods"), ": none, expected at least one");
  read_entries(r, p.entries);
  if (const Value* const columns = r.find("columns")) {
    if (columns->is_array())
      for (const Value& c : columns->as_array())
        p.columns.push_back(read_column(Reader(c, r.place_of("columns"), r.problems())));
    else
      r.problems().add(r.place_of("columns"), ": found ", columns->kind(), ", expected a list");
  } else {
    for (const Entry& e : p.entries)
      p.columns.push_back({.title = e.name,
                           .task = e.name,
                           .scale = counts_shares(e.options.name) ? 100.0 : 1.0,
                           .higher = !counts_errors(e.options.name)});
  }
  if (!p.against.empty() && std::ranges::find(p.rows, p.against, &Row::name) == p.rows.end())
    r.problems().add(r.place_of("against"), ": there is no row '", p.against, "' in methods");
  r.done();
  return p;
}

Maps read_maps(const std::string& name, Reader r) {
  Maps m{.name = name};
  r.read("models", m.models);
  r.read("samples", m.samples, 1, without_end);
  r.read("sets", m.sets, 1, without_end);
  r.read("rank", m.page.rank, 1, without_end);
  r.read_positive("alpha", m.page.scaling.alpha);
  read_entries(r, m.entries);
  r.done();
  return m;
}

PaperTable read_paper(const std::string& name, Reader r) {
  PaperTable t{.name = name};
  r.read("source", t.source);
  r.read("average", t.average);
  r.read("columns", t.columns);
  r.read("pairs", t.pairs);
  const Value* const rows = r.need("rows");
  if (rows != nullptr && rows->is_object())
    for (const auto& m : rows->as_object()) {
      PaperTable::Line line{m.key, {}};
      if (m.value.is_array())
        for (const Value& x : m.value.as_array())
          line.values.push_back(x.is_number() ? x.as_number() : std::numeric_limits<double>::quiet_NaN());
      if (line.values.size() != t.columns.size() + (t.average.empty() ? 0 : 1))
        r.problems().add(r.place_of("rows"), '.', m.key, ": ", line.values.size(), " numbers for ",
                         t.columns.size(), " columns", t.average.empty() ? "" : " and their average");
      t.lines.push_back(std::move(line));
    }
  r.done();
  return t;
}

}  // namespace

fs::path Places::data_at(const std::string& name) const {
  constexpr std::string_view tree = "{repository}/";
  if (name.starts_with(tree)) return repository / name.substr(tree.size());
  return fs::path(name).is_absolute() ? fs::path(name) : data / name;
}

fs::path Places::model_at(const std::string& name) const {
  for (const auto& [known, path] : models)
    if (known == name) return path;
  return {};
}

train::FitConfig Training::config(index_t samples, double rate, Seed seed) const {
  train::FitConfig c{
      .batch = batch, .accumulate = accumulate, .optimizer = {.lr = rate}, .clip = clip, .seed = seed};
  const double each = static_cast<double>(batch * accumulate);
  c.steps = steps > 0
                ? steps
                : std::max(index_t{1}, static_cast<index_t>(std::ceil(epochs * double(samples) / each)));
  c.optimizer.weight_decay = weight_decay;
  if (head_lr > 0) c.head_lr = head_lr;
  c.schedule.shape = schedule == "cosine"     ? train::Schedule::cosine
                     : schedule == "constant" ? train::Schedule::constant
                                              : train::Schedule::linear;
  c.schedule.warmup = static_cast<index_t>(warmup * double(c.steps));
  c.checkpoint_blocks = checkpoint_blocks;
  return c;
}

const Entry* Part::entry(const std::string& task) const {
  const auto found = std::ranges::find(entries, task, &Entry::name);
  return found == entries.end() ? nullptr : &*found;
}

Study read_study(const fs::path& file, const std::string& preset, Problems& problems) {
  const Value whole = io::json::read(file);
  Reader top(whole, "", problems);
  Study s{.name = file.stem().string(), .preset = preset};
  top.read("title", s.title);
  top.read("asks", s.asks);
  if (s.title.empty()) s.title = s.name;
  const Value* const common = top.need("common");
  const Value* const presets = top.need("presets");
  top.each("papers", [&](const std::string& name, const Reader& r, const Value&) {
    s.papers.push_back(read_paper(name, r));
  });
  top.done();
  if (common == nullptr || presets == nullptr || !presets->is_object()) return s;
  std::vector<std::string_view> names;
  for (const auto& m : presets->as_object()) names.push_back(m.key);
  if (std::ranges::find(names, preset) == names.end()) {
    problems.add("there is no preset '", preset, "'; the nearest is '", io::nearest(preset, names), "'");
    return s;
  }
  const Value study = merged(*common, presets->at(preset));
  Reader r(study, "", problems);
  std::string note;
  r.read("note", note);  // for who reads the file
  std::vector<index_t> seeds;
  r.read("seeds", seeds);
  for (const index_t seed : seeds) {
    if (seed < 0) problems.add("seeds: ", seed, ", expected numbers from 0 on");
    s.seeds.push_back(static_cast<Seed>(seed));
  }
  if (seeds.empty()) problems.add("seeds: none, expected at least one");
  r.each("parts", [&](const std::string& name, const Reader& one, const Value&) {
    s.parts.push_back(read_part(name, one));
  });
  r.each("maps", [&](const std::string& name, const Reader& one, const Value&) {
    s.maps.push_back(read_maps(name, one));
  });
  if (s.parts.empty() && s.maps.empty()) problems.add("the study has neither parts nor maps");
  if (const Value* const findings = r.find("findings"); findings != nullptr && findings->is_array())
    for (const Value& v : findings->as_array()) {
      Reader f(v, "findings", problems);
      Finding one;
      f.read("claim", one.claim);
      f.read("part", one.part);
      f.read("row", one.row);
      f.read("against", one.against);
      f.done();
      s.findings.push_back(one);
    }
  r.done();
  for (const Part& p : s.parts)
    if (!p.paper.empty() && std::ranges::find(s.papers, p.paper, &PaperTable::name) == s.papers.end())
      problems.add("parts.", p.name, ".paper: there is no table '", p.paper, "' in papers");
  return s;
}

}  // namespace lorica::studies
