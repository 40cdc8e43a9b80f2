// SPDX-License-Identifier: MIT
/// @file lorica/adapt/sum.hpp
/// Several adapters at one site, added: each is shown the bare y, and what leaves is y and the updates of
/// all. Then, the other way to compose, shows the second what the first answered; for adapters that only add
/// the two are the same, DoRA after LoRA is not DoRA beside LoRA.
#pragma once

#include <lorica/adapt/adapted.hpp>

#include <tuple>

namespace lorica::adapt {

template <class... P> class Sum;

namespace detail {
template <class A> inline constexpr bool additive_adapter = false;
template <class... T> inline constexpr bool additive_adapter<Additive<T...>> = true;
template <class A> inline constexpr bool additive_adapter<Plus<A>> = additive_adapter<A>;
}  // namespace detail

/// Whether a policy answers y plus something that does not depend on y.
template <class P> inline constexpr bool only_adds = false;
template <> inline constexpr bool only_adds<Bare> = true;
template <Backend B, class M>
inline constexpr bool only_adds<Adapted<B, M>> = detail::additive_adapter<typename M::adapter_type>;
template <class... P> inline constexpr bool only_adds<Sum<P...>> = (only_adds<P> && ...);

/// y + (p(y) - y) + (q(y) - y) + ... : a site policy over others, which must outlive it. It is for answering
/// and for merging, not for training: two adapters made at one site have the same names, and an optimiser
/// knows parameters by name.
template <class... P> class Sum {
 public:
  explicit Sum(P&... policies) : all_(policies...) {}

  template <Backend B> Var<B> visit(const SiteCall<B>& c) requires((SitePolicy<P, B> && ...)) {
    std::optional<Var<B>> z;
    each([&](auto& p) {
      if constexpr (!only_adds<std::remove_reference_t<decltype(p)>>) {
        Var<B> one = p.visit(SiteCall<B>{c.site, c.weight, c.x, c.y, c.bias, c.offsets});
        z = z ? add(std::move(*z), add(std::move(one), scale(c.y, -1))) : std::move(one);
      }
    });
    Var<B> answer = z ? std::move(*z) : std::move(c.y);
    each([&](auto& p) {
      if constexpr (only_adds<std::remove_reference_t<decltype(p)>>)
        answer = p.visit(SiteCall<B>{c.site, c.weight, c.x, std::move(answer), c.bias, c.offsets});
    });
    return answer;
  }
  void phase(std::optional<std::uint64_t> draw) {
    each([&](auto& p) {
      if constexpr (requires { p.phase(draw); }) p.phase(draw);
    });
  }
  /// f(policy) for each, in order.
  template <class F> void each(F f) const {
    std::apply([&](P&... p) { (f(p), ...); }, all_);
  }

 private:
  std::tuple<P&...> all_;
};
template <class... P> Sum(P&...) -> Sum<P...>;

}  // namespace lorica::adapt
