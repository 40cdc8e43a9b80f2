// SPDX-License-Identifier: MIT
/// @file lorica/train/optimizer.hpp
/// AdamW (Loshchilov and Hutter 2019), with PyTorch's order of operations.
#pragma once

#include <lorica/autograd/parameter.hpp>
#include <lorica/core/math.hpp>
#include <lorica/core/state.hpp>
#include <lorica/core/sweep.hpp>

#include <cmath>
#include <map>

namespace lorica::train {

/// w <- w (1 - lr decay); m, v moving averages of g and g^2; w <- w - lr / (1 - beta1^t) m / (sqrt(v / (1 -
/// beta2^t)) + eps).
struct AdamW {
  double lr = 1e-3;
  double beta1 = 0.9;
  double beta2 = 0.999;
  double eps = 1e-8;
  double weight_decay = 0.01;

  template <Backend B> class state;
};

namespace detail {
/// One index a register of entries. The register is in the type: a compiler of host code has another than one
/// of a device, and what both make of this may be linked into one program.
template <class M, class V = Lanes<M>> struct AdamWStep {
  index_t n;
  M* w;
  const M* g;
  M* mean;
  M* square;
  M rest1, beta2, rest2, keep, step, root,
      eps;  // rest = 1 - beta, taken in double: in float it would lose 4 digits
  static index_t indices(index_t entries) { return (entries + V::width - 1) / V::width; }
  LORICA_HD void operator()(index_t index) const {
    const index_t i = index * V::width, left = n - i;
    const V gi = load<V>(g + i, left);
    V m = load<V>(mean + i, left), v = load<V>(square + i, left), x = load<V>(w + i, left);
    m += V(rest1) * (gi - m);
    v = V(beta2) * v + V(rest2) * gi * gi;
    x = x * V(keep) - V(step) * (m / (math::sqrt(v) / V(root) + V(eps)));
    store(mean + i, left, m);
    store(square + i, left, v);
    store(w + i, left, x);
  }
};
}  // namespace detail

/// The moments of every parameter, by name; born at a parameter's first step, at zero. Where they begin anew
/// (Change<B>), so does the correction for their beginning.
template <Backend B> class AdamW::state {
 public:
  using M = typename B::master;

  /// One step of p, whose gradient is in place, at learning rate `rate`. `step` counts from 1.
  void update(B& b, const AdamW& c, Parameter<B>& p, double rate, index_t step) {
    sweep(b, std::vector{part(b, c, p, rate, step)});
  }
  /// One step, in one sweep, of all that `trained` has and that has a gradient and a rate above 0 (a multiple
  /// of `rate`).
  template <class Trained>
  void update_all(B& b, const AdamW& c, Trained& trained, double rate, index_t step) {
    std::vector<SweepPart<detail::AdamWStep<M>>> parts;
    trained.for_each_parameter([&](Parameter<B>& p, double multiple) {
      if (multiple > 0 && !p.grad.empty()) parts.push_back(part(b, c, p, rate * multiple, step));
    });
    sweep(b, parts);
  }
  /// Does to the moments what the entries of p underwent.
  struct Companions {
    state& self;
    void operator()(const Parameter<B>& p, const Change<B>& change) const {
      const auto found = self.moments_.find(p.name);
      if (found == self.moments_.end() || found->second.mean.empty()) return;
      Moments& m = found->second;
      if (change.moved) {
        change.moved(m.mean);
        change.moved(m.square);
      } else {
        m = {};
        m.before = self.step_;
      }
    }
  };
  [[nodiscard]] Companions companions() { return {*this}; }

  /// The moments of p join the tree of state; call for every parameter.
  void visit_state(StateVisitor<B>& v, B& b, const Parameter<B>& p) {
    auto& m = moments(b, p);
    v.tensor(p.name + ".adam_mean", m.mean);
    v.tensor(p.name + ".adam_square", m.square);
    v.count(p.name + ".adam_before", m.before);
  }

 private:
  SweepPart<detail::AdamWStep<M>> part(B& b, const AdamW& c, Parameter<B>& p, double rate, index_t step) {
    step_ = step;
    auto& m = moments(b, p);
    const auto averaged = double(step - m.before);
    const double correct1 = 1 - std::pow(c.beta1, averaged), correct2 = 1 - std::pow(c.beta2, averaged);
    const index_t n = p.value.size();
    return {
        detail::AdamWStep<M>::indices(n),
        {n, p.value.data(), p.grad.cref().data, m.mean.data(), m.square.data(), M(1 - c.beta1), M(c.beta2),
         M(1 - c.beta2), M(1 - rate * c.weight_decay), M(rate / correct1), M(std::sqrt(correct2)), M(c.eps)}};
  }
  struct Moments {
    MasterTensor<B> mean = {}, square = {};
    index_t before = 0;  // steps made when they began
  };
  Moments& moments(B& b, const Parameter<B>& p) {
    auto& m = moments_[p.name];
    if (m.mean.empty()) {
      m.mean = zeros<M>(b, p.rows(), p.cols());
      m.square = zeros<M>(b, p.rows(), p.cols());
    }
    return m;
  }
  std::map<std::string, Moments> moments_;
  index_t step_ = 0;  // the last
};

}  // namespace lorica::train
