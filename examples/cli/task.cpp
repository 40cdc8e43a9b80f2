// SPDX-License-Identifier: MIT
// The tasks by name.
#include "task.hpp"

#include <lorica/io/nearest.hpp>
#include <lorica/report/format.hpp>
#include <lorica/tasks/glue.hpp>

namespace lorica::cli {

namespace {
std::vector<std::string_view> task_names() {
  std::vector<std::string_view> all = {"text", "chat", "E2E"};
  for (const auto& t : tasks::glue()) all.emplace_back(t.name);
  all.insert(all.end(), {"SQuAD", "SQuAD-v2"});
  return all;
}
}  // namespace

std::string to_text(const Figures& figures) {
  std::string out;
  for (const Figure& f : figures) out += (out.empty() ? "" : ", ") + f.name + ' ' + report::fixed(f.value, 4);
  return out;
}

void expect_head(const Goal& has, const Goal& asked, std::string_view task) {
  const auto in_words = [](const Goal& g) -> std::string {
    switch (g.kind) {
      case Goal::Kind::category:
        return message("one of ", g.outputs, " categories");
      case Goal::Kind::value:
        return "a number";
      case Goal::Kind::span:
        return "where an answer begins and ends";
      default:
        return "tokens";
    }
  };
  expects(has.kind == Goal::Kind::tokens || (has.kind == asked.kind && has.outputs == asked.outputs),
          "the head answers with ", in_words(has), ", the task ", task, " asks for ", in_words(asked));
}

std::unique_ptr<Task> make_task(const TaskOptions& o, const Model& model) {
  const auto known = task_names();
  if (o.name == "text") return make_text_task(o, model);
  if (o.name == "chat") return make_chat_task(o, model);
  if (o.name == "E2E") return make_e2e_task(o, model);
  if (o.name == "SQuAD" || o.name == "SQuAD-v2") return make_squad_task(o, model);
  expects(std::ranges::find(known, o.name) != known.end(), "there is no task '", o.name,
          "'; the nearest is '", io::nearest(o.name, known), "' (--help lists all)");
  return make_table_task(o, model);
}

void add_task_options(CLI::App& c, TaskOptions& o) {
  c.option_defaults()->group("Task");
  std::string all;
  for (const auto name : task_names()) (all += all.empty() ? "" : " ") += name;
  c.add_option("--task", o.name, all)->capture_default_str();
  c.add_option("--data,--text", o.data,
               "files or folders to learn from; of a folder of GLUE, SQuAD or E2E its published files");
  c.add_option("--heldout", o.heldout, "files or folders to measure on [the one of the data's folder]");
  c.add_option("--length", o.length,
               "tokens of a sample, at most; 0 is 256, 384 for SQuAD, or the model's positions if fewer")
      ->capture_default_str();
  c.add_option("--stride", o.stride, "tokens that two windows of a SQuAD paragraph share")
      ->capture_default_str();
  c.add_option("--train-samples", o.samples, "samples to learn from, evenly spaced; 0 is all")
      ->capture_default_str();
  c.add_option("--heldout-samples", o.heldout_samples, "samples to measure on, evenly spaced; 0 is all")
      ->capture_default_str();
  c.add_option("--chat", o.chat,
               "how a conversation is written down: JSON {\"roles\": {...}} or a file of it");
  c.add_option("--prompt-field", o.prompt, "of JSON lines without messages, such as {instruction}")
      ->capture_default_str();
  c.add_option("--response-field", o.response)->capture_default_str();
  c.option_defaults()->group("Options");
}

std::filesystem::path one_file(const std::filesystem::path& path, std::initializer_list<const char*> known) {
  if (!std::filesystem::is_directory(path)) return path;
  std::string wanted;
  for (const char* name : known) {
    if (std::filesystem::exists(path / name)) return path / name;
    (wanted += wanted.empty() ? "" : " or ") += name;
  }
  throw FileError(message("the folder '", path.string(), "' has no ", wanted));
}

}  // namespace lorica::cli
