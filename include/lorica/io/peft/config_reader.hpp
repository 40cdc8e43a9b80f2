// SPDX-License-Identifier: MIT
/// @file lorica/io/peft/config_reader.hpp
/// adapter_config.json read with tolerance: whatever does not change the numbers is a warning, whatever does
/// and is not known here is refused by name.
#pragma once

#include <lorica/io/json.hpp>
#include <lorica/io/peft/config.hpp>

#include <functional>
#include <limits>
#include <set>

namespace lorica::io::peft {

struct ReadConfig {
  Config config;
  std::vector<std::string> warnings = {};
};

namespace detail {

/// A key that is understood and not honoured, where it is set (null, false and what is empty are not).
struct NotHonoured {
  const char* key;
  bool wrong;        // the numbers would be wrong without it
  const char* what;  // it does
};
inline constexpr NotHonoured not_honoured[] = {
    {"alora_invocation_tokens", true, "an adapter that is active from its invocation tokens on"},
    {"arrow_config", true, "routing among several adapters"},
    {"corda_config", false, "how a start was computed"},
    {"ensure_weight_tying", false, "it ties embeddings that are trained along"},
    {"eva_config", false, "how a start was computed"},
    {"kasa_config", true, "singular values of the base that were changed"},
    {"layer_replication", true, "a base model with other layers"},
    {"loftq_config", false, "how a quantised base was made"},
    {"lora_ga_config", false, "how a start was computed"},
    {"megatron_config", false, "layers of Megatron"},
    {"monteclora_config", true, "factors that are drawn at random"},
    {"runtime_config", false, "how PEFT shall run"},
    {"target_parameters", true, "factors of parameters that are no linear's"},
    {"trainable_token_indices", true, "rows of the embedding that it replaces"},
    {"use_bdlora", true, "factors of blocks"},
    {"use_qalora", true, "factors of groups of a quantised base"},
    {"velora_config", false, "how activations were kept while training"},
};
/// Starts that are a part of W, which PEFT takes out of the base again whenever it loads such a folder.
[[nodiscard]] inline bool residual_start(std::string word) {
  std::ranges::transform(word, word.begin(), [](char c) {
    return static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  });
  return word == "pissa" || word.starts_with("pissa_niter_") || word == "olora" || word == "corda" ||
         word == "lora_ga" || word == "loftq";
}

/// The members of an object, each asked for once; what was never asked for is unknown.
class Members {
 public:
  Members(const json::Value& all, std::string file) : all_(all), file_(std::move(file)) {
    expects<FileError>(all.is_object(), file_, ": found ", all.kind(), ", expected an object");
  }
  /// Null where it is absent or null.
  const json::Value* find(const char* key) {
    asked_.insert(key);
    const json::Value* v = all_.find(key);
    return v == nullptr || v->is_null() ? nullptr : v;
  }
  /// to = read(value), where there is one; a value of another kind is an error naming the key.
  template <class T, class Read> void get(const char* key, T& to, Read read) {
    const json::Value* v = find(key);
    if (v == nullptr) return;
    try {
      to = std::invoke(read, *v);
    } catch (const json::JsonError& error) {
      throw FileError(message(file_, ": \"", key, "\": ", error.what()));
    }
  }
  void get(const char* key, bool& to) { get(key, to, &json::Value::as_bool); }
  void get(const char* key, double& to) { get(key, to, &json::Value::as_number); }
  template <class S> void text(const char* key, S& to) { get(key, to, &json::Value::as_string); }
  /// At least `least`.
  template <class I> void whole(const char* key, I& to, index_t least) {
    get(key, to, [&](const json::Value& v) {
      const index_t n = v.as_integer();
      expects<FileError>(n >= least, file_, ": \"", key, "\" is ", n, ", expected at least ", least);
      return n;
    });
  }
  /// A string, or a list of them.
  void names(const char* key, std::optional<Names>& to) {
    get(key, to, [](const json::Value& v) {
      Names n;
      if (v.is_string())
        n.pattern = v.as_string();
      else
        for (const auto& one : v.as_array()) n.list.push_back(one.as_string());
      return n;
    });
  }
  template <class T, class Read>
  void pattern(const char* key, std::vector<std::pair<std::string, T>>& to, Read read) {
    get(key, to, [&](const json::Value& v) {
      std::vector<std::pair<std::string, T>> out;
      for (const auto& m : v.as_object()) out.emplace_back(m.key, read(m.value));
      return out;
    });
  }
  [[nodiscard]] std::vector<std::string> unknown() const {
    std::vector<std::string> out;
    for (const auto& m : all_.as_object())
      if (!asked_.contains(m.key)) out.push_back(m.key);
    return out;
  }
  [[nodiscard]] const std::string& file() const { return file_; }

 private:
  const json::Value& all_;
  std::string file_;
  std::set<std::string, std::less<>> asked_;
};

[[nodiscard]] inline bool is_set(const json::Value& v) {
  if (v.is_bool()) return v.as_bool();
  if (v.is_array()) return !v.as_array().empty();
  if (v.is_object()) return !v.as_object().empty();
  return !v.is_null();
}
[[nodiscard]] inline std::vector<std::string> list_of(std::optional<Names> n) {
  if (!n) return {};
  if (n->pattern) return {*n->pattern};
  return std::move(n->list);
}

inline void read_targets(Members& m, Targets& to, std::vector<std::string>& warnings) {
  m.names("target_modules", to.modules);
  m.names("exclude_modules", to.excluded);
  std::optional<Names> patterns, saved;
  m.names("layers_pattern", patterns);
  m.names("modules_to_save", saved);
  to.layers_pattern = list_of(std::move(patterns));
  to.saved = list_of(std::move(saved));
  m.get("layers_to_transform", to.layers, [](const json::Value& v) {
    std::vector<index_t> out;
    if (v.is_integer()) return std::vector<index_t>{v.as_integer()};
    for (const auto& one : v.as_array()) out.push_back(one.as_integer());
    return out;
  });
  if (to.layers && to.modules && to.modules->pattern)
    warnings.push_back(
        "\"layers_to_transform\" is ignored beside a \"target_modules\" that is a pattern; "
        "PEFT refuses the two together");
}

/// rank_pattern of ADALORA: lists of booleans by "module.lora_E", as long as init_r.
inline void read_kept(Members& m, AdaLoraConfig& to) {
  m.get("rank_pattern", to.kept, [&](const json::Value& v) {
    std::map<std::string, std::vector<bool>> out;
    for (const auto& [name, list] : v.as_object()) {
      std::vector<bool> kept;
      for (const auto& one : list.as_array()) {
        expects<FileError>(one.is_bool(), m.file(), ": \"rank_pattern\": ", json::quote(name), " holds ",
                           one.kind(), ", expected true or false for every direction");
        kept.push_back(one.as_bool());
      }
      expects<FileError>(static_cast<index_t>(kept.size()) == to.init_r, m.file(),
                         ": \"rank_pattern\": ", json::quote(name), " has ", kept.size(),
                         " entries, expected \"init_r\" = ", to.init_r);
      const auto key = key_of(on_disk(name));
      expects<FileError>(key.has_value(), m.file(), ": \"rank_pattern\" names ", json::quote(name),
                         ", expected a module's path and .lora_E");
      out[key->module] = std::move(kept);
    }
    return out;
  });
}

inline void read_adalora(Members& m, Config& c, std::vector<std::string>& warnings) {
  AdaLoraConfig& a = c.ada;
  m.whole("init_r", a.init_r, 1);
  m.whole("target_r", a.target_r, 0);
  m.whole("tinit", a.tinit, 0);
  m.whole("tfinal", a.tfinal, 0);
  m.whole("deltaT", a.delta_t, 0);
  m.get("beta1", a.beta1);
  m.get("beta2", a.beta2);
  m.get("orth_reg_weight", a.orth_reg_weight);
  m.whole("total_step", a.total_step, std::numeric_limits<index_t>::min());
  read_kept(m, a);
  if (!a.total_step || *a.total_step <= 0 || a.tinit >= *a.total_step - a.tfinal)
    warnings.push_back(message("\"total_step\" is ", a.total_step ? std::to_string(*a.total_step) : "null",
                               ", \"tinit\" ", a.tinit, ", \"tfinal\" ", a.tfinal,
                               ": PEFT 0.15 and later refuse this folder; saved once more it is mended"));
  const auto ignored = [&](const char* key, bool given) {
    if (given) warnings.push_back(message('"', key, "\" is ignored by ADALORA, as in PEFT"));
  };
  ignored("r", c.r != 8 && c.r != a.init_r);
  ignored("use_rslora", c.use_rslora);
  ignored("lora_bias", c.lora_bias);
  ignored("alpha_pattern", !c.alpha_pattern.empty());
  expects<FileError>(!c.use_dora, m.file(),
                     ": \"use_dora\" is true, expected false: ADALORA has no magnitudes");
}

}  // namespace detail

/// The configuration that a JSON object states; `file` names it in errors.
inline ReadConfig parse_config(const json::Value& text, const std::string& file) {
  ReadConfig out;
  Config& c = out.config;
  detail::Members m(text, file);
  std::string type;
  m.text("peft_type", type);
  expects<FileError>(type == "LORA" || type == "ADALORA", file, ": \"peft_type\" is ", json::quote(type),
                     ", expected \"LORA\" or \"ADALORA\"");
  c.adalora = type == "ADALORA";
  for (const auto& n : detail::not_honoured) {
    const json::Value* v = m.find(n.key);
    if (v == nullptr || !detail::is_set(*v)) continue;
    expects<FileError>(!n.wrong, file, ": \"", n.key, "\" (", n.what,
                       ") is not supported: the answers would be wrong; expected null");
    out.warnings.push_back(message('"', n.key, "\" is not honoured: ", n.what));
  }
  for (const char* key : {"auto_mapping", "inference_mode", "megatron_core", "qalora_group_size"})
    static_cast<void>(m.find(key));  // nothing here depends on them
  m.text("base_model_name_or_path", c.base_model);
  m.text("revision", c.revision);
  m.text("task_type", c.task_type);
  m.text("peft_version", c.peft_version);
  detail::read_targets(m, c.targets, out.warnings);
  m.whole("r", c.r, 1);
  m.get("lora_alpha", c.lora_alpha);
  m.get("lora_dropout", c.lora_dropout);
  m.text("bias", c.bias);
  m.get("fan_in_fan_out", c.fan_in_fan_out);
  m.get("use_rslora", c.use_rslora);
  m.get("use_dora", c.use_dora);
  m.get("lora_bias", c.lora_bias);
  m.get("init_lora_weights", c.init_lora_weights, [](const json::Value& v) {
    return v.is_bool() ? std::string(v.as_bool() ? "true" : "false") : v.as_string();
  });
  m.pattern("alpha_pattern", c.alpha_pattern, [](const json::Value& v) { return v.as_number(); });
  if (c.adalora)
    detail::read_adalora(m, c, out.warnings);
  else
    m.pattern("rank_pattern", c.rank_pattern, [&](const json::Value& v) {
      const index_t r = v.as_integer();
      expects<FileError>(r >= 1, file, ": \"rank_pattern\" has ", r, ", expected at least 1");
      return r;
    });
  expects<FileError>(c.adalora || !detail::residual_start(c.init_lora_weights), file,
                     ": \"init_lora_weights\" is ", json::quote(c.init_lora_weights),
                     ": such an adapter is trained on a base that lacks the part of W it started from; "
                     "expected one that was converted (PEFT's path_initial_model_for_weight_conversion)");
  expects<FileError>(c.adalora || !(c.use_dora && c.lora_bias), file,
                     ": \"use_dora\" and \"lora_bias\" are both true, expected one of them");
  if (c.bias != "none")
    out.warnings.push_back(
        message("\"bias\" is ", json::quote(c.bias),
                ": biases of the base are not trained here; a folder that holds some is refused"));
  for (const auto& key : m.unknown())
    out.warnings.push_back(message(json::quote(key), " is not known and ignored"));
  return out;
}

/// adapter_config.json of a folder.
inline ReadConfig read_config(const std::filesystem::path& folder) {
  const auto file = folder / "adapter_config.json";
  return parse_config(json::read(file), "'" + file.string() + "'");
}

/// What a folder holds, so that a program can choose the method that load wants.
[[nodiscard]] inline Kind kind_of(const std::filesystem::path& folder) {
  return kind_of(read_config(folder).config);
}

}  // namespace lorica::io::peft
