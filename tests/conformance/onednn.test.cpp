// SPDX-License-Identifier: MIT
/// @file tests/conformance/onednn.test.cpp
/// The methods over backends whose products are oneDNN's, in float and in bf16, against PEFT's numbers in
/// double.
#include "adapt/peft_oracle.hpp"

#include <lorica/cpu/onednn_gemm.hpp>

using namespace lorica;
using namespace lorica::adapt;

namespace {
using Floats = cpu::EigenBackend<float, cpu::OneDnnGemm>;
using Halves = cpu::EigenBackend<bf16, cpu::OneDnnGemm, float>;
}  // namespace

// In bf16 a number is off by as much as one part in 512 wherever it is rounded, some eight times from x to a
// gradient and, where the processor computes with bf16, the adapters' factors as well; AdamW turns a small
// gradient's error into a step's. What a method makes of W is float throughout: the oracle's weights are held
// exactly.
TEMPLATE_TEST_CASE("methods over oneDNN are PEFT's: forward, gradients, ten steps",
                   "[conformance][onednn][oracle]", Floats, Halves) {
  using B = TestType;
  const test::FromPeft w = std::same_as<B, Halves> ? test::FromPeft{2e-6, 2e-2, 2e-2, 3e-2, 4e-2}
                                                   : test::FromPeft{2e-6, 2e-6, 2e-6, 2e-6, 2e-6};
  const auto is = [&](const char* method, const auto& adapter) {
    test::is_as_in_peft<B>(method, adapter, w);
  };
  is("lora", Additive<>{.scaling = {.alpha = 5}});
  is("rslora", Additive<LowRank, AlphaOverSqrtRank>{.scaling = {.alpha = 5}});
  is("pissa", Additive<LowRank, AlphaOverRank, Pissa>{.scaling = {.alpha = 5}});
  is("olora", Additive<LowRank, AlphaOverRank, Olora>{.scaling = {.alpha = 5}});
  is("lora_fa", Additive<FrozenA>{.scaling = {.alpha = 5}});
  is("lora_fa_preconditioned", Additive<FrozenA>{.shape = {.precondition = true}, .scaling = {.alpha = 5}});
  is("svd", Additive<Svd, AlphaOverRankPlusEps>{.scaling = {.alpha = 5}});
  is("lora_plus", Plus<Additive<>>{{.scaling = {.alpha = 5}}});
  is("dora", Dora<>{.scaling = {.alpha = 5}});
  is("dora_pissa", Dora<LowRank, AlphaOverRank, Pissa>{.scaling = {.alpha = 5}});
  is("dora_svd", Dora<Svd, AlphaOverRankPlusEps>{.scaling = {.alpha = 5}});
  is("dora_plus", Plus<Dora<>>{{.scaling = {.alpha = 5}}});
}
