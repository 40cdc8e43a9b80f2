// SPDX-License-Identifier: MIT
/// @file lorica/io/config_file.hpp
/// A configuration file read strictly: every value is asked for by key and kind, every fault names the file,
/// the key, what was found and what would be right.
#pragma once

#include <lorica/io/json.hpp>
#include <lorica/io/nearest.hpp>

#include <cmath>
#include <concepts>
#include <filesystem>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace lorica::io {

/// An object of a JSON file. Keys that are null count as missing.
class ConfigFile {
 public:
  explicit ConfigFile(std::filesystem::path file) : file_(std::move(file)), object_(json::read(file_)) {
    if (!object_.is_object()) refuse("it holds ", object_.kind(), ", expected an object");
  }
  [[nodiscard]] const std::filesystem::path& path() const { return file_; }
  [[nodiscard]] const json::Value& json() const { return object_; }

  [[nodiscard]] const json::Value* find(std::string_view key) const {
    const json::Value* v = object_.find(key);
    return v == nullptr || v->is_null() ? nullptr : v;
  }
  [[nodiscard]] bool has(std::string_view key) const { return find(key) != nullptr; }
  /// The object under a key, as a file of its own; nothing if there is none.
  [[nodiscard]] std::optional<ConfigFile> object(std::string_view key) const {
    const json::Value* v = find(key);
    if (v == nullptr) return {};
    if (!v->is_object()) refuse(quoted(key), " is ", v->kind(), ", expected an object");
    return ConfigFile(file_, *v, prefix_ + std::string(key) + ".");
  }

  /// An integer from 1 on.
  [[nodiscard]] index_t whole(std::string_view key, std::optional<index_t> otherwise = {}) const {
    const json::Value* v = found(key, otherwise.has_value());
    if (v == nullptr) return *otherwise;
    if (!v->is_integer() || v->as_integer() < 1)
      refuse(quoted(key), " is ", json::dump(*v), ", expected an integer from 1 on");
    return v->as_integer();
  }
  /// A finite number above 0.
  [[nodiscard]] double positive(std::string_view key, std::optional<double> otherwise = {}) const {
    const json::Value* v = found(key, otherwise.has_value());
    if (v == nullptr) return *otherwise;
    if (!v->is_number() || !(v->as_number() > 0) || !std::isfinite(v->as_number()))
      refuse(quoted(key), " is ", json::dump(*v), ", expected a number above 0");
    return v->as_number();
  }
  [[nodiscard]] bool flag(std::string_view key, std::optional<bool> otherwise = {}) const {
    const json::Value* v = found(key, otherwise.has_value());
    if (v == nullptr) return *otherwise;
    if (!v->is_bool()) refuse(quoted(key), " is ", json::dump(*v), ", expected true or false");
    return v->as_bool();
  }
  [[nodiscard]] std::string text(std::string_view key, std::optional<std::string> otherwise = {}) const {
    const json::Value* v = found(key, otherwise.has_value());
    if (v == nullptr) return *otherwise;
    if (!v->is_string()) refuse(quoted(key), " is ", json::dump(*v), ", expected a string");
    return v->as_string();
  }
  /// One of the values that this library knows what to do with.
  std::string one_of(std::string_view key, std::initializer_list<std::string_view> known,
                     std::optional<std::string> otherwise = {}) const {
    std::string value = text(key, std::move(otherwise));
    std::string all;
    for (const auto k : known) {
      if (value == k) return value;
      all += (all.empty() ? "\"" : ", \"") + std::string(k) + '"';
    }
    refuse(quoted(key), " is ", json::quote(value), ", which is not supported; expected ",
           known.size() > 1 ? "one of " : "", all);
  }
  /// The key, if it is there, must say what this library does.
  void only(std::string_view key, bool value) const {
    if (has(key) && flag(key) != value)
      refuse(quoted(key), " is ", value ? "false" : "true", ", which is not supported; expected ",
             value ? "true" : "false");
  }

  [[nodiscard]] std::string quoted(std::string_view key) const {
    return '"' + prefix_ + std::string(key) + '"';
  }
  template <class... Parts> [[noreturn]] void refuse(const Parts&... parts) const {
    throw FileError(message('\'', file_.string(), "': ", parts...));
  }

 private:
  ConfigFile(std::filesystem::path file, json::Value object, std::string prefix)
      : file_(std::move(file)), object_(std::move(object)), prefix_(std::move(prefix)) {}
  const json::Value* found(std::string_view key, bool optional) const {
    const json::Value* v = find(key);
    if (v == nullptr && !optional) {
      std::vector<std::string_view> keys;
      for (const json::Member& m : object_.as_object())
        if (m.key != key) keys.push_back(m.key);
      refuse("the key ", quoted(key), " is missing",
             keys.empty() ? "" : "; the nearest is \"" + std::string(nearest(key, keys)) + '"');
    }
    return v;
  }

  std::filesystem::path file_;
  json::Value object_;
  std::string prefix_;
};

}  // namespace lorica::io
