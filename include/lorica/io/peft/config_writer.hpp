// SPDX-License-Identifier: MIT
/// @file lorica/io/peft/config_writer.hpp
/// adapter_config.json written strictly: every value is one that PEFT 0.15 and later accept.
#pragma once

#include <lorica/io/peft/config.hpp>
#include <lorica/io/peft/json_text.hpp>

namespace lorica::io::peft {

namespace detail {
/// Whole numbers as PEFT writes them, without a point.
[[nodiscard]] inline json::Value number(double x) {
  const bool whole = x == std::floor(x) && std::abs(x) < 1e15;
  return whole ? json::Value(static_cast<index_t>(x)) : json::Value(x);
}
[[nodiscard]] inline json::Value or_null(const std::optional<std::string>& text) {
  return text ? json::Value(*text) : json::Value();
}
[[nodiscard]] inline json::Value list(const std::vector<std::string>& names) {
  return json::Array(names.begin(), names.end());
}
[[nodiscard]] inline json::Value or_null(const std::optional<Names>& n) {
  if (!n) return {};
  return n->pattern ? json::Value(*n->pattern) : list(n->list);
}
[[nodiscard]] inline json::Value or_null(const std::vector<std::string>& names) {
  return names.empty() ? json::Value() : list(names);
}
inline void check_schedule(const AdaLoraConfig& a) {
  expects(a.init_r >= 1, "adapter_config.json: init_r is ", a.init_r, ", expected at least 1");
  expects(a.total_step && *a.total_step > 0 && a.tinit < *a.total_step - a.tfinal,
          "adapter_config.json: total_step is ", a.total_step ? std::to_string(*a.total_step) : "null",
          ", tinit ", a.tinit, ", tfinal ", a.tfinal, ", expected tinit < total_step - tfinal");
  expects(a.orth_reg_weight >= 0, "adapter_config.json: orth_reg_weight is ", a.orth_reg_weight,
          ", expected at least 0");
  if (!a.kept) return;
  for (const auto& [name, kept] : *a.kept) {
    expects(static_cast<index_t>(kept.size()) == a.init_r, "adapter_config.json: rank_pattern of ", name,
            " has ", kept.size(), " entries, expected init_r = ", a.init_r);
    expects(
        name.find("default") == std::string::npos, "adapter_config.json: the module ", name,
        " has \"default\" in its name, with which PEFT cannot read a rank_pattern; expected save_as_lora");
  }
}
}  // namespace detail

/// The text of the file; members sorted, two spaces a level. ConfigError where a value is none PEFT accepts.
inline std::string config_text(const Config& c) {
  using detail::or_null;
  expects(c.targets.modules.has_value(), "adapter_config.json: no target_modules, expected some");
  expects(c.lora_alpha > 0 && std::isfinite(c.lora_alpha), "adapter_config.json: lora_alpha is ",
          c.lora_alpha, ", expected above 0");
  expects(!(c.use_dora && c.lora_bias), "adapter_config.json: use_dora and lora_bias are both set");
  expects(!c.targets.modules->pattern || (!c.targets.layers && c.targets.layers_pattern.empty()),
          "adapter_config.json: layers_to_transform beside a target_modules that is a pattern");
  json::Value layers;
  if (c.targets.layers) layers = json::Array(c.targets.layers->begin(), c.targets.layers->end());
  json::Value init = c.init_lora_weights;
  if (c.init_lora_weights == "true" || c.init_lora_weights == "false") init = c.init_lora_weights == "true";
  json::Object alphas, ranks;
  for (const auto& [pattern, alpha] : c.alpha_pattern) alphas.push_back({pattern, detail::number(alpha)});
  for (const auto& [pattern, rank] : c.rank_pattern) ranks.push_back({pattern, rank});
  json::Object out{{"alpha_pattern", std::move(alphas)},
                   {"auto_mapping", nullptr},
                   {"base_model_name_or_path", or_null(c.base_model)},
                   {"bias", c.bias},
                   {"exclude_modules", or_null(c.targets.excluded)},
                   {"fan_in_fan_out", c.fan_in_fan_out},
                   {"inference_mode", true},
                   {"init_lora_weights", std::move(init)},
                   {"layers_pattern", or_null(c.targets.layers_pattern)},
                   {"layers_to_transform", std::move(layers)},
                   {"lora_alpha", detail::number(c.lora_alpha)},
                   {"lora_bias", c.lora_bias},
                   {"lora_dropout", c.lora_dropout},
                   {"modules_to_save", or_null(c.targets.saved)},
                   {"peft_type", c.adalora ? "ADALORA" : "LORA"},
                   {"r", c.r},
                   {"revision", or_null(c.revision)},
                   {"target_modules", or_null(c.targets.modules)},
                   {"task_type", or_null(c.task_type)},
                   {"use_dora", c.use_dora},
                   {"use_rslora", c.use_rslora}};
  if (!c.adalora) {
    out.push_back({"rank_pattern", std::move(ranks)});
    return pretty(std::move(out));
  }
  const AdaLoraConfig& a = c.ada;
  detail::check_schedule(a);
  json::Value kept;
  if (a.kept) {
    json::Object by_name;
    for (const auto& [module, flags] : *a.kept) {
      json::Array list;
      for (const bool flag : flags) list.push_back(flag);
      by_name.push_back({module + ".lora_E", std::move(list)});
    }
    kept = std::move(by_name);
  }
  for (auto& member : json::Object{{"beta1", a.beta1},
                                   {"beta2", a.beta2},
                                   {"deltaT", a.delta_t},
                                   {"init_r", a.init_r},
                                   {"orth_reg_weight", a.orth_reg_weight},
                                   {"rank_pattern", std::move(kept)},
                                   {"target_r", a.target_r},
                                   {"tfinal", a.tfinal},
                                   {"tinit", a.tinit},
                                   {"total_step", *a.total_step}})
    out.push_back(std::move(member));
  return pretty(std::move(out));
}

}  // namespace lorica::io::peft
