// SPDX-License-Identifier: MIT
/// @file lorica/io/merged_folder.hpp
/// A model folder whose weights have adapters in them, which transformers opens as it opened the first.
/// Without adapters it is a copy, or, of a model of llama2.c, the conversion.
#pragma once

#include <lorica/adapt/merge.hpp>
#include <lorica/io/model_folder.hpp>
#include <lorica/io/peft/json_text.hpp>
#include <lorica/io/peft/module.hpp>

#include <bit>
#include <cmath>
#include <set>

namespace lorica::io {

/// delta W [out, in] of sites, by path, row by row in double; each is asked for once, when it is written.
using HostUpdates = std::map<std::string, std::function<std::vector<double>()>>;

/// From updates that there are already. Refers to `b` and `all`.
template <Backend B> [[nodiscard]] HostUpdates host_updates(B& b, const adapt::Updates<B>& all) {
  HostUpdates out;
  for (const auto& [path, delta] : all)
    out[path] = [&b, &tensor = delta] { return tensor.template host<double>(b); };
  return out;
}
/// From adapters, a site at a time: no more than one delta W is in memory. Refers to all three.
template <Backend B, class Model, class P>
[[nodiscard]] HostUpdates host_updates(B& b, const Model& model, P& policy) {
  HostUpdates out;
  model.for_each_site([&](const SiteInfo& s, const WeightView<B>& w) {
    if (!adapt::detail::adapts(policy, s)) return;
    out[s.path] = [&b, &policy, s, w] {
      return adapt::delta_weight(b, policy, s, w).template host<double>(b);
    };
  });
  return out;
}

/// What a merged folder has that the first one has not.
struct MergeOptions {
  std::vector<peft::SavedTensor> saved = {};  // trained in full, stored as F32: they replace or are added
  json::Object config = {};                   // members of config.json to set: architectures, id2label, ...
};

namespace detail {

/// The float next to x, toward it from zero or away, whose last bit is 1, where x is none itself. What is
/// rounded from here to fewer bits is rounded as if from x.
[[nodiscard]] inline float rounded_to_odd(double x) {
  const auto near = static_cast<float>(x);
  const auto bits = std::bit_cast<std::uint32_t>(near);
  if (std::isnan(x) || double(near) == x || bits % 2 == 1) return near;
  return std::bit_cast<float>(std::abs(double(near)) < std::abs(x) ? bits + 1 : bits - 1);
}

/// stored + delta, rounded once.
template <class Stored> [[nodiscard]] Stored rounded(Dtype dtype, double x) {
  if constexpr (sizeof(Stored) == 2)
    return dtype == Dtype::BF16 ? to_bf16(rounded_to_odd(x)) : to_f16(rounded_to_odd(x));
  else
    return static_cast<Stored>(x);
}

/// The rows of a stored matrix with an update added to each number.
template <class Number>
void put_updated(const TensorInfo& t, const std::byte* raw, const std::vector<double>& delta, bool transposed,
                 const SafeTensorsWriter::Put& put, Number number) {
  using Stored = stored_t<Number>;
  const auto rows = static_cast<std::size_t>(t.shape[0]), cols = static_cast<std::size_t>(t.shape[1]);
  std::vector<Stored> out(cols);
  for (std::size_t i = 0; i < rows; ++i) {
    std::memcpy(out.data(), raw + i * cols * sizeof(Stored), cols * sizeof(Stored));
    for (std::size_t j = 0; j < cols; ++j) {
      const double w = number(out[j]), x = w + delta[transposed ? j * rows + i : i * cols + j];
      out[j] = rounded<Stored>(t.dtype, x);
      if (std::isfinite(double(number(out[j]))) || !std::isfinite(w)) continue;
      throw NumericError(message("merge: element [", i, ", ", j, "] of ", json::quote(t.name), " would be ",
                                 x, ", which ", dtype_name(t.dtype), " cannot hold"));
    }
    put(std::as_bytes(std::span<const Stored>(out)));
  }
}

/// A tensor of a model as it will lie in the new file; `delta` is empty or the update of its site.
inline void put_tensor(const ModelWeights& weights, const SafeTensors& file, const TensorInfo& t,
                       const std::vector<double>& delta, bool transposed, const SafeTensorsWriter::Put& put) {
  std::vector<float> turned;
  std::span<const std::byte> raw = file.bytes(t.name);
  if (!weights.in_order(t.name)) {
    turned = weights.numbers(t.name, {t.shape[0], t.shape[1]}).list();
    raw = std::as_bytes(std::span<const float>(turned));
  }
  constexpr std::size_t piece = std::size_t(1) << 24;
  if (delta.empty())
    for (std::size_t at = 0; at < raw.size(); at += piece) {
      const auto part = raw.subspan(at, std::min(piece, raw.size() - at));
      put(part);
      if (turned.empty()) file.forget(part);
    }
  else
    with_number(t.dtype, [&](auto number) { put_updated(t, raw.data(), delta, transposed, put, number); });
  file.forget(file.bytes(t.name));
}

/// The updates by the name of the tensor they belong to; every one must have its tensor.
inline HostUpdates by_tensor(const ModelFolder& from, const HostUpdates& updates) {
  const nn::Names names = names_in(*from.weights, from.what.names);
  HostUpdates out;
  for (const auto& [site, delta] : updates) {
    const std::string name = names.parts.empty() ? site + ".weight" : names.tensor(site + ".weight");
    expects(from.weights->contains(name), "merge: '", from.path.string(), "' has no tensor ",
            json::quote(name), " for the update of ", site);
    out[name] = delta;
  }
  return out;
}

/// All tensors of the new file.
inline void add_tensors(SafeTensorsWriter& out, const ModelFolder& from, const HostUpdates& updates,
                        std::span<const peft::SavedTensor> saved) {
  const HostUpdates by_name = by_tensor(from, updates);
  std::set<std::string> replaced;
  bool head = false;  // a head beside what was saved without one
  for (const auto& t : saved) {
    replaced.insert(t.name);
    head = head || !from.weights->contains(t.name);
  }
  // A file without the family's prefix holds the inner model alone: beside a head it needs the prefix.
  const auto& names = from.what.names;
  const bool bare = names_in(*from.weights, names).prefix != names.prefix;
  const std::string prefix(head && bare ? names.prefix : std::string_view());
  from.weights->for_each([&](const SafeTensors& file, const TensorInfo& t) {
    if (replaced.contains(prefix + t.name)) return;
    const auto found = by_name.find(t.name);
    const auto delta = found == by_name.end() ? std::function<std::vector<double>()>() : found->second;
    out.add(prefix + t.name, t.dtype, t.shape,
            [&weights = *from.weights, &file, &t, delta,
             transposed = names.transposed](const SafeTensorsWriter::Put& put) {
              const auto d = delta ? delta() : std::vector<double>();
              const auto size = t.shape.size() == 2 ? t.shape[0] * t.shape[1] : 0;
              const bool number = t.dtype == Dtype::F32 || t.dtype == Dtype::BF16 || t.dtype == Dtype::F16 ||
                                  t.dtype == Dtype::F64;
              expects(!delta || (number && static_cast<index_t>(d.size()) == size), "merge: an update of ",
                      d.size(), " numbers for ", json::quote(t.name), ", which is ", dtype_name(t.dtype), ' ',
                      shape_text(t.shape));
              put_tensor(weights, file, t, d, transposed, put);
            });
  });
  for (const auto& t : saved) out.add(t.name, t.shape, std::span<const float>(t.values));
}

/// config.json of the new folder: as it was, unless something is to be set.
inline std::string merged_config(const ModelFolder& from, const json::Object& set) {
  if (from.file.empty() && set.empty()) return read_text(from.path / "config.json");
  json::Object members = from.file.empty() ? json::read(from.path / "config.json").as_object()
                                           : llama_config(std::get<nn::DecoderConfig>(from.what.config));
  for (const json::Member& m : set) {
    const auto old = std::ranges::find(members, m.key, &json::Member::key);
    if (old == members.end())
      members.push_back(m);
    else
      old->value = m.value;
  }
  return peft::pretty(members) + "\n";
}

/// Tokenizers, templates and settings: what stands in a model's folder beside its weights.
[[nodiscard]] inline bool travels(const std::filesystem::path& file) {
  const std::string name = file.filename().string(), kind = file.extension().string();
  if (name == "config.json" || name.ends_with(".index.json") || name.starts_with("adapter_")) return false;
  constexpr std::string_view kinds[] = {".json",  ".txt",      ".model", ".spm",
                                        ".jinja", ".tiktoken", ".vocab", ".codes"};
  return std::ranges::find(kinds, kind) != std::end(kinds) || (kind == ".bin" && name.starts_with("tok"));
}

inline void expect_target(const std::filesystem::path& from, const std::filesystem::path& to) {
  namespace fs = std::filesystem;
  if (!fs::exists(to)) return;
  const auto refuse_if = [&](bool is, const char* what) {
    expects<FileError>(!is, "cannot write a model into '", to.string(), "': it ", what,
                       "; expected another folder");
  };
  refuse_if(!fs::is_directory(to), "is no folder");
  refuse_if(fs::equivalent(from, to), "is the folder that the model comes from");
  refuse_if(fs::exists(to / "adapter_config.json"),
            "holds an adapter, which would be added once more to what is merged");
  refuse_if(fs::exists(to / "model.safetensors.index.json"), "holds another model, in shards");
}

}  // namespace detail

/// Writes a folder that transformers opens with the same classes: every tensor under its own name and in its
/// own dtype, those of updated sites as W + delta W, added in double and rounded once; config.json; and what
/// else is there of .json, .txt, .model, .spm, .jinja, .tiktoken, .vocab, .codes and tok*.bin. Shards become
/// one model.safetensors. Of a model of llama2.c it is transformers' Llama.
///
/// Tensors pass through one at a time. `to` is made if it is not there; a model of one file that it holds is
/// replaced. The folder that is read from, a folder with an adapter, and one with a model in shards are
/// refused (FileError). All files are whole before one is renamed, the weights last. NumericError where a
/// sum does not fit the dtype; an adapter with a bias of its own is ConfigError, see adapt::delta_weight.
inline void write_merged(const ModelFolder& from, const HostUpdates& updates, const std::filesystem::path& to,
                         const MergeOptions& options = {}) {
  namespace fs = std::filesystem;
  constexpr const char* weights = "model.safetensors";
  detail::expect_target(from.path, to);
  SafeTensorsWriter file;
  detail::add_tensors(file, from, updates, options.saved);
  const std::string config = detail::merged_config(from, options.config);
  std::error_code why;
  const bool made = fs::create_directories(to, why);
  expects<FileError>(fs::is_directory(to), "cannot write '", to.string(),
                     "': it is no folder and cannot be made one", why ? " (" + why.message() + ")" : "");
  try {
    const detail::Beside beside(to);
    file.write(beside.path() / weights, {{"format", "pt"}});
    write_atomically(beside.path() / "config.json", config);
    std::vector<fs::path> names = {"config.json"};
    for (const auto& entry : fs::directory_iterator(from.path)) {
      if (!entry.is_regular_file() || !detail::travels(entry.path())) continue;
      names.push_back(entry.path().filename());
      fs::copy_file(entry.path(), beside.path() / names.back());
      fs::permissions(beside.path() / names.back(), fs::perms::owner_write, fs::perm_options::add);
    }
    names.emplace_back(weights);
    for (const fs::path& name : names) {
      fs::rename(beside.path() / name, to / name, why);
      expects<FileError>(!why, "cannot write '", (to / name).string(), "': ", why.message());
    }
  } catch (const fs::filesystem_error& error) {
    if (made) fs::remove(to, why);
    throw FileError(message("cannot write '", to.string(), "': ", error.what()));
  } catch (...) {
    if (made) fs::remove(to, why);
    throw;
  }
}

}  // namespace lorica::io
