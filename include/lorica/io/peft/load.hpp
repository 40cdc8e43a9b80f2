// SPDX-License-Identifier: MIT
/// @file lorica/io/peft/load.hpp
/// Adapters from a folder that Hugging Face PEFT or this library wrote.
#pragma once

#include <lorica/io/peft/folder_reader.hpp>
#include <lorica/io/peft/module_update.hpp>

namespace lorica::io::peft {

/// What a folder gave.
template <Backend B, class M> struct Loaded {
  adapt::Adapted<B, M> adapted;
  std::vector<SavedTensor> saved;  // of the modules that were trained in full, under the model's names
  Config config;
  std::vector<std::string> warnings;
};

namespace detail {

/// "x" and "y" and "z", the names nearest to `name`, best first.
inline std::string nearest_three(const std::string& name, std::vector<std::string> names) {
  std::string out;
  for (int i = 0; i < 3 && !names.empty(); ++i) {
    const std::string best = nearest(name, names);
    out += (i == 0 ? "" : ", ") + json::quote(best);
    std::erase(names, best);
  }
  return out;
}

/// The site that a folder calls `name`: the same path, or the one path that ends in it or that it ends in (a
/// folder made with or without the wrapper around the encoder).
inline std::size_t site_called(const std::string& name, const std::vector<Module>& sites,
                               const std::string& file) {
  std::vector<std::size_t> hits;
  for (std::size_t i = 0; i < sites.size(); ++i) {
    if (sites[i].path == name) return i;
    if (ends_in(sites[i].path, name) || ends_in(name, sites[i].path)) hits.push_back(i);
  }
  std::vector<std::string> paths;
  for (const Module& m : sites) paths.push_back(m.path);
  expects<FileError>(!hits.empty(), file, " adapts the module ", json::quote(name),
                     ", which the model does not have: it is of another model; the nearest are ",
                     nearest_three(name, paths));
  std::string both;
  for (const std::size_t i : hits) both += (both.empty() ? "" : " and ") + json::quote(sites[i].path);
  expects<FileError>(hits.size() == 1, file, " adapts the module ", json::quote(name), ", which may be ",
                     both);
  return hits.front();
}

/// Whether the configuration means a module; true where it does not say, or in a pattern that cannot be run.
inline bool is_meant(const Targets& t, const std::string& path, std::vector<std::string>& warnings) {
  if (!t.modules) return true;
  try {
    return selects(t, path);
  } catch (const ConfigError& error) {
    const std::string text = message(error.what(), "; the tensors tell which modules are adapted");
    if (std::ranges::find(warnings, text) == warnings.end()) warnings.push_back(text);
    return true;
  }
}

/// What stands at a site of a folder, with the rank and scale its configuration gives.
struct Found {
  const AdaptedModule* module = nullptr;
  index_t rank = 0;
};

/// Tensors as the site has them: A [r, k], B [m, r], E [r, 1], magnitude and bias [m].
inline void check_shapes(const SafeTensors& file, const AdaptedModule& m, const SiteInfo& s, index_t rank) {
  const auto check = [&](const std::string& tensor, std::vector<index_t> expected) {
    if (tensor.empty()) return;
    const auto& shape = file.info(tensor).shape;
    expects<FileError>(shape == expected, in_file(file, tensor), " is ", shape_text(shape), ", expected ",
                       shape_text(expected), " for ", s.path, " of [", s.out, ", ", s.in, "] and rank ", rank,
                       "; is the adapter of another model?");
  };
  check(m.a, {rank, s.in});
  check(m.b, {s.out, rank});
  check(m.e, {rank, 1});
  check(m.magnitude, {s.out});
  check(m.bias, {s.out});
}

/// By ordinal: which module stands at each site.
inline std::vector<Found> place(Folder& f, const std::vector<SiteInfo>& sites,
                                const std::vector<Module>& modules) {
  const std::string file = "'" + f.file.path().string() + "'";
  std::vector<Found> at(sites.size());
  std::vector<std::string> skipped;
  for (const AdaptedModule& m : f.modules) {
    const std::size_t i = site_called(m.path, modules, file);
    if (!is_meant(f.config.targets, m.path, f.warnings)) {
      skipped.push_back(m.path);
      continue;
    }
    expects<FileError>(
        at[i].module == nullptr, file, " adapts ", json::quote(modules[i].path), " twice, as ",
        json::quote(m.path),
        at[i].module != nullptr ? " and as " + json::quote(at[i].module->path) : std::string());
    at[i] = {&m, rank_of(f.config, m.path)};
    check_shapes(f.file, m, sites[i], at[i].rank);
  }
  if (!skipped.empty())
    f.warnings.push_back(message(skipped.size(),
                                 " modules have tensors that are not read, as in PEFT: the "
                                 "configuration does not select them (",
                                 skipped.front(), ", ...)"));
  return at;
}

/// Sites that the configuration selects and that have no tensors stay as they are.
inline void note_absent(Folder& f, const std::vector<Found>& at, const std::vector<Module>& modules) {
  if (!f.config.targets.modules) return;
  std::vector<std::string> absent, ignored;
  for (std::size_t i = 0; i < at.size(); ++i)
    if (at[i].module == nullptr && is_meant(f.config.targets, modules[i].path, ignored) && ignored.empty())
      absent.push_back(modules[i].path);
  if (!absent.empty())
    f.warnings.push_back(message(absent.size(),
                                 " modules are selected by the configuration and have no tensors (",
                                 absent.front(), ", ...): they are not adapted"));
}

template <Backend B> void put(B& b, const SafeTensors& file, const std::string& name, Parameter<B>& to) {
  to.value = MasterTensor<B>(b, to.rows(), to.cols(), finite<double>(file, name));
}
template <Backend B>
void put_factors(B& b, const SafeTensors& file, const AdaptedModule& m, adapt::LowRank::factors<B>& f) {
  put(b, file, m.a, f.a);
  put(b, file, m.b, f.b);
}
template <Backend B>
void put_factors(B& b, const SafeTensors& file, const AdaptedModule& m, adapt::Svd::factors<B>& f) {
  put(b, file, m.a, f.q);
  put(b, file, m.b, f.p);
  put(b, file, m.e, f.lambda);
}

/// What a method's adapters can hold.
template <class State> constexpr Kind kind_held() {
  constexpr bool svd = requires(State & s) { s.factors.lambda; };
  if constexpr (requires(State & s) { s.magnitude; })
    return Kind::dora;
  else if constexpr (requires(State & s) { s.bias; })
    return Kind::lora_bias;
  else
    return svd ? Kind::adalora : Kind::lora;
}

}  // namespace detail

/// Attaches to `model` what a folder holds. The method says the type of the adapter, which must be the
/// folder's kind (kind_of): Additive over LowRank or FrozenA, Dora over LowRank, Biased, Additive over Svd;
/// ranks, scales and alpha come from the folder, dropout is the method's, and its start leaves nothing behind
/// (though Orthogonal refuses odd ranks, and a start that is a part of W is refused). Modules are found by
/// path, with or without the path of an inner model before it. A module that the model does not have, a
/// tensor of another shape, or a number that is not finite is an error naming it.
template <Backend B, class Model, class M>
Loaded<B, M> load(B& b, const Model& model, M method, const std::filesystem::path& folder,
                  const ModuleOf& module_of) {
  using A = typename M::adapter_type;
  using State = typename A::template state<B>;
  Folder f = read_folder(folder);
  const Kind found = kind_of(f.config), held = detail::kind_held<State>();
  constexpr bool pair = requires(State & s) {
    s.factors.a;
    s.factors.b;
  };
  expects<FileError>(found == held && (pair || found == Kind::adalora), "'", folder.string(), "' holds ",
                     name_of(found), ", the method expects ", name_of(held),
                     pair || held == Kind::adalora ? "" : " over P diag(lambda) Q, which no folder holds");
  if constexpr (requires(State & s) { s.held.a; })
    throw ConfigError(
        message("'", folder.string(),
                "': what a folder holds is counted from 0, the method's start is a part of W; load it "
                "with a method that starts from zero"));
  const auto sites = adapt::sites_of(model);
  const auto modules = modules_of(model, module_of);
  const auto at = detail::place(f, sites, modules);
  detail::note_absent(f, at, modules);
  adapt::Placement placement;
  for (std::size_t i = 0; i < sites.size(); ++i) {
    const index_t most = std::min(sites[i].in, sites[i].out);
    expects<FileError>(at[i].rank <= most, "'", folder.string(), "': the rank at ",
                       json::quote(modules[i].path), " is ", at[i].rank,
                       ", expected at most min(d_in, d_out) = ", most);
    placement.rank.push_back(at[i].rank);
  }
  expects<FileError>(std::ranges::any_of(placement.rank, [](index_t r) { return r > 0; }), "'",
                     folder.string(), "' has no direction left at any module that it selects");
  if constexpr (requires { method.adapter.scaling.alpha = 1.0; })
    if (f.config.lora_alpha > 0) method.adapter.scaling.alpha = f.config.lora_alpha;
  auto adapted = adapt::attach_at(b, model, std::move(method), std::move(placement));
  for (auto& slot : adapted.slots()) {
    const AdaptedModule& m = *at[static_cast<std::size_t>(slot.site.ordinal)].module;
    slot.state.scale = scale_of(f.config, m.path);
    detail::put_factors(b, f.file, m, slot.state.factors);
    if constexpr (requires { slot.state.magnitude; })
      detail::put(b, f.file, m.magnitude, slot.state.magnitude);
    if constexpr (requires { slot.state.bias; }) detail::put(b, f.file, m.bias, slot.state.bias);
  }
  return {std::move(adapted), std::move(f.saved), std::move(f.config), std::move(f.warnings)};
}

}  // namespace lorica::io::peft
