// SPDX-License-Identifier: MIT
/// @file lorica/io/peft/save.hpp
/// Adapters as a folder that Hugging Face PEFT opens with the same answers.
#pragma once

#include <lorica/io/peft/export.hpp>
#include <lorica/io/peft/folder_writer.hpp>

namespace lorica::io::peft {

/// What a folder says beside the adapters.
struct SaveOptions {
  std::optional<std::string> base_model = {};     // base_model_name_or_path
  std::optional<std::string> task_type = {};      // "CAUSAL_LM", "SEQ_CLS", ...
  std::vector<SavedTensor> saved = {};            // heads that were trained in full
  std::vector<std::string> modules_to_save = {};  // the modules that hold them; empty: by the tensors' names
  Dtype dtype = Dtype::F32;
};

namespace detail {

template <class M> Config config_for(const M& method, const SaveOptions& o) {
  using A = typename M::adapter_type;
  Config c;
  c.base_model = o.base_model;
  c.task_type = o.task_type;
  c.targets.saved = o.modules_to_save.empty() ? saved_modules(o.saved) : o.modules_to_save;
  if constexpr (requires { method.adapter.dropout; }) c.lora_dropout = method.adapter.dropout;
  if constexpr (requires(const A& a) {
                  requires std::same_as<std::remove_cvref_t<decltype(a.scaling)>, adapt::AlphaOverSqrtRank>;
                })
    c.use_rslora = true;
  return c;
}

/// The rank that alpha / (r + 1e-5) would have given this scale, if that is a whole number; else 0.
inline index_t initial_rank(double alpha, double scale) {
  const double r = std::round(alpha / scale - 1e-5);
  return r >= 1 && r < 1e9 && std::abs(alpha / (r + 1e-5) - scale) <= 1e-12 * scale ? static_cast<index_t>(r)
                                                                                    : 0;
}

/// tinit, tfinal, ... of the run that is over; PEFT wants them to be valid, and needs none of them to answer.
template <Backend B, class M> void describe_run(const adapt::Adapted<B, M>& adapted, AdaLoraConfig& a) {
  const M& method = adapted.method();
  if constexpr (requires { method.adapter.shape.orthogonality; })
    a.orth_reg_weight = method.adapter.shape.orthogonality;
  if constexpr (requires {
                  method.score.beta1;
                  method.score.beta2;
                }) {
    a.beta1 = method.score.beta1;
    a.beta2 = method.score.beta2;
  }
  if constexpr (adapt::Adapted<B, M>::moves) {
    if (!adapted.allocator()) return;
    const auto& state = adapted.allocator()->state();
    if constexpr (requires {
                    state.schedule.tinit;
                    state.in_parameters;
                  }) {
      const auto& s = state.schedule;
      a.tinit = s.tinit;
      a.tfinal = s.tfinal;
      a.delta_t = s.interval;
      a.total_step = s.total;
      const auto matrices = std::ranges::count_if(adapted.placement().rank, [](index_t r) { return r > 0; });
      if (!state.in_parameters) a.target_r = s.target / std::max<index_t>(matrices, 1);
    }
  }
}

/// LORA from whatever is attached: without the modules that no direction is left of.
inline void save_lora(std::vector<ModuleUpdate> updates, const std::vector<Module>& modules, Config c,
                      const std::filesystem::path& folder, const SaveOptions& o) {
  std::erase_if(updates, [](const ModuleUpdate& u) { return u.rank() == 0; });
  for (ModuleUpdate& u : updates) {
    if (u.e.empty()) continue;
    const double scale = std::exchange(u.scale, 1.0);  // e alone is folded
    u = folded(std::move(u));
    u.scale = scale;
  }
  if (!updates.empty()) {
    c.use_dora = !updates.front().magnitude.empty();
    c.lora_bias = !updates.front().bias.empty();
  }
  write_folder(folder, lora_config(std::move(c), updates, modules), updates, o.saved, o.dtype);
}

}  // namespace detail

/// Writes the folder: ADALORA for an additive P diag(lambda) Q, with shrunk tensors and a boolean
/// rank_pattern once a budget has cut; LORA for everything else (DoRA over P diag(lambda) Q as B A). Ranks
/// and scales that differ stand in rank_pattern and alpha_pattern, a single site under its full path. A start
/// that is a part of W (PiSSA, OLoRA) is written portably, [B, -B0] [A; A0] of twice the rank. A direction
/// that a mask has switched off and that trains between two cuts is kept, so that the folder answers as the
/// adapters do. ConfigError where PEFT could not hold what is attached; nothing is written then.
template <Backend B, class M, class Model>
void save(const adapt::Adapted<B, M>& adapted, const Model& model, const std::filesystem::path& folder,
          const ModuleOf& module_of, const SaveOptions& options = {}) {
  using A = typename M::adapter_type;
  constexpr bool svd = std::same_as<typename A::parameterization, adapt::Svd>;
  const auto modules = modules_of(model, module_of);
  auto updates = updates_of(adapted, adapt::sites_of(model), modules);
  Config c = detail::config_for(adapted.method(), options);
  const bool plain = std::ranges::all_of(
      updates, [](const ModuleUpdate& u) { return u.magnitude.empty() && u.bias.empty(); });
  if (!svd || !plain) return detail::save_lora(std::move(updates), modules, std::move(c), folder, options);
  c.use_rslora = false;
  detail::describe_run(adapted, c.ada);
  index_t initial = 0;
  if constexpr (requires(const A& a) { a.scaling.alpha; }) {
    for (const ModuleUpdate& u : updates)
      if (u.rank() > 0 && initial == 0)
        initial = detail::initial_rank(adapted.method().adapter.scaling.alpha, u.scale);
  }
  const auto most = std::ranges::max_element(adapted.placement().rank);
  c = adalora_config(std::move(c), updates, modules, std::max(initial, *most));
  write_folder(folder, c, updates, options.saved, options.dtype);
}

/// The same as LORA, whatever the parameterization: s and lambda are in A, alpha is the rank, so that the
/// scale is 1. Exact but for one rounding of each entry of A; sites without a direction are left out.
template <Backend B, class M, class Model>
void save_as_lora(const adapt::Adapted<B, M>& adapted, const Model& model,
                  const std::filesystem::path& folder, const ModuleOf& module_of,
                  const SaveOptions& options = {}) {
  const auto modules = modules_of(model, module_of);
  auto updates = updates_of(adapted, adapt::sites_of(model), modules);
  for (ModuleUpdate& u : updates) u = folded(std::move(u));
  Config c = detail::config_for(adapted.method(), options);
  c.use_rslora = false;
  detail::save_lora(std::move(updates), modules, std::move(c), folder, options);
}

}  // namespace lorica::io::peft
