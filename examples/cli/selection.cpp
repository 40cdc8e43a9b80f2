// SPDX-License-Identifier: MIT
// --keep-best, --patience, --validation, --class-weights.
#include "selection.hpp"

#include <charconv>
#include <cmath>

namespace lorica::cli {

namespace {
/// A whole text as a number.
std::optional<double> number_in(std::string_view text) {
  double x = 0;
  const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), x);
  if (fault != std::errc() || end != text.data() + text.size()) return {};
  return x;
}
std::vector<double> balanced(std::size_t categories, const AnyData& data) {
  std::vector<double> count(categories, 0.0);
  for (index_t i = 0; i < data.size(); ++i) {
    nn::Sequences one;
    data.append(one, i);
    for (const auto& label : one.labels)
      if (label.category >= 0) ++count.at(static_cast<std::size_t>(label.category));
  }
  double all = 0;
  for (const double n : count) all += n;
  for (std::size_t c = 0; c < categories; ++c) {
    expects(count[c] > 0, "--class-weights balanced: no sample to learn from has category ", c, " of ",
            categories, "; expected numbers, one for each category");
    count[c] = all / (double(categories) * count[c]);
  }
  return count;
}
}  // namespace

AnyData SelectionOptions::split(AnyData& data) const {
  if (validation.empty()) return {};
  const bool share = validation.ends_with('%');
  const auto x = number_in(std::string_view(validation).substr(0, validation.size() - (share ? 1 : 0)));
  const double n = x ? share ? std::floor(*x / 100 * double(data.size())) : *x : 0;
  expects(x && n >= 1 && n < double(data.size()) && n == std::floor(n), "--validation is '", validation,
          "' of ", data.size(),
          " samples, expected a number of samples such as 200, or a share such as 10%, that leaves "
          "at least one to either side");
  const auto count = static_cast<index_t>(n);
  const AnyData all = data;
  data = all.without(count);
  return all.at_most(count);
}

void SelectionOptions::validate(index_t every, bool measurable) const {
  expects(patience >= 0, "--patience is ", patience, ", expected 0 (never) or more measurements");
  expects(patience == 0 || keep_best,
          "--patience needs --keep-best: what is saved is the best step, not one that "
          "was no better");
  expects(!keep_best || every > 0,
          "--keep-best needs --evaluate-every: how many steps lie between measurements");
  expects(!keep_best || measurable || !validation.empty(), "--keep-best needs --heldout or --validation");
}

std::vector<double> SelectionOptions::weights(const Goal& goal, const AnyData& data) const {
  if (class_weights.empty()) return {};
  expects(goal.kind == Goal::Kind::category, "--class-weights: the task has no categories; expected none");
  const auto categories = static_cast<std::size_t>(goal.outputs);
  if (class_weights == "balanced") return balanced(categories, data);
  std::vector<double> all;
  for (std::size_t at = 0; at <= class_weights.size();) {
    const std::size_t end = std::min(class_weights.find(',', at), class_weights.size());
    const auto x = number_in(std::string_view(class_weights).substr(at, end - at));
    expects(x && *x > 0 && std::isfinite(*x), "--class-weights: '", class_weights.substr(at, end - at),
            "' is no weight, expected 'balanced' or numbers above 0 with commas between them");
    all.push_back(*x);
    at = end + 1;
  }
  expects(all.size() == categories, "--class-weights: ", all.size(), " for the ", categories,
          " categories of the task, expected one for each");
  return all;
}

std::string SelectionOptions::identity() const {
  std::string all;
  if (keep_best) all += message(" keeps the best, patience ", patience);
  if (!validation.empty()) all += message(" validation ", validation);
  if (!class_weights.empty()) all += message(" class weights ", class_weights);
  return all;
}

void add_selection_options(CLI::App& c, SelectionOptions& o) {
  c.add_flag(
      "--keep-best", o.keep_best,
      "save the adapters of the best measurement, not of the last step; under a budget of those made after "
      "the last cut");
  c.add_option("--patience", o.patience,
               "measurements in a row that are no better before the run ends; 0: it goes to its last step")
      ->capture_default_str();
  c.add_option(
      "--validation", o.validation,
      "samples to take out of --data, or a share such as 10%, and measure the loss of in place of --heldout");
  c.add_option(
      "--class-weights", o.class_weights,
      "what a sample of each category counts: balanced, or numbers in the task's order, such as 1,2.5");
}

}  // namespace lorica::cli
