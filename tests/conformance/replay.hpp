// SPDX-License-Identifier: MIT
/// @file tests/conformance/replay.hpp
/// What both replay programs need: numbers out of JSON, and a budget as the files configure it.
#pragma once

#include <lorica/adapt/attach.hpp>
#include <lorica/cpu/eigen_backend.hpp>
#include <lorica/io/json.hpp>
#if defined(LORICA_ONEDNN)
#  include <lorica/cpu/onednn_gemm.hpp>
#endif

#include <cstdio>

namespace lorica::replay {

using io::json::Value;

inline const Value* given(const Value& v, std::string_view key) {
  const Value* found = v.find(key);
  return found == nullptr || found->is_null() ? nullptr : found;
}
template <class T> std::vector<T> numbers(const Value& list, double unit = 1) {
  std::vector<T> out;
  for (const Value& x : list.as_array()) out.push_back(static_cast<T>(x.as_number() * unit));
  return out;
}
inline adapt::Budget<> budget(const Value& config, adapt::Flavour flavour) {
  adapt::Budget<> p;
  p.target = {};
  if (const Value* total = given(config, "target_total_rank"))
    p.target.total = total->as_integer();
  else
    p.target.per_matrix = config.at("target_r").as_integer();
  p.tinit = {config.at("tinit").as_integer()};
  p.tfinal = {config.at("tfinal").as_integer()};
  p.interval = config.at("deltaT").as_integer();
  p.flavour = flavour;
  return p;
}
inline adapt::Smoothed<adapt::Sensitivity> score(const Value& config) {
  return {{}, config.at("beta1").as_number(), config.at("beta2").as_number()};
}

/// A count of comparisons, and of those that came out different.
struct Tally {
  index_t compared = 0, different = 0;
  void operator()(bool same) {
    ++compared;
    different += same ? 0 : 1;
  }
  friend std::ostream& operator<<(std::ostream& os, const Tally& t) {
    return os << t.compared << '/' << t.different;
  }
};

/// f.template operator()<B>(name) for a backend, and for those over oneDNN where it is found; whether all
/// agree.
template <class B, class F> bool over_backends(const char* name, F f) {
  bool good = f.template operator()<B>(name);
#if defined(LORICA_ONEDNN)
  good = f.template operator()<cpu::EigenBackend<float, cpu::OneDnnGemm>>("oneDNN, float") && good;
  good = f.template operator()<cpu::EigenBackend<bf16, cpu::OneDnnGemm, float>>("oneDNN, bf16") && good;
#endif
  return good;
}

/// Runs `one` on every file named; 0 only if all agree.
template <class F> int over_files(int argc, char** argv, const char* usage, F one) {
  if (argc < 2) {
    std::fprintf(stderr, "%s\n", usage);
    return 2;
  }
  bool good = true;
  for (int i = 1; i < argc; ++i) try {
      good = one(io::json::read(argv[i])) && good;
    } catch (const std::exception& e) {
      std::fprintf(stderr, "%s: %s\n", argv[i], e.what());
      good = false;
    }
  return good ? 0 : 1;
}

}  // namespace lorica::replay
