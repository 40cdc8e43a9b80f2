// SPDX-License-Identifier: MIT
#include "run_file.hpp"

#include <lorica/io/json.hpp>

#include <algorithm>
#include <set>

namespace lorica::cli {

namespace {
using io::json::Value;

/// The text of an option as what it is: a number, an object, or text.
Value typed(const std::string& text) {
  if (text == "true" || text == "false") return text == "true";
  if (!text.empty() && std::string_view("-0123456789{").find(text[0]) != std::string_view::npos) try {
      return io::json::parse(text);
    } catch (const io::json::JsonError&) {
    }
  return text;
}
std::string argument(const Value& v) { return v.is_string() ? v.as_string() : io::json::dump(v); }
/// "--rank=8" -> "rank"
std::string name_in(const std::string& argument) { return argument.substr(2, argument.find('=') - 2); }
}  // namespace

std::vector<std::string> arguments_of(const CLI::App& app, const std::filesystem::path& file,
                                      const std::vector<std::string>& given) {
  const Value run = io::json::read(file);
  std::vector<std::string> all;
  try {
    all.push_back(run.at("command").as_string());
    const auto named = app.get_subcommands([&](const CLI::App* c) { return c->get_name() == all.front(); });
    const CLI::App* const command = named.empty() ? nullptr : named.front();
    // What is given, by whatever name, and what cannot stand beside it.
    std::set<const CLI::Option*> replaced;
    for (const auto& a : given)
      if (const auto* o = command != nullptr && a.starts_with("--")
                              ? command->get_option_no_throw("--" + name_in(a))
                              : nullptr) {
        replaced.insert(o);
        for (const CLI::Option* excluded : o->get_excludes()) replaced.insert(excluded);
      }
    for (const auto& m : run.as_object()) {
      const std::string option = "--" + m.key;
      if (m.key == "command" || m.value.is_null() ||
          (command != nullptr && replaced.contains(command->get_option_no_throw(option))))
        continue;
      if (m.value.is_bool()) {
        if (m.value.as_bool()) all.push_back(option);
      } else if (m.value.is_array()) {
        for (const Value& one : m.value.as_array()) all.push_back(option + '=' + argument(one));
      } else {
        all.push_back(option + '=' + argument(m.value));
      }
    }
  } catch (const io::json::JsonError& e) {
    throw FileError(message("'", file.string(), "': ", e.what(), "; expected the description of a run"));
  }
  all.insert(all.end(), given.begin(), given.end());
  return all;
}

std::string run_file(const CLI::App& command) {
  std::string out = "{\n  \"command\": " + io::json::quote(command.get_name());
  for (const CLI::Option* o : command.get_options()) {
    if (o->get_lnames().empty() || o->get_lnames().front() == "help") continue;
    Value value;
    if (o->count() > 0) {
      const auto& texts = o->results();
      if (o->get_items_expected_max() > 1) {
        io::json::Array list;
        for (const auto& t : texts) list.push_back(typed(t));
        value = list;
      } else {
        value = typed(texts.back());
      }
    } else if (std::ranges::any_of(o->get_excludes(), [](const auto* other) { return other->count() > 0; })) {
      continue;  // another stands in its place
    } else if (!o->get_default_str().empty() && o->get_default_str() != "[]") {
      value = typed(o->get_default_str());
    } else {
      continue;
    }
    out += ",\n  " + io::json::quote(o->get_lnames().front()) + ": " + io::json::dump(value);
  }
  return out + "\n}\n";
}

std::filesystem::path run_file_beside(const std::filesystem::path& out) {
  if (out.extension() != ".safetensors") return out / "run.json";
  auto beside = out;
  return beside.replace_extension(".run.json");
}

}  // namespace lorica::cli
