// SPDX-License-Identifier: MIT
/// @file lorica/io/peft/config.hpp
/// adapter_config.json of the kinds LORA and ADALORA as a value, and what it says of one module.
#pragma once

#include <lorica/io/peft/names.hpp>
#include <lorica/io/peft/rules.hpp>

#include <cmath>
#include <cstdint>
#include <map>
#include <utility>

namespace lorica::io::peft {

/// What stands at the modules of a folder: Additive over LowRank, Dora, Biased, Additive over Svd.
enum class Kind : std::uint8_t { lora, dora, lora_bias, adalora };

constexpr const char* name_of(Kind k) {
  constexpr const char* names[] = {"LORA", "LORA with use_dora", "LORA with lora_bias", "ADALORA"};
  return names[static_cast<int>(k)];
}

/// What ADALORA says beyond LORA.
struct AdaLoraConfig {
  index_t init_r = 12;
  index_t target_r = 8;
  index_t tinit = 0;
  index_t tfinal = 0;
  index_t delta_t = 1;
  double beta1 = 0.85;
  double beta2 = 0.85;
  double orth_reg_weight = 0.5;
  std::optional<index_t> total_step = {};  // null in folders of before PEFT 0.15, which it no longer reads
  /// rank_pattern: by module path, whether each of the init_r directions is kept. None: nothing was cut.
  std::optional<std::map<std::string, std::vector<bool>>> kept = {};
};

/// Defaults are PEFT's. Patterns keep the order of the file: the first that matches counts.
struct Config {
  bool adalora = false;
  std::optional<std::string> base_model = {}, revision = {}, task_type = {}, peft_version = {};
  Targets targets = {};
  index_t r = 8;
  double lora_alpha = 8;
  double lora_dropout = 0;
  std::string bias = "none";
  std::string init_lora_weights = "true";  // or "false", or a word
  bool fan_in_fan_out = false;             // PEFT decides by the type of each layer, and so do we
  bool use_rslora = false;
  bool use_dora = false;
  bool lora_bias = false;
  std::vector<std::pair<std::string, index_t>> rank_pattern = {};
  std::vector<std::pair<std::string, double>> alpha_pattern = {};
  AdaLoraConfig ada = {};
};

[[nodiscard]] inline Kind kind_of(const Config& c) {
  return c.adalora ? Kind::adalora : c.use_dora ? Kind::dora : c.lora_bias ? Kind::lora_bias : Kind::lora;
}

/// Directions that the tensors of a module have.
[[nodiscard]] inline index_t rank_of(const Config& c, const std::string& module) {
  using Ranks = decltype(c.rank_pattern)::value_type;
  if (!c.adalora) {
    const auto* hit = first_match(c.rank_pattern, module, &Ranks::first);
    return hit != nullptr ? hit->second : c.r;
  }
  if (!c.ada.kept) return c.ada.init_r;
  const auto at = c.ada.kept->find(module);
  return at == c.ada.kept->end() ? c.ada.init_r : static_cast<index_t>(std::ranges::count(at->second, true));
}

/// s of a module: alpha / r, alpha / sqrt(r) with use_rslora; alpha / (init_r + 1e-5) for ADALORA, whatever
/// is left of it, where alpha <= 0 stands for init_r and use_rslora and alpha_pattern are ignored, as in
/// PEFT.
[[nodiscard]] inline double scale_of(const Config& c, const std::string& module) {
  if (c.adalora) {
    const auto r = double(c.ada.init_r);
    return (c.lora_alpha > 0 ? c.lora_alpha : r) / (r + 1e-5);
  }
  using Alphas = decltype(c.alpha_pattern)::value_type;
  const auto* hit = first_match(c.alpha_pattern, module, &Alphas::first);
  const double alpha = hit != nullptr ? hit->second : c.lora_alpha;
  const auto r = double(rank_of(c, module));
  return alpha / (c.use_rslora ? std::sqrt(r) : r);
}

}  // namespace lorica::io::peft
