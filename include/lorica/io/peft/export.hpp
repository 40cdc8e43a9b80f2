// SPDX-License-Identifier: MIT
/// @file lorica/io/peft/export.hpp
/// From updates to the configuration that says the same of them: names, ranks and scales.
#pragma once

#include <lorica/io/peft/config.hpp>
#include <lorica/io/peft/module_update.hpp>

#include <set>

namespace lorica::io::peft {

/// A LORA update of scale 1 whose factors hold the scale and e.
[[nodiscard]] inline ModuleUpdate folded(ModuleUpdate u) {
  for (index_t i = 0; i < u.rank(); ++i) {
    const double by = u.scale * (u.e.empty() ? 1.0 : u.e[static_cast<std::size_t>(i)]);
    for (index_t j = 0; j < u.a.cols; ++j) u.a(i, j) *= by;
  }
  for (double& x : u.bias) x *= u.scale;
  u.e.clear();
  u.scale = 1;
  return u;
}

/// The shortest names that mean these modules and no other site: what follows the number of the layer
/// ("attn.c_attn") where every site of that name is among them, else full paths.
[[nodiscard]] inline std::vector<std::string> target_names(const std::vector<std::string>& adapted,
                                                           const std::vector<Module>& sites) {
  const auto short_name = [](const std::string& path) {
    std::smatch found;
    return std::regex_match(path, found, std::regex(".*\\.\\d+\\.(.+)")) ? found[1].str() : path;
  };
  const std::set<std::string> chosen(adapted.begin(), adapted.end());
  std::set<std::string> out;
  for (const std::string& path : adapted) {
    const std::string name = short_name(path);
    const bool all = std::ranges::all_of(
        sites, [&](const Module& m) { return !detail::ends_in(m.path, name) || chosen.contains(m.path); });
    out.insert(all ? name : path);
  }
  return {out.begin(), out.end()};
}

/// The modules that hold these tensors: all of a head that PEFT knows by name, else the tensor's own module.
[[nodiscard]] inline std::vector<std::string> saved_modules(std::span<const SavedTensor> saved) {
  std::set<std::string> out;
  for (const SavedTensor& t : saved) {
    std::string module = t.name.substr(0, t.name.rfind('.'));
    for (const std::string_view head : {"classifier", "score", "qa_outputs"}) {
      const auto at = ("." + t.name).find(message('.', head, '.'));
      if (at != std::string::npos) module = t.name.substr(0, at + head.size());
    }
    out.insert(std::move(module));
  }
  return {out.begin(), out.end()};
}

namespace detail {
/// alpha with alpha / of == scale; the whole number nearby, if that does it.
[[nodiscard]] inline double alpha_of(double scale, double of) {
  const double alpha = scale * of, whole = std::round(alpha);
  return std::abs(whole / of - scale) <= 1e-15 * scale ? whole : alpha;
}
/// A pattern for that path and no other.
[[nodiscard]] inline std::string anchored(const std::string& path) {
  std::string out = "^";
  for (const char c : path) (out += c == '.' ? "\\" : "") += c;
  return out;
}
/// Whether the configuration says of every module what is to be written.
[[nodiscard]] inline bool says(const Config& c, std::span<const ModuleUpdate> updates) {
  return std::ranges::all_of(updates, [&](const ModuleUpdate& u) {
    return rank_of(c, u.module.path) == u.rank() &&
           std::abs(scale_of(c, u.module.path) - u.scale) <= 1e-14 * u.scale;
  });
}
inline void choose_targets(Config& c, std::span<const ModuleUpdate> updates,
                           const std::vector<Module>& sites) {
  std::vector<std::string> paths;
  for (const ModuleUpdate& u : updates) {
    paths.push_back(u.module.path);
    c.fan_in_fan_out = c.fan_in_fan_out || u.module.conv1d;
    expects(u.scale > 0 && std::isfinite(u.scale), "peft: the scale at ", u.module.path, " is ", u.scale,
            ", expected above 0");
  }
  c.targets.modules = Names{target_names(paths, sites)};
  for (const std::string& path : paths)
    expects(selects(c.targets, path), "peft: ", path,
            " is adapted, and lies in a module that is saved whole");
}
}  // namespace detail

/// A LORA configuration for updates B A of a rank above 0. The commonest rank and alpha are the global ones;
/// the others stand in rank_pattern and alpha_pattern under full paths.
inline Config lora_config(Config c, std::span<const ModuleUpdate> updates, const std::vector<Module>& sites) {
  expects(!updates.empty(), "peft: no direction is left at any site, expected something to write");
  std::map<std::pair<index_t, double>, int> count;
  std::vector<double> alphas;
  for (const ModuleUpdate& u : updates) {
    const auto r = double(u.rank());
    alphas.push_back(detail::alpha_of(u.scale, c.use_rslora ? std::sqrt(r) : r));
    ++count[{u.rank(), alphas.back()}];
  }
  const auto common = std::ranges::max_element(count, {}, [](const auto& x) { return x.second; })->first;
  c.r = common.first;
  c.lora_alpha = common.second;
  detail::choose_targets(c, updates, sites);
  for (const bool exact : {false, true}) {  // plain paths are read more easily, and nearly always enough
    std::map<std::string, index_t> ranks;
    std::map<std::string, double> scales;
    for (std::size_t i = 0; i < updates.size(); ++i) {
      const std::string& path = updates[i].module.path;
      const std::string pattern = exact ? detail::anchored(path) : path;
      if (updates[i].rank() != c.r || exact) ranks[pattern] = updates[i].rank();
      if (alphas[i] != c.lora_alpha || exact) scales[pattern] = alphas[i];
    }
    c.rank_pattern.assign(ranks.begin(), ranks.end());  // sorted, as they will be in the file
    c.alpha_pattern.assign(scales.begin(), scales.end());
    if (detail::says(c, updates)) return c;
  }
  throw ConfigError("peft: no rank_pattern tells these modules apart");
}

/// An ADALORA configuration for updates B diag(e) A. init_r is `init_r`, or more where a module has more
/// directions; alpha gives the first module its scale, and the ratio of any other goes into its e. Flags are
/// made as long as init_r; no pattern where every module has all directions.
inline Config adalora_config(Config c, std::vector<ModuleUpdate>& updates, const std::vector<Module>& sites,
                             index_t init_r) {
  expects(!updates.empty(), "peft: nothing is attached, expected something to write");
  c.adalora = true;
  for (const ModuleUpdate& u : updates) init_r = std::max(init_r, static_cast<index_t>(u.kept.size()));
  c.ada.init_r = init_r;
  const auto live = std::ranges::find_if(updates, [](const ModuleUpdate& u) { return u.rank() > 0; });
  expects(live != updates.end(), "peft: no direction is left at any site, expected something to write");
  const double scale = live->scale;
  c.lora_alpha = detail::alpha_of(scale, double(init_r) + 1e-5);
  detail::choose_targets(c, updates, sites);
  bool whole = true;
  std::map<std::string, std::vector<bool>> kept;
  for (ModuleUpdate& u : updates) {
    if (u.rank() > 0 && u.scale != scale)
      for (double& x : u.e) x *= u.scale / scale;
    auto flags = u.kept;
    flags.resize(static_cast<std::size_t>(init_r), false);
    whole = whole && u.rank() == init_r;
    kept[u.module.path] = std::move(flags);
  }
  if (!whole) c.ada.kept = std::move(kept);
  if (!c.ada.total_step) c.ada.total_step = 1;
  return c;
}

}  // namespace lorica::io::peft
