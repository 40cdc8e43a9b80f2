// SPDX-License-Identifier: MIT
#include "record.hpp"

#include <lorica/tasks/lines.hpp>

#include <limits>

namespace lorica::studies {

namespace {

template <class T> Value list(const std::vector<T>& all) {
  io::json::Array out;
  for (const T& x : all) out.emplace_back(x);
  return out;
}
double number(const Value& v) {
  return v.is_null() ? std::numeric_limits<double>::quiet_NaN() : v.as_number();
}
template <class T> std::vector<T> list_of(const Value& v) {
  std::vector<T> out;
  for (const Value& x : v.as_array()) {
    if constexpr (std::integral<T>)
      out.push_back(static_cast<T>(x.as_integer()));
    else
      out.push_back(number(x));
  }
  return out;
}

io::json::Object to_json(const std::string& identity, const Done& d) {
  io::json::Object figures;
  for (const auto& f : d.figures) figures.push_back({f.name, f.value});
  return {{"identity", identity},
          {"part", d.part},
          {"task", d.task},
          {"row", d.row},
          {"rate", d.rate},
          {"seed", d.seed},
          {"failed", d.failed},
          {"diverged", d.diverged},
          {"validation", d.validation},
          {"figures", std::move(figures)},
          {"trainable", d.trainable},
          {"kept", d.kept},
          {"head", d.head},
          {"seconds", d.seconds},
          {"measuring", d.measuring},
          {"tokens", d.tokens},
          {"peak", static_cast<std::int64_t>(d.peak)},
          {"ranks", list(d.ranks)},
          {"losses", list(d.losses)},
          {"cuts", list(d.cuts)}};
}
Done run_of(const Value& v) {
  Done d{.part = v.at("part").as_string(), .task = v.at("task").as_string(), .row = v.at("row").as_string()};
  d.rate = v.at("rate").as_number();
  d.seed = static_cast<Seed>(v.at("seed").as_integer());
  d.failed = v.at("failed").as_string();
  d.diverged = v.at("diverged").as_bool();
  d.validation = number(v.at("validation"));
  for (const auto& f : v.at("figures").as_object()) d.figures.push_back({f.key, number(f.value)});
  d.trainable = static_cast<index_t>(v.at("trainable").as_integer());
  d.kept = static_cast<index_t>(v.at("kept").as_integer());
  d.head = static_cast<index_t>(v.at("head").as_integer());
  d.seconds = number(v.at("seconds"));
  d.measuring = number(v.at("measuring"));
  d.tokens = static_cast<index_t>(v.at("tokens").as_integer());
  d.peak = static_cast<std::size_t>(v.at("peak").as_integer());
  d.ranks = list_of<index_t>(v.at("ranks"));
  d.losses = list_of<double>(v.at("losses"));
  d.cuts = list_of<index_t>(v.at("cuts"));
  return d;
}
io::json::Object to_json(const std::string& identity, const Heard& h) {
  return {{"identity", identity}, {"model", h.model},       {"task", h.task},    {"set", h.set},
          {"reading", h.reading}, {"page", list(h.values)}, {"failed", h.failed}};
}
Heard probe_of(const Value& v) {
  const Value* failed = v.find("failed");
  return {v.at("model").as_string(),
          v.at("task").as_string(),
          static_cast<index_t>(v.at("set").as_integer()),
          v.at("reading").as_string(),
          list_of<double>(v.at("page")),
          failed == nullptr ? "" : failed->as_string()};
}

}  // namespace

Record::Record(std::filesystem::path file) : lines_(file, report::JsonLines::Open::append) {
  if (std::filesystem::file_size(file) == 0) return;
  tasks::Lines lines(file);
  while (const auto line = lines.next()) {
    Value v;
    try {
      v = io::json::parse(*line);
    } catch (const io::json::JsonError&) {
      continue;  // the line that a killed run was writing
    }
    try {
      const std::string& identity = v.at("identity").as_string();
      if (v.find("page") != nullptr) {
        if (auto probe = probe_of(v); probe.failed.empty()) heard_[identity] = std::move(probe);
      } else if (auto run = run_of(v); run.failed.empty() || run.diverged) {
        done_[identity] = std::move(run);
      }
    } catch (const io::json::JsonError& e) {
      throw FileError(message(lines.place(), ": ", e.what(), "; expected the lines of a study"));
    }
  }
}

const Done* Record::done(const std::string& identity) const {
  const auto found = done_.find(identity);
  return found == done_.end() ? nullptr : &found->second;
}
const Heard* Record::heard(const std::string& identity) const {
  const auto found = heard_.find(identity);
  return found == heard_.end() ? nullptr : &found->second;
}
void Record::add(const std::string& identity, Done run) {
  lines_.write(to_json(identity, run));
  if (!run.failed.empty() && !run.diverged) failed_.insert(identity);
  done_[identity] = std::move(run);
}
void Record::add(const std::string& identity, Heard probe) {
  lines_.write(to_json(identity, probe));
  if (probe.failed.empty())
    heard_[identity] = std::move(probe);
  else
    failed_.insert(identity);
}

}  // namespace lorica::studies
