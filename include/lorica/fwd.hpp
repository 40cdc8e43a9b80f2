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
template <class Positions = Unrotated> struct SelfAttention;
struct ExactGelu;
struct TanhGelu;
template <class Activation> struct Mlp;
struct GatedSilu;
struct PreNorm;
struct PostNorm;
template <class Norm, class Attention, class FeedForward, class Residual = PreNorm> struct Block;
template <Backend B, class BlockType, class Weight = Frozen<B>> class Transformer;

/// Blocks by the families that made them known.
using GptBlock = Block<LayerNorm, SelfAttention<Unrotated>, Mlp<TanhGelu>, PreNorm>;
using LlamaBlock = Block<RmsNorm, SelfAttention<Rotary>, GatedSilu, PreNorm>;
using BertBlock = Block<LayerNorm, SelfAttention<Unrotated>, Mlp<ExactGelu>, PostNorm>;
/// A causal language model of Llama's kind: what the examples and the program train and adapt.
template <Backend B, class Weight = Frozen<B>> using Decoder = Transformer<B, LlamaBlock, Weight>;
}  // namespace nn

namespace adapt {
struct LowRank;
struct Svd;
struct AlphaOverRank;
struct AlphaOverSqrtRank;
struct AlphaOverRankPlusEps;
template <class P = LowRank, class S = AlphaOverRank> struct Additive;

struct NoScore;
struct Page;

struct Uniform;
struct Dominant;

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
/// AdaLoRA's P diag(lambda) Q without its budget: Zhang et al. 2023
using SvdLora = Method<Additive<Svd, AlphaOverRankPlusEps>>;
/// DomLoRA, one adapter at the PAGE-dominant site: arXiv 2605.06183
template <class M = Lora> using DomLora = Method<typename detail::AdapterOf<M>::type, Page, Dominant>;
}  // namespace adapt

}  // namespace lorica
