// SPDX-License-Identifier: MIT
/// @file lorica/core/backend.hpp
/// What a place that can compute must offer: memory, products, elementwise maps, row functors, reductions.
/// Five small concepts rather than one large one, so that the compiler's note names the missing verb. All
/// else is an optional fast path that operations find by `requires`.
#pragma once

#include <lorica/core/archetype.hpp>
#include <lorica/core/bf16.hpp>
#include <lorica/core/matrix.hpp>

#include <memory>
#include <span>

namespace lorica {

namespace detail {
template <class T, class B, class Element>
concept BufferOf = std::same_as<T, typename B::template buffer<Element>>;
}  // namespace detail

/// Owns memory for the types a backend computes with: `scalar` (weights, activations), `master` (parameters,
/// their gradients and moments, scores, statistics, the residual stream) and 32-bit integers. `buffer<T>` is
/// a move-only owner whose data() is a pointer into the backend's memory; its contents start unspecified.
template <class B>
concept MemoryBackend = Scalar<typename B::scalar> && Scalar<typename B::master> &&
    std::movable<typename B::template buffer<typename B::scalar>> &&
    requires(B& b, index_t n, typename B::scalar* p, const typename B::scalar* c,
             std::span<const typename B::scalar> host, std::span<typename B::scalar> out, std::int32_t* q,
             std::span<const std::int32_t> ints) {
  { b.template allocate<typename B::scalar>(n) } -> detail::BufferOf<B, typename B::scalar>;
  { b.template allocate<typename B::master>(n) } -> detail::BufferOf<B, typename B::master>;
  { b.template allocate<std::int32_t>(n) } -> detail::BufferOf<B, std::int32_t>;
  { b.upload(host, p) } -> std::same_as<void>;
  { b.upload(ints, q) } -> std::same_as<void>;
  { b.download(c, out) } -> std::same_as<void>;
  { b.copy(c, p, n) } -> std::same_as<void>;
};

/// Products. gemm: C <- alpha op(A) op(B) + beta C, for any mixture of scalar and master; C is not read where
/// beta is 0. pack: a frozen W [m, k] brought once into the form its products want; `keep` owns w's memory,
/// so a policy that leaves it where it is costs nothing. multiply: Y <- X W^T + beta Y (Trans::yes, X [n, k])
/// or Y <- X W + beta Y (Trans::no, X [n, m]); Y may be scalar or master. unpack gives back W. pack_factor:
/// bytes held for a byte of weight.
template <class B>
concept GemmBackend = std::copyable<typename B::packed> &&
    requires(B& b, typename B::master s, MatrixRef<const typename B::scalar> x,
             MatrixRef<typename B::scalar> y, MatrixRef<const typename B::master> p,
             MatrixRef<typename B::master> g, const typename B::packed& w, std::shared_ptr<const void> keep) {
  { b.gemm(Trans::no, Trans::yes, s, x, p, s, g) } -> std::same_as<void>;
  { b.gemm(Trans::yes, Trans::no, s, p, x, s, g) } -> std::same_as<void>;
  { b.gemm(Trans::no, Trans::no, s, p, p, s, y) } -> std::same_as<void>;
  { b.pack(x, keep) } -> std::same_as<typename B::packed>;
  { b.unpack(w, y) } -> std::same_as<void>;
  { b.multiply(x, w, Trans::yes, s, y) } -> std::same_as<void>;
  { b.multiply(x, w, Trans::no, s, g) } -> std::same_as<void>;
  { B::pack_factor } -> std::convertible_to<double>;
};

/// y_i <- f(x_i, ...) over n elements of contiguous memory, up to three inputs; y may be one of them.
template <class B>
concept ElementwiseBackend = requires(B& b, index_t n, typename B::scalar* y, const typename B::scalar* x) {
  { b.map(n, archetype::Unary{}, y, x) } -> std::same_as<void>;
  { b.map(n, archetype::Binary{}, y, x, x) } -> std::same_as<void>;
};

/// f(i) for i in 0 .. n, in any order and at once. for_rows: a row of work each; for_each_index: an
/// element's.
template <class B>
concept RowBackend = requires(B& b, index_t n) {
  { b.for_rows(n, archetype::Index{}) } -> std::same_as<void>;
  { b.for_each_index(n, archetype::Index{}) } -> std::same_as<void>;
};

/// Reductions, the same from run to run. column_dots: d_j <- sum_i x_ij y_ij + beta d_j; column_sums: d_j <-
/// sum_i x_ij + beta d_j. kth_smallest is 1-based; NaN counts as larger than anything.
template <class B>
concept ReduceBackend = requires(B& b, index_t n, typename B::master s, const typename B::scalar* x,
                                 const typename B::master* p, MatrixRef<const typename B::scalar> a,
                                 MatrixRef<const typename B::master> c, typename B::master* d) {
  { b.sum(p, n) } -> std::same_as<double>;
  { b.sum_squares(x, n) } -> std::same_as<double>;
  { b.sum_squares(p, n) } -> std::same_as<double>;
  { b.column_sums(a, s, d) } -> std::same_as<void>;
  { b.column_dots(c, c, s, d) } -> std::same_as<void>;
  { b.kth_smallest(p, n, n) } -> std::same_as<double>;
};

template <class B>
concept Backend =
    MemoryBackend<B> && GemmBackend<B> && ElementwiseBackend<B> && RowBackend<B> && ReduceBackend<B>;

}  // namespace lorica
