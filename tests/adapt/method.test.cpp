// SPDX-License-Identifier: MIT
#include <lorica/adapt/method.hpp>

#include "adapt/toy.hpp"

using namespace lorica;
using namespace lorica::adapt;

namespace {
struct Watching {
  static constexpr int memory = 1;
  template <class T> void observe(T, T, Cells<T>, index_t) const {}
  template <class T> T value(Cells<const T>, index_t) const { return T(0); }
};
struct WatchingPage : Watching, Page {
  using Page::observe, Page::value;
  using Watching::observe, Watching::value;
};
struct ByDirection : Uniform {
  static constexpr unsigned asks = grain::direction;
};

static_assert(adapt::detail::offers<NoScore>() == grain::none);
static_assert(adapt::detail::offers<Page>() == grain::site);
static_assert(adapt::detail::offers<Watching>() == grain::direction);
static_assert(adapt::detail::offers<WatchingPage>() == (grain::site | grain::direction));

static_assert(std::same_as<Lora, Method<Additive<LowRank, AlphaOverRank>, NoScore, Uniform>>);
static_assert(std::same_as<RsLora::adapter_type, Additive<LowRank, AlphaOverSqrtRank>>);
static_assert(std::same_as<SvdLora::adapter_type, Additive<Svd, AlphaOverRankPlusEps>>);
static_assert(std::same_as<DomLora<>, Method<Lora::adapter_type, Page, Dominant>>);
static_assert(std::same_as<DomLora<SvdLora>::adapter_type, SvdLora::adapter_type>);
static_assert(
    std::same_as<AdaLora<>, Method<Additive<Svd, AlphaOverRankPlusEps>, Smoothed<Sensitivity>, Budget<>>>);
static_assert(std::same_as<DomLora<DoraLora>, Method<Dora<>, Page, Dominant>>);
static_assert(AdaLora<Raw<Gsnr>>::placement_type::asks == grain::direction);
static_assert(adapt::detail::starts_inside_w<PissaLora::adapter_type>() &&
              adapt::detail::starts_inside_w<Plus<OloraLora::adapter_type>>() &&
              !adapt::detail::starts_inside_w<Lora::adapter_type>());
static_assert(std::semiregular<AdaLora<>> && std::semiregular<LoraPlus> && std::semiregular<LoraFa> &&
              std::semiregular<DoraLora> && std::semiregular<PissaLora> && std::semiregular<PruneLora> &&
              std::semiregular<ExactSvdLora> && std::semiregular<DomLora<PissaLora>>);
static_assert(std::semiregular<Lora> && std::semiregular<SvdLora> && std::semiregular<DomLora<RsLora>>);
}  // namespace

TEST_CASE("a method is a value with its defaults", "[adapt][method]") {
  const Lora lora{.adapter = {.scaling = {.alpha = 4}}, .placement = {.rank = 2}};
  CHECK(lora.adapter.scaling(2) == 2);
  CHECK(lora.adapter.dropout == 0);
  CHECK(Lora{}.adapter.scaling(8) == 2);
  CHECK(RsLora{}.adapter.scaling(16) == 4);
  CHECK(SvdLora{}.adapter.shape.orthogonality == 0.1);
  CHECK(DomLora<>{}.placement.top == 1);
  CHECK(DomLora<>{}.score.reading == Reading::per_sample);
  // A score that gives more than a placement asks is welcome.
  const Method<Additive<>, WatchingPage, ByDirection> generous{};
  CHECK(generous.placement.rank == 8);
}
