// SPDX-License-Identifier: MIT
/// @file lorica/core/tensor.hpp
/// A matrix that owns its memory and knows its shape, and nothing else.
#pragma once

#include <lorica/fwd.hpp>

#include <algorithm>
#include <utility>
#include <vector>

namespace lorica {

/// A row-major matrix [rows, cols] in the backend's memory; T is the backend's scalar or its master. Moves,
/// never copies by accident: clone() says so.
template <Backend B, class T> class Tensor {
 public:
  Tensor() = default;
  /// Contents unspecified.
  Tensor(B& b, index_t rows, index_t cols)
      : rows_(rows), cols_(cols), data_(b.template allocate<T>(rows * cols)) {}
  /// From host numbers of any floating type, row by row.
  template <class U>
  Tensor(B& b, index_t rows, index_t cols, std::span<const U> host) : Tensor(b, rows, cols) {
    assign(b, host);
  }
  template <class U>
  Tensor(B& b, index_t rows, index_t cols, const std::vector<U>& host)
      : Tensor(b, rows, cols, std::span<const U>(host)) {}

  [[nodiscard]] index_t rows() const noexcept { return rows_; }
  [[nodiscard]] index_t cols() const noexcept { return cols_; }
  [[nodiscard]] index_t size() const noexcept { return rows_ * cols_; }
  [[nodiscard]] Shape shape() const noexcept { return {rows_, cols_}; }
  [[nodiscard]] bool empty() const noexcept { return size() == 0; }
  [[nodiscard]] std::size_t bytes() const noexcept { return static_cast<std::size_t>(size()) * sizeof(T); }

  [[nodiscard]] T* data() noexcept { return data_.data(); }
  [[nodiscard]] const T* data() const noexcept { return data_.data(); }
  [[nodiscard]] MatrixRef<T> ref() noexcept { return {data(), rows_, cols_}; }
  [[nodiscard]] MatrixRef<const T> ref() const noexcept { return {data(), rows_, cols_}; }
  [[nodiscard]] MatrixRef<const T> cref() const noexcept { return ref(); }

  /// Other numbers, in the memory that is there.
  template <class U> void assign(B& b, std::span<const U> host) {
    expects<ShapeError>(static_cast<index_t>(host.size()) == size(), "Tensor: ", host.size(),
                        " numbers for the shape ", shape());
    if constexpr (std::is_same_v<T, U>) {
      b.upload(host, data());
    } else {
      std::vector<T> rounded(host.size());
      std::ranges::transform(host, rounded.begin(), convert<T, U>);
      b.upload(std::span<const T>(rounded), data());
    }
  }
  [[nodiscard]] Tensor clone(B& b) const {
    Tensor out(b, rows_, cols_);
    b.copy(data(), out.data(), size());
    return out;
  }
  /// The numbers, on the host, as U.
  template <class U = T> [[nodiscard]] std::vector<U> host(B& b) const {
    std::vector<T> raw(static_cast<std::size_t>(size()));
    b.download(data(), std::span<T>(raw));
    if constexpr (std::is_same_v<T, U>) return raw;
    std::vector<U> out(raw.size());
    std::ranges::transform(raw, out.begin(), convert<U, T>);
    return out;
  }

 private:
  index_t rows_ = 0;
  index_t cols_ = 0;
  typename B::template buffer<T> data_ = {};
};

namespace fn {
/// The same number everywhere.
template <class T> struct Constant {
  T value;
  template <class V> LORICA_HD V operator()(V) const { return V(value); }
};
}  // namespace fn

/// y <- value, everywhere.
template <Backend B, class T> void fill(B& b, Tensor<B, T>& y, arithmetic_t<T> value) {
  b.map(y.size(), fn::Constant<arithmetic_t<T>>{value}, y.data(), std::as_const(y).data());
}
/// [rows, cols] of zeros.
template <class T, Backend B> [[nodiscard]] Tensor<B, T> zeros(B& b, index_t rows, index_t cols) {
  Tensor<B, T> y(b, rows, cols);
  fill(b, y, arithmetic_t<T>(0));
  return y;
}

/// 32-bit integers in the backend's memory: token ids, offsets, positions.
template <Backend B> class Integers {
 public:
  Integers() = default;
  Integers(B& b, std::span<const std::int32_t> host)
      : size_(static_cast<index_t>(host.size())), data_(b.template allocate<std::int32_t>(size_)) {
    assign(b, host);
  }
  /// Others, as many, in the memory that is there.
  void assign(B& b, std::span<const std::int32_t> host) {
    expects<ShapeError>(static_cast<index_t>(host.size()) == size_, "Integers: ", host.size(),
                        " in the place of ", size_);
    b.upload(host, data_.data());
  }
  [[nodiscard]] const std::int32_t* data() const noexcept { return data_.data(); }
  [[nodiscard]] index_t size() const noexcept { return size_; }

 private:
  index_t size_ = 0;
  typename B::template buffer<std::int32_t> data_ = {};
};

}  // namespace lorica
