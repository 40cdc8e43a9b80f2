// SPDX-License-Identifier: MIT
// The program `lorica`: one command a file.
#include "commands.hpp"
#include "run_file.hpp"

#include <lorica/cpu/idle.hpp>
#include <lorica/io/nearest.hpp>
#include <lorica/version.hpp>

#include <iostream>

namespace {
/// CLI11 says which option it does not know, not which one was meant.
void say_nearest(const CLI::App& command, const std::string& word) {
  if (!word.starts_with("--")) return;
  const std::string typed = word.substr(2, word.find('=') - 2);
  std::vector<std::string> names;
  for (const auto* o : command.get_options())
    for (const auto& n : o->get_lnames()) names.push_back(n);
  std::cerr << "lorica " << command.get_name() << ": there is no option '--" << typed
            << "'; the nearest is '--"
            << lorica::io::nearest(typed, std::vector<std::string_view>(names.begin(), names.end())) << "'\n";
}
}  // namespace

int main(int argc, char** argv) {
  if (lorica::cpu::others_at_work()) lorica::cpu::let_idle_threads_sleep(argv);
  using namespace lorica;
  CLI::App app("lorica: adapt a frozen transformer with few parameters");
  app.set_version_flag("--version", message("lorica ", LORICA_VERSION_MAJOR, '.', LORICA_VERSION_MINOR, '.',
                                            LORICA_VERSION_PATCH));
  app.require_subcommand(1);
  cli::add_pretrain(app);
  cli::add_probe(app);
  cli::add_finetune(app);
  cli::add_evaluate(app);
  cli::add_generate(app);
  cli::add_merge(app);
  cli::add_export(app);
  cli::add_compare(app);
  cli::add_methods(app);
  cli::add_inspect(app);
  cli::add_logits(app);
  static std::string file;  // read before the arguments are
  app.add_subcommand("run",
                     "What a JSON file describes, as finetune writes it; options after it replace its own")
      ->add_option("FILE", file)
      ->required();
  try {
    std::vector<std::string> words(argv + 1, argv + argc);
    if (words.size() >= 2 && words[0] == "run" && !words[1].starts_with("-"))
      words = cli::arguments_of(app, words[1], {words.begin() + 2, words.end()});
    std::ranges::reverse(words);  // as CLI11 takes them
    app.parse(words);
  } catch (const CLI::ExtrasError& e) {
    for (const auto* command : app.get_subcommands())
      for (const auto& word : command->remaining()) say_nearest(*command, word);
    return app.exit(e);
  } catch (const CLI::ParseError& e) {
    return app.exit(e);
  } catch (const cli::Interrupted&) {
    std::cerr
        << "\nlorica: interrupted; run the same command again to go on from the checkpoint, if one was named\n";
    return 130;
  } catch (const std::exception& e) {
    std::cerr << "lorica: " << e.what() << "\n";
    return 1;
  }
  return 0;
}
