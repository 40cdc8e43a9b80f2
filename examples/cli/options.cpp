// SPDX-License-Identifier: MIT
// Options that commands share, by group.
#include "commands.hpp"
#include "run.hpp"

namespace lorica::cli {

namespace {
/// 200, or 10%.
adapt::Duration duration_of(const std::string& name, const std::string& text) {
  std::size_t used = 0;
  double x = -1;
  try {
    x = std::stod(text, &used);
  } catch (const std::exception&) {
  }
  const std::string unit = text.substr(used);
  expects(x >= 0 && (unit == "%" || (unit.empty() && x == std::floor(x))), name, " is '", text,
          "', expected a number of steps such as 200, or a share of the run such as 10%");
  return unit == "%" ? adapt::Duration{.share = x / 100} : adapt::Duration{static_cast<index_t>(x)};
}
void add_duration(CLI::App& c, const std::string& name, adapt::Duration& d, const std::string& what) {
  c.add_option_function<std::string>(
      name, [&d, name](const std::string& s) { d = duration_of(name, s); }, what);
}
/// One of the names of a map; the option's own text says which there are.
template <class Map> CLI::Validator named(const Map& map) {
  CLI::Validator v = CLI::CheckedTransformer(map, CLI::ignore_case);
  v.description("NAME");
  return v;
}
}  // namespace

void add_method_options(CLI::App& c, Choice& m) {
  c.option_defaults()->group("Method");
  c.add_option("--method", m.method, "see lorica methods")->capture_default_str();
  c.add_option("--rank", m.rank, "directions of an adapter at the start")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  c.add_option("--alpha", m.alpha, "the scale is alpha over rank, or its root")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  c.add_option("--dropout", m.dropout, "of x on the adapter's path")->capture_default_str();
  c.add_option("--orthogonality", m.orthogonality, "weight of the regulariser of svd and adalora")
      ->capture_default_str()
      ->check(CLI::NonNegativeNumber);
  c.add_option("--ratio", m.ratio, "learning rate of B over that of A, of lora-plus")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  c.add_option("--top", m.top, "sites of domlora")->capture_default_str();
  c.add_option("--total", m.total, "directions that proportional shares out; 0 is rank times sites")
      ->capture_default_str();
  auto* each = c.add_option("--target", m.target.per_matrix,
                            "directions a matrix, on average, that a budget leaves [two thirds of rank]");
  auto* total =
      c.add_option("--target-total", m.target.total, "directions that it leaves in all")->excludes(each);
  c.add_option("--target-parameters", m.target.parameters, "parameters that it leaves")
      ->excludes(each)
      ->excludes(total);
  add_duration(c, "--tinit", m.tinit, "before a budget cuts: steps, or per cent of the run [10%]");
  add_duration(c, "--tfinal", m.tfinal, "after a budget has cut: steps, or per cent of the run [40%]");
  c.add_option("--interval", m.interval, "steps between cuts")->capture_default_str();
  c.add_flag("--compact", m.compact, "remove what is cut when the final phase begins");
  c.add_option("--sites", m.sites.paths, "patterns of paths, such as blocks.*.down");
  c.add_option("--layers", m.sites.layers, "numbers, from 0");
  static const std::map<std::string, Role> roles = {
      {"q", Role::query},  {"k", Role::key},     {"v", Role::value}, {"qkv", Role::qkv},
      {"o", Role::output}, {"gate", Role::gate}, {"up", Role::up},   {"down", Role::down}};
  c.add_option("--roles", m.sites.roles, "q k v qkv o gate up down")->transform(named(roles));
  c.option_defaults()->group("Options");
}

void add_page_options(CLI::App& c, adapt::Page& page) {
  static const std::map<std::string, adapt::Reading> readings = {{"per-sample", adapt::Reading::per_sample},
                                                                 {"mean", adapt::Reading::mean_gradient}};
  static const std::map<std::string, adapt::Form> forms = {{"sampled", adapt::Form::sampled},
                                                           {"closed", adapt::Form::closed}};
  c.option_defaults()->group("Probe");
  c.add_option("--reading", page.reading, "per-sample (mean of |g|^2) or mean (|mean g|^2)")
      ->transform(named(readings));
  c.add_option("--form", page.form, "sampled (draws of A) or closed (exact expectation)")
      ->transform(named(forms));
  c.add_option("--draws", page.draws, "draws of A")->capture_default_str()->check(CLI::PositiveNumber);
  c.option_defaults()->group("Options");
}

void add_fit_options(CLI::App& c, train::FitConfig& f) {
  static const std::map<std::string, train::Schedule::Shape> shapes = {
      {"constant", train::Schedule::constant},
      {"linear", train::Schedule::linear},
      {"cosine", train::Schedule::cosine}};
  c.option_defaults()->group("Training");
  c.add_option("--steps", f.steps, "optimiser steps")->capture_default_str();
  c.add_option("--batch", f.batch, "samples at a time")->capture_default_str();
  c.add_option("--accumulate", f.accumulate, "batches an optimiser step")->capture_default_str();
  c.add_option("--lr", f.optimizer.lr, "learning rate at its peak")->capture_default_str();
  c.add_option("--weight-decay", f.optimizer.weight_decay, "of AdamW")->capture_default_str();
  c.add_option("--warmup", f.schedule.warmup,
               "steps until the peak [a few, at most a tenth of a finetune run]");
  c.add_option("--schedule", f.schedule.shape, "constant, linear or cosine")->transform(named(shapes));
  c.add_option("--clip", f.clip, "global gradient norm; 0 is off")->capture_default_str();
  c.add_option("--seed", f.seed, "of every random number")->capture_default_str();
  add_checkpoint_blocks(c, f.checkpoint_blocks);
  c.option_defaults()->group("Options");
}

void add_checkpoint_blocks(CLI::App& c, bool& on) {
  c.add_flag(
      "--checkpoint-blocks", on,
      "keep what enters each block and compute the rest again: long sequences in less memory, the same "
      "numbers, up to a third more time");
}

}  // namespace lorica::cli
