// SPDX-License-Identifier: MIT
/// @file tests/tasks/oracle.hpp
/// What the reference implementations said: tests/oracle/metrics.json and squad.json.
#pragma once

#include <lorica/io/json.hpp>

#include <cmath>
#include <filesystem>
#include <limits>
#include <map>
#include <string>
#include <vector>

namespace lorica::test {

inline const io::json::Value& oracle(const char* file) {
  static std::map<std::string, io::json::Value> read;
  const auto [at, fresh] = read.try_emplace(file);
  if (fresh) at->second = io::json::read(std::filesystem::path(LORICA_TESTS_DIR) / "oracle" / file);
  return at->second;
}
/// null is NaN.
inline double number(const io::json::Value& v) {
  return v.is_null() ? std::numeric_limits<double>::quiet_NaN() : v.as_number();
}
inline std::vector<std::string> strings(const io::json::Value& v) {
  std::vector<std::string> out;
  for (const auto& s : v.as_array()) out.push_back(s.as_string());
  return out;
}
inline std::vector<std::vector<std::string>> lists(const io::json::Value& v) {
  std::vector<std::vector<std::string>> out;
  for (const auto& l : v.as_array()) out.push_back(strings(l));
  return out;
}
inline std::vector<double> numbers(const io::json::Value& v) {
  std::vector<double> out;
  for (const auto& x : v.as_array()) out.push_back(x.as_number());
  return out;
}
inline std::vector<std::int32_t> integers(const io::json::Value& v) {
  std::vector<std::int32_t> out;
  for (const auto& x : v.as_array()) out.push_back(static_cast<std::int32_t>(x.as_integer()));
  return out;
}
/// Equal to 1e-12, relative or absolute; NaN equals NaN.
inline bool same(double found, double expected) {
  if (std::isnan(expected)) return std::isnan(found);
  return std::abs(found - expected) <= 1e-12 * std::max(1.0, std::abs(expected));
}

}  // namespace lorica::test
