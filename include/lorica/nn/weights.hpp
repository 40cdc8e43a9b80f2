// SPDX-License-Identifier: MIT
/// @file lorica/nn/weights.hpp
/// Frozen is a type. A block is written once over both kinds of weight; which it holds decides what can be
/// asked of it.
#pragma once

#include <lorica/nn/site.hpp>

#include <algorithm>
#include <functional>
#include <memory>
#include <span>

namespace lorica::nn {

/// What a kind of weight means for a matrix that is multiplied with, a table whose rows are read, and a
/// vector.
template <class W> struct Kind;
template <Backend B> struct Kind<Frozen<B>> {
  using backend = B;
  using matrix = Frozen<B>;
  using table = Tensor<B>;
  using vector = MasterTensor<B>;
  static constexpr bool trains = false;
};
template <Backend B> struct Kind<Parameter<B>> {
  using backend = B;
  using matrix = Parameter<B>;
  using table = Parameter<B>;
  using vector = Parameter<B>;
  static constexpr bool trains = true;
};
template <class W> using matrix_of = typename Kind<W>::matrix;
template <class W> using table_of = typename Kind<W>::table;
template <class W> using vector_of = typename Kind<W>::vector;
template <class W> using backend_of = typename Kind<W>::backend;

/// The numbers of one weight, row by row: a list, memory that somebody else holds (a mapped file), or
/// whatever answers for a stretch of them (a file in another format, which is then converted piece by piece).
class Numbers {
 public:
  using Stretch = std::function<void(index_t first, std::span<float> to)>;

  Numbers(std::vector<float> list) {
    const auto kept = std::make_shared<const std::vector<float>>(std::move(list));
    held_ = std::span<const float>(*kept);
    keep_ = kept;
    size_ = static_cast<index_t>(held_.size());
  }
  /// `keep` owns the memory; `stretch`, if it is given, copies what is not used where it lies.
  Numbers(std::span<const float> held, std::shared_ptr<const void> keep, Stretch stretch = {})
      : size_(static_cast<index_t>(held.size())),
        held_(held),
        keep_(std::move(keep)),
        stretch_(std::move(stretch)) {}
  /// `stretch(first, to)` writes the numbers from `first` on.
  Numbers(index_t size, Stretch stretch) : size_(size), stretch_(std::move(stretch)) {}

  [[nodiscard]] index_t size() const noexcept { return size_; }
  /// All of them, where they lie in memory as float; else empty.
  [[nodiscard]] std::span<const float> held() const noexcept { return held_; }
  [[nodiscard]] const std::shared_ptr<const void>& keep() const noexcept { return keep_; }
  void copy(index_t first, std::span<float> to) const {
    if (stretch_)
      stretch_(first, to);
    else
      std::ranges::copy(held_.subspan(static_cast<std::size_t>(first), to.size()), to.begin());
  }
  [[nodiscard]] std::vector<float> list() const {
    std::vector<float> all(static_cast<std::size_t>(size_));
    copy(0, all);
    return all;
  }

 private:
  index_t size_ = 0;
  std::span<const float> held_ = {};
  std::shared_ptr<const void> keep_ = {};
  Stretch stretch_ = {};
};

/// Where the weights of a model come from: a file, a generator, another model. Shapes are what the
/// configuration says they must be; the source answers with the numbers, or throws.
using Source = std::function<Numbers(const std::string& name, Shape shape)>;

namespace detail {
/// A backend says so whose memory is the host's.
template <class B> constexpr bool in_host_memory() {
  if constexpr (requires { B::reads_host_memory; })
    return B::reads_host_memory;
  else
    return false;
}
/// Straight into the tensor, or through at most a megabyte of host memory: a model needs its own size while
/// it is loaded, not twice that.
template <class T, Backend B>
Tensor<B, T> tensor_from(B& b, const std::string& name, const Numbers& from, index_t rows, index_t cols) {
  constexpr index_t piece = index_t(1) << 18;
  expects<ShapeError>(from.size() == rows * cols, name, ": ", from.size(), " numbers for the shape ",
                      Shape{rows, cols});
  Tensor<B, T> out(b, rows, cols);
  if constexpr (in_host_memory<B>() && std::same_as<T, float>) {
    from.copy(0, std::span(out.data(), static_cast<std::size_t>(out.size())));
    return out;
  }
  std::vector<float> raw(static_cast<std::size_t>(std::min(piece, out.size())));
  std::vector<T> rounded(std::same_as<T, float> ? 0 : raw.size());
  for (index_t first = 0; first < out.size(); first += piece) {
    const auto n = static_cast<std::size_t>(std::min(piece, out.size() - first));
    from.copy(first, std::span(raw).first(n));
    if constexpr (std::same_as<T, float>) {
      b.upload(std::span<const T>(raw).first(n), out.data() + first);
    } else {
      std::transform(raw.begin(), raw.begin() + static_cast<std::ptrdiff_t>(n), rounded.begin(),
                     convert<T, float>);
      b.upload(std::span<const T>(rounded).first(n), out.data() + first);
    }
  }
  return out;
}
/// Whether frozen weights may lie in memory that is not the backend's own.
template <class B> constexpr bool borrows() {
  return in_host_memory<B>() && std::same_as<typename B::scalar, float>;
}
}  // namespace detail

/// A weight of either kind, made from a source. A frozen matrix stays where it lies, if it lies in memory as
/// the backend wants it.
template <class Weight, Backend B>
Weight make(B& b, const Source& from, const std::string& name, index_t rows, index_t cols) {
  const Numbers numbers = from(name, {rows, cols});
  if constexpr (std::same_as<Weight, Parameter<B>>) {
    return {name, detail::tensor_from<typename B::master>(b, name, numbers, rows, cols), {}};
  } else if constexpr (std::same_as<Weight, Frozen<B>>) {
    if constexpr (detail::borrows<B>())
      if (numbers.held().size() == static_cast<std::size_t>(rows * cols))
        return Frozen<B>(b, MatrixRef<const float>(numbers.held().data(), rows, cols), numbers.keep());
    return Frozen<B>(b, detail::tensor_from<typename B::scalar>(b, name, numbers, rows, cols));
  } else {
    return detail::tensor_from<std::remove_pointer_t<decltype(std::declval<Weight&>().data())>>(
        b, name, numbers, rows, cols);
  }
}

/// The numbers of a weight of any kind, on the host.
template <Backend B> std::vector<float> numbers(B& b, const Frozen<B>& w) {
  return w.dense(b).template host<float>(b);
}
template <Backend B> std::vector<float> numbers(B& b, const Parameter<B>& w) {
  return w.value.template host<float>(b);
}
template <Backend B, class T> std::vector<float> numbers(B& b, const Tensor<B, T>& w) {
  return w.template host<float>(b);
}

}  // namespace lorica::nn
