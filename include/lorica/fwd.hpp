// SPDX-License-Identifier: MIT
/// @file lorica/fwd.hpp
/// The public names, their defaults and their aliases: enough for a host's own headers to name an adapted
/// model over a backend that is a parameter or complete, and the one place a default is written. What stands
/// behind a name is in the header of its layer.
#pragma once

#include <lorica/core/backend.hpp>

namespace lorica {

template <Backend B, class T = typename B::scalar> class Tensor;
/// Parameters, their gradients and moments, scores, the residual stream.
template <Backend B> using MasterTensor = Tensor<B, typename B::master>;
template <Backend B> class Frozen;

template <Backend B> struct Parameter;
template <Backend B> class Tape;
template <Backend B, class T = typename B::scalar> class Var;
/// A value of the residual stream, a parameter on a tape, a loss.
template <Backend B> using MasterVar = Var<B, typename B::master>;

namespace cpu {
struct EigenGemm;
template <Scalar T, class Gemm = EigenGemm, Scalar Master = arithmetic_t<T>> class EigenBackend;
}  // namespace cpu

namespace nn {
struct LayerNorm;
struct RmsNorm;
struct Unrotated;
struct Rotary;
struct Separate;
struct Fused;
template <class Positions = Unrotated, class Projections = Separate> struct SelfAttention;
struct ExactGelu;
struct TanhGelu;
template <class Activation> struct Mlp;
struct GatedSilu;
struct PreNorm;
struct PostNorm;
struct Alone;
template <class Activation> struct Convolution;
struct DisentangledAttention;
template <class Norm, class Attention, class FeedForward, class Residual = PreNorm, class Beside = Alone>
struct Block;
template <Backend B, class BlockType, class Weight = Frozen<B>> class Transformer;

/// Blocks by the families that made them known.
using Gpt2Block = Block<LayerNorm, SelfAttention<Unrotated, Fused>, Mlp<TanhGelu>, PreNorm>;
using LlamaBlock = Block<RmsNorm, SelfAttention<Rotary>, GatedSilu, PreNorm>;
using BertBlock = Block<LayerNorm, SelfAttention<Unrotated>, Mlp<ExactGelu>, PostNorm>;
using DebertaBlock =
    Block<LayerNorm, DisentangledAttention, Mlp<ExactGelu>, PostNorm, Convolution<ExactGelu>>;
/// A causal language model of Llama's kind: what the examples and the program train and adapt.
template <Backend B, class Weight = Frozen<B>> using Decoder = Transformer<B, LlamaBlock, Weight>;
}  // namespace nn

namespace adapt {
struct LowRank;
struct FrozenA;
struct ExactSvd;
struct Svd;
struct AlphaOverRank;
struct AlphaOverSqrtRank;
struct AlphaOverRankPlusEps;
struct FromZero;
struct Gaussian;
struct Orthogonal;
struct Pissa;
struct Olora;
template <class P = LowRank, class S = AlphaOverRank, class Start = FromZero> struct Additive;
template <class P = LowRank, class S = AlphaOverRank, class Start = FromZero> struct Dora;
template <class A> struct Plus;
template <class A = Additive<>> struct Biased;

struct NoScore;
struct Page;
struct PageSvd;
template <class Adapter> struct PageOf;
struct GradientEnergy;
struct Sensitivity;
struct Movement;
struct Fisher;
struct Gsnr;
struct Magnitude;
struct SpectrumMagnitude;
template <class Element> struct Raw;
template <class Element> struct Averaged;
template <class Element> struct Smoothed;
template <class Element> struct Accumulated;
template <class Element, int steps = 8> struct Windowed;
template <class Site, class Direction> struct Both;

struct Uniform;
struct Dominant;
struct Proportional;
template <class Start = Uniform> struct Budget;

/// What stands at a site (the parameterization is the adapter's), what it is worth, and where it goes.
template <class Adapter, class Score = NoScore, class Placement = Uniform> struct Method;
template <Backend B, class M> class Adapted;

namespace detail {
template <class M> struct AdapterOf;  // a method's adapter, before the method is complete
template <class A, class S, class P> struct AdapterOf<Method<A, S, P>> { using type = A; };
}  // namespace detail

/// LoRA: Hu et al. 2021
using Lora = Method<Additive<LowRank, AlphaOverRank>>;
/// rsLoRA: Kalajdzievski 2023
using RsLora = Method<Additive<LowRank, AlphaOverSqrtRank>>;
/// LoRA+: Hayou et al. 2024
using LoraPlus = Method<Plus<Additive<>>>;
/// LoRA-FA: Zhang et al. 2023
using LoraFa = Method<Additive<FrozenA>>;
/// PiSSA: Meng et al. 2024
using PissaLora = Method<Additive<LowRank, AlphaOverRank, Pissa>>;
/// OLoRA: Büyükakyüz 2024
using OloraLora = Method<Additive<LowRank, AlphaOverRank, Olora>>;
/// DoRA: Liu et al. 2024
using DoraLora = Method<Dora<>>;
/// AdaLoRA's P diag(lambda) Q without its budget: Zhang et al. 2023
using SvdLora = Method<Additive<Svd, AlphaOverRankPlusEps>>;
/// AdaLoRA: Zhang et al. 2023. With another score: Kim et al., "Score Function Variation in AdaLoRA"
template <class Score = Smoothed<Sensitivity>>
using AdaLora = Method<Additive<Svd, AlphaOverRankPlusEps>, Score, Budget<Uniform>>;
/// AdaLoRA's ablation: B A under the same budget. Zhang et al. 2023, table 4
using PruneLora = Method<Additive<>, Smoothed<Sensitivity>, Budget<Uniform>>;
/// AdaLoRA's control: B A cut by its singular values, computed anew at every cut
using ExactSvdLora = Method<Additive<ExactSvd>, Raw<SpectrumMagnitude>, Budget<Uniform>>;
/// DomLoRA, one adapter at the PAGE-dominant site: arXiv 2605.06183. The score is that of a plain LoRA
/// adapter, as in the paper, whatever M puts there.
template <class M = Lora> using DomLora = Method<typename detail::AdapterOf<M>::type, Page, Dominant>;
}  // namespace adapt

}  // namespace lorica
