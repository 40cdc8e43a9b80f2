// SPDX-License-Identifier: MIT
/// @file lorica/gpu/buffer.cuh
/// Memory of Thrust's device, used again: asking a device for memory stops it, and a training step asks for
/// the same sizes every time. All work runs in one stream, so a block may be handed out while its last reader
/// is still queued.
#pragma once

#include <lorica/core/bf16.hpp>

#include <thrust/device_free.h>
#include <thrust/device_malloc.h>
#include <thrust/device_ptr.h>

#include <cstddef>
#include <map>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

namespace lorica::gpu {

/// A shared store of blocks, kept by size class. Buffers keep it alive.
class Pool {
 public:
  Pool() = default;
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;
  ~Pool() {
    try {
      trim();
    } catch (...) {  // the device is gone, and its memory with it
    }
  }

  /// At least that many bytes; Thrust throws std::bad_alloc where there are none.
  std::byte* take(std::size_t bytes) {
    const std::size_t size = size_class(bytes);
    const std::lock_guard lock(mutex_);
    auto& free = free_[size];
    std::byte* p = nullptr;
    if (free.empty()) {
      p = thrust::raw_pointer_cast(thrust::device_malloc<std::byte>(size));
      held_ += size;
    } else {
      p = free.back();
      free.pop_back();
    }
    in_use_ += size;
    if (in_use_ > peak_) peak_ = in_use_;
    return p;
  }
  void give(std::byte* p, std::size_t bytes) noexcept {
    const std::size_t size = size_class(bytes);
    const std::lock_guard lock(mutex_);
    in_use_ -= size;
    try {
      free_[size].push_back(p);
    } catch (...) {  // no memory for the list: the block stays with the device until the end
    }
  }
  /// Gives all unused blocks back to the device.
  void trim() {
    const std::lock_guard lock(mutex_);
    for (auto& [size, blocks] : free_)
      while (!blocks.empty()) {
        thrust::device_free(thrust::device_pointer_cast(blocks.back()));
        blocks.pop_back();
        held_ -= size;
      }
  }
  /// Bytes in buffers now, the most there ever were, and bytes held from the device.
  [[nodiscard]] std::size_t in_use() const noexcept { return in_use_; }
  [[nodiscard]] std::size_t peak() const noexcept { return peak_; }
  [[nodiscard]] std::size_t held() const noexcept { return held_; }
  void reset_peak() noexcept { peak_ = in_use_; }

 private:
  /// The next multiple of an eighth of the power of two below: at most 12.5 % lost, and ragged batches meet
  /// again.
  static std::size_t size_class(std::size_t bytes) {
    std::size_t step = 256;
    while (step * 16 < bytes) step *= 2;
    return bytes == 0 ? step : (bytes + step - 1) / step * step;
  }

  std::mutex mutex_;
  std::map<std::size_t, std::vector<std::byte*>> free_;
  std::size_t in_use_ = 0, peak_ = 0, held_ = 0;
};

/// n values of T in the device's memory, contents unspecified. Moves, never copies; data() is for the device
/// to read.
template <class T> class Buffer {
 public:
  Buffer() = default;
  Buffer(std::shared_ptr<Pool> pool, index_t n)
      : pool_(std::move(pool)),
        bytes_(static_cast<std::size_t>(n) * sizeof(T)),
        data_(reinterpret_cast<T*>(pool_->take(bytes_))) {}
  Buffer(Buffer&& o) noexcept
      : pool_(std::move(o.pool_)),
        bytes_(std::exchange(o.bytes_, 0)),
        data_(std::exchange(o.data_, nullptr)) {}
  Buffer& operator=(Buffer&& o) noexcept {
    Buffer moved(std::move(o));
    std::swap(pool_, moved.pool_);
    std::swap(bytes_, moved.bytes_);
    std::swap(data_, moved.data_);
    return *this;
  }
  ~Buffer() {
    if (data_ != nullptr) pool_->give(reinterpret_cast<std::byte*>(data_), bytes_);
  }
  [[nodiscard]] T* data() noexcept { return data_; }
  [[nodiscard]] const T* data() const noexcept { return data_; }

 private:
  std::shared_ptr<Pool> pool_;
  std::size_t bytes_ = 0;
  T* data_ = nullptr;
};

}  // namespace lorica::gpu
