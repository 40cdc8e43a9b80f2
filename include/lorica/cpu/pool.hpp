// SPDX-License-Identifier: MIT
/// @file lorica/cpu/pool.hpp
/// Memory that is used again. A training step asks for the same sizes in the same order every time; giving
/// them back to the system in between costs 3 % of a float step in page faults. Blocks are kept by size class
/// and handed out again.
#pragma once

#include <lorica/core/config.hpp>

#include <bit>
#include <cstdlib>
#include <map>
#include <memory>
#include <mutex>
#include <new>
#include <utility>
#include <vector>

namespace lorica::cpu {

/// A shared store of 64-byte aligned blocks. Buffers keep it alive.
class Pool {
 public:
  Pool() = default;
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;
  ~Pool() { trim(); }

  void* take(std::size_t bytes) {
    const std::size_t size = size_class(bytes);
    const std::lock_guard lock(mutex_);
    in_use_ += size;
    if (in_use_ > peak_) peak_ = in_use_;
    auto& free = free_[size];
    if (!free.empty()) {
      void* p = free.back();
      free.pop_back();
      return p;
    }
    void* p = std::aligned_alloc(64, size);
    if (p == nullptr) throw std::bad_alloc();
    held_ += size;
    return p;
  }
  void give(void* p, std::size_t bytes) noexcept {
    const std::size_t size = size_class(bytes);
    const std::lock_guard lock(mutex_);
    in_use_ -= size;
    try {
      free_[size].push_back(p);
    } catch (...) {  // no memory for the list: let the block go
      std::free(p);
      held_ -= size;
    }
  }
  /// Gives all unused blocks back to the system.
  void trim() {
    const std::lock_guard lock(mutex_);
    for (auto& [size, blocks] : free_) {
      for (void* p : blocks) std::free(p);
      held_ -= size * blocks.size();
      blocks.clear();
    }
  }
  /// Bytes in buffers now, the most there ever were, and bytes held from the system.
  [[nodiscard]] std::size_t in_use() const noexcept { return in_use_; }
  [[nodiscard]] std::size_t peak() const noexcept { return peak_; }
  [[nodiscard]] std::size_t held() const noexcept { return held_; }
  void reset_peak() noexcept { peak_ = in_use_; }

 private:
  /// The next multiple of an eighth of the power of two below: at most 12.5 % lost, and ragged batches meet
  /// again.
  static std::size_t size_class(std::size_t bytes) {
    const std::size_t step = bytes <= 1024 ? 64 : std::bit_floor(bytes - 1) / 8;
    return bytes == 0 ? 64 : (bytes + step - 1) / step * step;
  }

  std::mutex mutex_;
  std::map<std::size_t, std::vector<void*>> free_;
  std::size_t in_use_ = 0, peak_ = 0, held_ = 0;
};

/// n values of T in host memory, taken from a pool. Moves, never copies.
template <class T> class Buffer {
 public:
  Buffer() = default;
  Buffer(std::shared_ptr<Pool> pool, index_t n)
      : pool_(std::move(pool)),
        bytes_(static_cast<std::size_t>(n) * sizeof(T)),
        data_(static_cast<T*>(pool_->take(bytes_))) {}
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
    if (data_ != nullptr) pool_->give(data_, bytes_);
  }
  [[nodiscard]] T* data() noexcept { return data_; }
  [[nodiscard]] const T* data() const noexcept { return data_; }

 private:
  std::shared_ptr<Pool> pool_;
  std::size_t bytes_ = 0;
  T* data_ = nullptr;
};

}  // namespace lorica::cpu
