// SPDX-License-Identifier: MIT
// JSON read with patience: what is wrong is noted with its place, and reading goes on, so that a user hears
// of everything at once.
#pragma once

#include <lorica/io/json.hpp>

#include <cmath>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace lorica::studies {

using io::json::Value;

class Problems {
 public:
  template <class... Parts> void add(const Parts&... parts) { all_.push_back(message(parts...)); }
  [[nodiscard]] const std::vector<std::string>& all() const { return all_; }
  /// Throws ConfigError that lists them, if there are any.
  void raise(const std::string& what) const {
    if (all_.empty()) return;
    std::string text = message(what, ": ", all_.size(), all_.size() == 1 ? " problem" : " problems");
    for (const auto& p : all_) text += "\n  " + p;
    throw ConfigError(text);
  }

 private:
  std::vector<std::string> all_;
};

/// An object under its place ("parts.sentences.tasks.CoLA"). Whoever reads says at the end that this was all.
class Reader {
 public:
  Reader(const Value& value, std::string place, Problems& problems)
      : value_(&value), place_(std::move(place)), problems_(&problems) {
    if (value.is_object()) return;
    problems.add(place_, ": found ", value.kind(), ", expected an object");
    value_ = nullptr;
  }

  [[nodiscard]] const std::string& place() const { return place_; }
  [[nodiscard]] Problems& problems() const { return *problems_; }
  [[nodiscard]] std::string place_of(std::string_view key) const {
    return place_.empty() ? std::string(key) : message(place_, '.', key);
  }
  /// The member, if it is there and not null.
  const Value* find(std::string_view key) {
    known_.emplace_back(key);
    if (value_ == nullptr) return nullptr;
    const Value* const found = value_->find(key);
    return found == nullptr || found->is_null() ? nullptr : found;
  }
  const Value* need(std::string_view key) {
    const Value* const found = find(key);
    if (found == nullptr && value_ != nullptr) problems_->add(place_of(key), ": is missing");
    return found;
  }
  /// Leaves `to` where there is no such member, or a wrong one.
  template <class T> void read(std::string_view key, T& to) {
    if (const Value* const v = find(key)) take(*v, place_of(key), to);
  }
  /// A number in low .. high.
  template <class T> void read(std::string_view key, T& to, double low, double high) {
    T found = to;
    read(key, found);
    if (const auto x = static_cast<double>(found); !(x >= low && x <= high))
      problems_->add(place_of(key), " is ", x, ", expected ", low,
                     std::isinf(high) ? " or more" : message(" to ", high));
    else
      to = found;
  }
  /// A number above 0.
  void read_positive(std::string_view key, double& to) {
    double found = to;
    read(key, found);
    if (found > 0)
      to = found;
    else
      problems_->add(place_of(key), " is ", found, ", expected above 0");
  }
  /// What the members of a member are, by name.
  template <class F> void each(std::string_view key, F f) {
    const Value* const found = find(key);
    if (found == nullptr) return;
    if (!found->is_object()) {
      problems_->add(place_of(key), ": found ", found->kind(), ", expected an object");
      return;
    }
    for (const auto& m : found->as_object())
      if (!m.value.is_null()) f(m.key, Reader(m.value, place_of(key) + "." + m.key, *problems_), m.value);
  }
  /// Every member that nobody asked for is one that nobody knows.
  void done() {
    if (value_ == nullptr) return;
    const std::vector<std::string_view> known(known_.begin(), known_.end());
    for (const auto& m : value_->as_object())
      if (std::ranges::find(known_, m.key) == known_.end())
        problems_->add(place_of(m.key), " is not known; the nearest is '", io::nearest(m.key, known), "'");
  }

 private:
  template <class T> void take(const Value& v, const std::string& place, T& to) {
    try {
      if constexpr (std::same_as<T, bool>)
        to = v.as_bool();
      else if constexpr (std::integral<T>)
        to = static_cast<T>(v.as_integer());
      else if constexpr (std::floating_point<T>)
        to = v.as_number();
      else if constexpr (std::same_as<T, std::string>)
        to = v.is_object() ? io::json::dump(v) : v.as_string();
      else
        take_list(v, place, to);
    } catch (const io::json::JsonError&) {
      problems_->add(place, ": found ", v.kind(), ", expected ",
                     std::same_as<T, bool>          ? "true or false"
                     : std::integral<T>             ? "an integer"
                     : std::floating_point<T>       ? "a number"
                     : std::same_as<T, std::string> ? "a string"
                                                    : "a list");
    }
  }
  template <class T> void take_list(const Value& v, const std::string& place, std::vector<T>& to) {
    std::vector<T> all;
    if constexpr (std::same_as<T, std::string>)
      if (v.is_string()) {  // one is a list of one
        to = {v.as_string()};
        return;
      }
    for (const Value& one : v.as_array()) {
      T x{};
      take(one, place, x);
      all.push_back(std::move(x));
    }
    to = std::move(all);
  }

  const Value* value_;
  std::string place_;
  Problems* problems_;
  std::vector<std::string> known_;
};

/// A JSON merge patch (RFC 7386): members of the patch take the place of the base's, null removes them.
[[nodiscard]] inline Value merged(const Value& base, const Value& patch) {
  if (!patch.is_object()) return patch;
  io::json::Object out;
  if (base.is_object()) out = base.as_object();
  for (const auto& m : patch.as_object()) {
    const auto at = std::ranges::find(out, m.key, &io::json::Member::key);
    if (m.value.is_null()) {
      if (at != out.end()) out.erase(at);
    } else if (at != out.end()) {
      at->value = merged(at->value, m.value);
    } else {
      out.push_back({m.key, merged(Value(), m.value)});
    }
  }
  return out;
}

}  // namespace lorica::studies
