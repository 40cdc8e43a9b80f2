// SPDX-License-Identifier: MIT
/// @file tests/conformance/replay_training.cpp
/// A recorded closed loop of the authors' AdaLoRA, once more with the library's own types: a host's tanh
/// network, AdaLora, fit. In double, as it was recorded, and on the other CPU backends as near as they round.
/// Format: adalora-golden-train/1.
#include "conformance/replay.hpp"

#include <lorica/autograd/elementwise_ops.hpp>
#include <lorica/train/fit.hpp>

#include <iostream>

using namespace lorica;
using replay::Tally;
using replay::Value;

namespace {
/// y = l_n(tanh(... tanh(l_0(x)))), every l a site.
template <Backend B> struct Net {
  struct Layer {
    SiteInfo site;
    Frozen<B> weight;
    MasterTensor<B> bias;
  };
  std::vector<Layer> layers;
  Tensor<B> x, y;
  template <class F> void for_each_site(F f) const {
    for (const Layer& l : layers) f(l.site, WeightView<B>(l.weight));
  }
};
/// The sum of squared errors over all elements; their count divides it.
struct SquaredError {
  template <Backend B, class P>
  nn::Loss<B> loss(Tape<B>& tape, const Net<B>& net, P& policy, const nn::Batch<B>&) const {
    const std::vector<index_t> offsets = {0, net.x.rows()};
    Var<B> h = tape.constant(net.x);
    for (std::size_t i = 0; i < net.layers.size(); ++i) {
      const auto& l = net.layers[i];
      h = at_site<B>(l.site, i == 0 ? h : tanh(h), l.weight, &l.bias, offsets, policy);
    }
    return {squared_error(h, net.y), net.y.size()};
  }
  template <Backend B> index_t targets_of(const nn::Batch<B>&, index_t) const { return 1; }
};
/// The data of a host that brings its own: one token, never looked at.
struct Nothing {
  index_t size() const { return 1; }
  void append(nn::Sequences& s, index_t) const {
    s.add(std::vector<std::int32_t>{0}, std::vector<std::int32_t>{0});
  }
};

/// Numbers that may be off by `allowed`, beside the larger of them and 1.
struct Near {
  double allowed, worst = 0;
  Tally tally = {};
  void operator()(double ours, double wanted) {
    const double off = std::abs(ours - wanted) / std::max(1.0, std::abs(wanted));
    if (!(off <= worst)) worst = off;  // not std::max: a NaN must be seen
    tally(off <= allowed);
  }
  friend std::ostream& operator<<(std::ostream& os, const Near& n) {
    return os << n.tally << " (off by " << n.worst << ")";
  }
};
/// What a backend's rounding may do to each, and the share of mask bits that may differ.
struct Allowed {
  double losses = 1e-12, regularisers = 1e-12, thresholds = 1e-12, lambdas = 1e-12, gradients = 1e-12,
         parameters = 1e-12, masks = 0;
};
/// Forty steps at a learning rate of 0.05 carry a rounding far: squares of gradients most. In bf16 already
/// the frozen weights are others, so that the run is a neighbour of the recorded one, and how far it strays is
/// chance: what is allowed is twice what was found. It cuts when the recorded one does, and the same, but for
/// directions whose scores are that close.
template <Backend B> Allowed allowed() {
  if (std::same_as<typename B::scalar, double>) return {};
  if (std::same_as<typename B::scalar, float>) return {1e-5, 1e-5, 1e-5, 1e-5, 1e-4, 1e-5};
  return {0.08, 0.002, 0.45, 0.05, 1.6, 0.25, 0.02};
}

struct Counts {
  Near losses, regularisers, thresholds, lambdas, gradients, parameters;
  double mask_share;
  Tally budgets = {}, cuts = {}, masks = {};
  explicit Counts(const Allowed& a)
      : losses{a.losses},
        regularisers{a.regularisers},
        thresholds{a.thresholds},
        lambdas{a.lambdas},
        gradients{a.gradients},
        parameters{a.parameters},
        mask_share(a.masks) {}
};

template <Backend B> struct Compare {
  const Value& file;
  adapt::Adapted<B, adapt::AdaLora<>>& adapted;
  Counts& n;
  static constexpr const char* names[] = {".lora_A", ".lora_B", ".lora_E"};

  template <class F> void each_factor(F f) {
    for (std::size_t i = 0; i < adapted.slots().size(); ++i) {
      auto& factors = adapted.slots()[i].state.factors;
      std::size_t k = 0;
      adapt::Svd::for_each(factors,
                           [&](const adapt::Factor<B>& x) { f(message('l', i, names[k++]), *x.parameter); });
    }
  }
  void against(Near& near, const Value& want, const MasterTensor<B>& ours) {
    const auto host = ours.template host<double>(adapted.backend());
    const auto wanted = replay::numbers<double>(want);
    for (std::size_t j = 0; j < wanted.size(); ++j) near(host.at(j), wanted[j]);
  }
  template <class R> void step(const R&, const train::StepInfo& s) {
    const Value& want = file.at("steps").as_array().at(static_cast<std::size_t>(s.step));
    n.losses(s.loss, want.at("task").as_number());
    n.regularisers(s.penalty, want.at("reg").as_number());
    const auto& cut = adapted.allocator()->last();
    const auto& schedule = adapted.allocator()->state().schedule;
    n.budgets(schedule.budget(s.step) == want.at("budget").as_integer());
    const bool now = cut && cut->step == s.step;
    const Value* threshold = replay::given(want, "threshold");
    n.cuts(now == (threshold != nullptr) || s.step > schedule.end());
    // A threshold is far below 1: it is judged by itself.
    if (now && threshold != nullptr) n.thresholds(cut->threshold / threshold->as_number(), 1);
    B& b = adapted.backend();
    for (std::size_t i = 0; i < adapted.slots().size(); ++i) {
      const auto ours = adapted.slots()[i].state.factors.lambda.value.template host<double>(b);
      const auto wanted = replay::numbers<double>(want.at("E_after").at(message('l', i, ".lora_E")));
      for (std::size_t d = 0; d < wanted.size(); ++d) {
        n.masks((ours.at(d) == 0) == (wanted[d] == 0));
        n.lambdas(ours[d], wanted[d]);
      }
    }
    each_factor([&](const std::string& name, const Parameter<B>& p) {
      n.gradients(b.sum_squares(p.grad.cref().data, p.grad.size()),
                  want.at("grad_sq_sum").at(name).as_number());
      if (const Value* full = replay::given(want, "grads")) against(n.gradients, full->at(name), p.grad);
    });
  }
};

template <Backend B> bool replay_on(const char* backend, const Value& file) {
  B b;
  const Value &config = file.at("config"), &init = file.at("init");
  const auto dims = replay::numbers<index_t>(config.at("dims"));
  Net<B> net;
  const auto read = [&](const std::string& name, index_t rows, index_t cols) {
    return MasterTensor<B>(b, rows, cols, replay::numbers<double>(init.at(name)));
  };
  adapt::Placement start;
  for (std::size_t i = 0; i + 1 < dims.size(); ++i) {
    const index_t in = dims[i], out = dims[i + 1], n = static_cast<index_t>(i);
    const std::string name = message('l', i);
    net.layers.push_back(
        {{n, n, Role::other, in, out, name},
         Frozen<B>(b, Tensor<B>(b, out, in, replay::numbers<double>(init.at(name + ".weight")))),
         read(name + ".bias", 1, out)});
    start.rank.push_back(static_cast<index_t>(init.at(name + ".lora_E").as_array().size()));
  }
  const auto x = replay::numbers<double>(file.at("x")), y = replay::numbers<double>(file.at("y"));
  const index_t rows = static_cast<index_t>(x.size()) / dims.front();
  net.x = Tensor<B>(b, rows, dims.front(), x);
  net.y = Tensor<B>(b, rows, dims.back(), y);

  adapt::AdaLora<> method{.adapter = {.shape = {.orthogonality = config.at("reg_weight").as_number()},
                                      .scaling = {.alpha = config.at("alpha").as_number()}},
                          .score = replay::score(config),
                          .placement = replay::budget(config, adapt::Flavour::authors)};
  auto adapted = adapt::attach_at(b, net, method, start);
  Counts n(allowed<B>());
  Compare<B> compare{file, adapted, n};
  compare.each_factor(
      [&](const std::string& name, Parameter<B>& p) { p.value = read(name, p.rows(), p.cols()); });

  const auto betas = replay::numbers<double>(config.at("betas"));
  const train::FitConfig run{.steps = config.at("total_step").as_integer(),
                             .batch = 1,
                             .optimizer = {.lr = config.at("lr").as_number(),
                                           .beta1 = betas.at(0),
                                           .beta2 = betas.at(1),
                                           .eps = config.at("eps").as_number(),
                                           .weight_decay = config.at("weight_decay").as_number()},
                             .clip = 0};
  train::fit(b, net, adapted, Nothing{}, run, SquaredError{}, compare);
  compare.each_factor([&](const std::string& name, const Parameter<B>& p) {
    compare.against(n.parameters, file.at("final").at(name), p.value);
  });
  std::cout << backend << ": compared/different: losses " << n.losses << ", regularisers " << n.regularisers
            << ", budgets " << n.budgets << ", cuts " << n.cuts << ", thresholds " << n.thresholds
            << ", mask bits " << n.masks << ", lambdas " << n.lambdas << ", gradients " << n.gradients
            << ", final parameters " << n.parameters << '\n';
  const Tally* all[] = {&n.losses.tally,
                        &n.regularisers.tally,
                        &n.thresholds.tally,
                        &n.lambdas.tally,
                        &n.gradients.tally,
                        &n.parameters.tally,
                        &n.budgets,
                        &n.cuts,
                        &n.masks};
  return std::ranges::all_of(all, [](const Tally* t) { return t->different == 0; });
}

bool replay_file(const Value& file) {
  const std::string format = file.at("format").as_string();
  expects<FileError>(format == "adalora-golden-train/1", "the format is \"", format,
                     "\", expected \"adalora-golden-train/1\"");
  const auto one = [&]<Backend B>(const char* backend) { return replay_on<B>(backend, file); };
  const bool good = one.operator()<cpu::EigenBackend<double>>("Eigen, double");
  return replay::over_backends<cpu::EigenBackend<float>>("Eigen, float", one) && good;
}
}  // namespace

int main(int argc, char** argv) {
  return replay::over_files(argc, argv, "usage: replay_training FILE...   (adalora-golden-train/1, JSON)",
                            replay_file);
}
