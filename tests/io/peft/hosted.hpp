// SPDX-License-Identifier: MIT
/// @file tests/io/peft/hosted.hpp
/// A host's model that is nothing but its sites, under the names a Hugging Face model has for them.
#pragma once

#include "support/tolerance.hpp"

#include <lorica/adapt/attach.hpp>
#include <lorica/adapt/merge.hpp>
#include <lorica/io/peft/module.hpp>
#include <lorica/io/safetensors.hpp>

#include <map>

namespace lorica::test {

template <Backend B> struct Hosted {
  struct Place {
    SiteInfo site;
    Frozen<B> weight;
    io::peft::Module module;
  };
  B& b;
  std::vector<Place> places = {};

  explicit Hosted(B& backend) : b(backend) {}
  /// W [out, in], or numbers of its own.
  void add(const std::string& module, index_t in, index_t out, bool conv1d = false,
           std::vector<double> w = {}) {
    const auto i = static_cast<index_t>(places.size());
    if (w.empty()) w = normals(Stream(5, "hosted", module), in * out, 1 / std::sqrt(double(in)));
    places.push_back({SiteInfo{i, i / 4, Role::other, in, out, message("blocks.", i / 4, ".at", i % 4)},
                      Frozen<B>(b, Tensor<B>(b, out, in, w)),
                      {module, conv1d}});
  }
  template <class F> void for_each_site(F f) const {
    for (const auto& p : places) f(p.site, WeightView<B>(p.weight));
  }
  [[nodiscard]] io::peft::ModuleOf modules() const {
    std::vector<io::peft::Module> out;
    for (const auto& p : places) out.push_back(p.module);
    return [out](const SiteInfo& s) { return out.at(static_cast<std::size_t>(s.ordinal)); };
  }
};

/// Two layers of the four linears of GPT-2, 6 wide.
template <Backend B> Hosted<B> hosted(B& b) {
  Hosted<B> model(b);
  for (int l = 0; l < 2; ++l) {
    const std::string at = message("transformer.h.", l, '.');
    model.add(at + "attn.c_attn", 6, 18, true);
    model.add(at + "attn.c_proj", 6, 6, true);
    model.add(at + "mlp.c_fc", 6, 10, true);
    model.add(at + "mlp.c_proj", 10, 6, true);
  }
  return model;
}

/// Gives all that trains other numbers, as training would.
template <Backend B, class M> void stir(B& b, adapt::Adapted<B, M>& adapters, double size = 0.3) {
  adapters.for_each_parameter([&](Parameter<B>& p, double) {
    p.value = MasterTensor<B>(b, p.rows(), p.cols(),
                              normals(Stream(77, "stir", p.name), p.rows() * p.cols(), size));
  });
}

/// One step of a run: gradients that nothing explains, and what a budget makes of them.
template <Backend B, class M> void step(B& b, adapt::Adapted<B, M>& adapters, index_t t) {
  adapters.for_each_parameter([&](Parameter<B>& p, double) {
    p.grad = MasterTensor<B>(b, p.rows(), p.cols(),
                             normals(Stream(static_cast<Seed>(t), "gradient", p.name), p.value.size(), 1.0));
  });
  adapters.after_step(t, [](const Parameter<B>&, const auto&) {});
}

/// W' - W of every site that is adapted, by module; a bias of its own counts in every column.
template <Backend B, class P>
std::map<std::string, std::vector<double>> deltas(const Hosted<B>& model, P& policy) {
  std::map<std::string, std::vector<double>> out;
  for (const auto& p : model.places)
    if (adapt::detail::adapts(policy, p.site)) {
      const index_t k = p.site.in, m = p.site.out, offsets[] = {0, k};
      std::vector<double> identity(static_cast<std::size_t>(k * k));
      for (index_t j = 0; j < k; ++j) identity[static_cast<std::size_t>(j * k + j)] = 1;
      Tape<B> tape(model.b, false);
      const WeightView<B> w(p.weight);
      Tensor<B> x(model.b, k, k, identity), y = w.product(model.b, x, Trans::yes);
      const auto before = y.host(model.b);
      const auto after = policy
                             .visit(SiteCall<B>{p.site, w, tape.constant(std::move(x)),
                                                tape.constant(std::move(y)), nullptr, offsets})
                             .value()
                             .host(model.b);
      auto& delta = out[p.module.path];
      for (index_t i = 0; i < m; ++i)
        for (index_t j = 0; j < k; ++j) {
          const auto at = static_cast<std::size_t>(j * m + i);
          delta.push_back(double(after[at]) - double(before[at]));
        }
    }
  return out;
}
/// The largest relative difference; a module that only one side has counts as 0 on the other.
inline double apart(std::map<std::string, std::vector<double>> x,
                    std::map<std::string, std::vector<double>> y) {
  double most = 0;
  for (const auto& [name, numbers] : y) x.try_emplace(name, numbers.size());
  for (const auto& [name, numbers] : x) {
    y.try_emplace(name, numbers.size());
    most = std::max(most, relative_error(y.at(name), numbers));
  }
  return most;
}

}  // namespace lorica::test
