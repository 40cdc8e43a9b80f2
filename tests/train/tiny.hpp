// SPDX-License-Identifier: MIT
/// @file tests/train/tiny.hpp
/// Things to train in milliseconds: a decoder of two layers, ragged samples, and a problem without any
/// network.
#pragma once

#include <lorica/adapt/attach.hpp>
#include <lorica/nn/initial.hpp>
#include <lorica/nn/transformer.hpp>
#include <lorica/train/fit.hpp>

#include <support/tolerance.hpp>

#include <map>
#include <string>
#include <vector>

namespace lorica::test {

inline nn::DecoderConfig tiny_config() {
  return {.vocabulary = 31,
          .width = 16,
          .layers = 2,
          .positions = 24,
          .block = {.attention = {.heads = 4, .kv_heads = 2}, .feed_forward = {.hidden = 24}}};
}
template <class Weight, Backend B>
nn::Decoder<B, Weight> tiny_model(B& b, const nn::DecoderConfig& c = tiny_config(), Seed seed = 1) {
  return nn::Decoder<B, Weight>(b, c, nn::initial(seed, c.layers));
}
/// A text with something to learn: ids below 31 that mostly follow each other.
inline std::vector<std::int32_t> tiny_text(index_t n, Seed seed = 3) {
  const Stream random(seed, "text", "");
  std::vector<std::int32_t> text;
  for (index_t i = 0; i < n; ++i) {
    const auto u = static_cast<std::uint64_t>(i);
    const bool jump = i == 0 || random.below(5, 2 * u) == 0;
    text.push_back(jump ? static_cast<std::int32_t>(random.below(31, 2 * u + 1))
                        : (text.back() * 3 + 1) % 31);
  }
  return text;
}

/// Samples of 1 to 9 tokens, of which some rows have no target; every fourth sample has none at all.
struct RaggedSamples {
  index_t count = 24;

  [[nodiscard]] index_t size() const { return count; }
  void append(nn::Sequences& to, index_t i) const {
    const index_t n = 1 + (i * 5) % 9;
    auto ids = tiny_text(n + 1, static_cast<Seed>(100 + i));
    std::vector<std::int32_t> targets(ids.begin() + 1, ids.end());
    ids.pop_back();
    for (std::size_t j = 0; j < targets.size(); ++j)
      if (i % 4 == 3 || (static_cast<std::size_t>(i) + j) % 3 == 0) targets[j] = no_target;
    to.add(ids, targets);
  }
};

/// A model that is nothing, a parameter w [1, d], and a loss: the sum over targets t of |w - t|^2. One can
/// follow it by hand: the gradient is 2 (count w - sum of targets) in every element.
struct Nothing {};
template <Backend B> struct Point {
  Parameter<B> w;

  explicit Point(B& b, const std::vector<double>& at)
      : w{"w", MasterTensor<B>(b, 1, static_cast<index_t>(at.size()), at), {}} {}
  Var<B> visit(const SiteCall<B>& c) const { return c.y; }
  template <class F> void for_each_parameter(F f) { f(w, 1.0); }
  void visit_state(StateVisitor<B>& v) { v.tensor(w.name, w.value); }
};
struct Distance {
  template <Backend B, class P>
  nn::Loss<B> loss(Tape<B>& tape, const Nothing&, P& policy, const nn::Batch<B>& batch) const {
    B& b = tape.backend();
    if constexpr (requires { policy.w; }) {
      const auto w = tape.leaf(policy.w);
      MasterVar<B> sum = squared_error(w, w.value());  // 0, and so is its gradient
      const std::vector<double> targets = numbers(b, batch.targets);
      for (const double t : targets)
        sum = add(
            std::move(sum),
            squared_error(w, MasterTensor<B>(b, 1, w.cols(),
                                             std::vector<double>(static_cast<std::size_t>(w.cols()), t))));
      return {sum, batch.targets.count};
    } else {
      return {tape.constant(zeros<typename B::master>(b, 1, 1)), batch.targets.count};
    }
  }
  template <Backend B> index_t targets_of(const nn::Batch<B>& batch, index_t s) const {
    return batch.targets_in(s);
  }

 private:
  template <Backend B> static std::vector<double> numbers(B& b, const Targets<B>& t) {
    std::vector<std::int32_t> ids(static_cast<std::size_t>(t.count));
    b.download(t.target.data(), std::span<std::int32_t>(ids));
    return {ids.begin(), ids.end()};
  }
};
/// One sample for each number: that number is the only target.
struct OneEach {
  std::vector<std::int32_t> values;

  [[nodiscard]] index_t size() const { return static_cast<index_t>(values.size()); }
  void append(nn::Sequences& to, index_t i) const {
    const auto& v = values[static_cast<std::size_t>(i)];
    to.add(std::span(&v, 1), std::span(&v, 1));
  }
};

/// Every number of a tree of state, by name.
using Numbered = std::map<std::string, std::vector<double>>;
template <Backend B> struct StateCopy : StateVisitor<B> {
  B& backend;
  Numbered numbers = {};
  explicit StateCopy(B& b) : backend(b) {}
  void tensor(const std::string& name, MasterTensor<B>& t) override {
    numbers[name] = t.template host<double>(backend);
  }
  void number(const std::string& name, double& x) override { numbers[name] = {x}; }
  void count(const std::string& name, index_t& n) override { numbers[name] = {double(n)}; }
};
/// A callback that keeps all that evolves, as it is when the run ends.
struct Snapshot {
  Numbered numbers = {};
  template <class R> void end(R& run) {
    StateCopy copy(run.backend);
    run.visit_state(copy);
    numbers = copy.numbers;
  }
};
template <Backend B> StateCopy(B&) -> StateCopy<B>;

/// What differs at all between two trees: empty, or the first name.
inline std::string difference(const Numbered& a, const Numbered& b) {
  if (a.size() != b.size()) return "the number of entries";
  for (const auto& [name, numbers] : a) {
    const auto other = b.find(name);
    if (other == b.end() || other->second != numbers) return name;
  }
  return {};
}
/// The largest difference of two trees, relative in the Frobenius norm of its tensor; infinite where the
/// names differ.
inline double distance(const Numbered& a, const Numbered& b) {
  if (a.size() != b.size()) return std::numeric_limits<double>::infinity();
  double most = 0;
  for (const auto& [name, numbers] : a) {
    const auto other = b.find(name);
    if (other == b.end()) return std::numeric_limits<double>::infinity();
    most = std::max(most, relative_error(numbers, other->second));
  }
  return most;
}

}  // namespace lorica::test
