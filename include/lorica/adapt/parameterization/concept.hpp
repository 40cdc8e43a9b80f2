// SPDX-License-Identifier: MIT
/// @file lorica/adapt/parameterization/concept.hpp
/// How an update delta W [m, k] is written down. The type says how; the value says how much; the rank comes
/// from a placement.
#pragma once

#include <lorica/core/random.hpp>
#include <lorica/nn/site.hpp>

namespace lorica::adapt {

/// Which index of a factor counts directions.
enum class Along : bool { rows, cols };

/// One factor of an update, and where its r directions run.
template <Backend B> struct Factor {
  Parameter<B>* parameter;
  Along along;
};

/// `config` is plain numbers; `factors<B>` the matrices it trains. make: factors that express delta W = 0.
/// apply: x [n, k]
/// -> x delta W^T [n, m], unscaled. for_each visits every factor and says where its directions run. silencer:
/// the factor whose entries of direction i, set to zero, switch it off so that it may still return. Optional,
/// found by `requires`: add_to(f, x, y, s) is y + s x delta W^T in one pass; orthogonal(f, visit) visits the
/// factors whose directions a regulariser keeps orthonormal; term, diagonalize, rate, precondition and, to be
/// saved, name: docs/concepts.md.
template <class P, class B>
concept Parameterization = Backend<B> && std::semiregular<typename P::config> &&
    std::movable<typename P::template factors<B>> &&
    requires(B& b, const SiteInfo& s, const typename P::config& c, index_t rank, Seed seed,
             typename P::template factors<B>& f, Var<B> x) {
  { P::make(b, s, c, rank, seed) } -> std::same_as<typename P::template factors<B>>;
  { P::apply(f, x) } -> std::same_as<Var<B>>;
  P::for_each(f, archetype::Visitor<const Factor<B>>{});
  { P::silencer(f) } -> std::same_as<Factor<B>>;
};

namespace detail {
/// Whether a parameterization, or an adapter, says what it adds as one product (LowRankTerm). It names itself
/// in `says_term`: what inherits, and may do something else, is not taken at its parent's word.
template <class A> inline constexpr bool says_term = false;
template <class A>
  requires(std::same_as<typename A::says_term, A>)
inline constexpr bool says_term<A> = true;
}  // namespace detail

}  // namespace lorica::adapt
