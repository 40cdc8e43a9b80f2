// SPDX-License-Identifier: MIT
/// @file lorica/gpu/buffer.cuh
/// Memory of Thrust's device, used again: asking a device for memory stops it, and a training step asks for
/// the same sizes every time. All work runs in one stream, so a block may be handed out while its last reader
/// is still queued. What a recording was given stays where it is, for recordings alone: none is done while
/// another is.
#pragma once

#include <lorica/core/bf16.hpp>
#include <lorica/core/out_of_memory.hpp>
#include <lorica/gpu/recording.cuh>

#include <thrust/device_free.h>
#include <thrust/device_malloc.h>
#include <thrust/device_ptr.h>

#include <cstddef>
#include <map>
#include <memory>
#include <mutex>
#include <new>
#include <utility>
#include <vector>

namespace lorica::gpu {

/// A shared store of blocks, kept by size class. Buffers keep it alive.
class Pool : public std::enable_shared_from_this<Pool> {
 public:
  Pool() = default;
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;
  ~Pool() {
    try {
      trim();
      release_recorded();
    } catch (...) {  // the device is gone, and its memory with it
    }
  }

  /// At least that many bytes. Where the device has none left, unused blocks of other sizes are given back
  /// first, then those of recordings; OutOfMemory where that is not enough.
  std::byte* take(std::size_t bytes) {
    const std::size_t size = size_class(bytes);
    const std::lock_guard lock(mutex_);
    const bool recorded = detail::recording();
    if (recorded)
      if (std::byte* p = from_recorded(size)) return p;
    auto& free = free_[size];
    std::byte* p = nullptr;
    if (recorded || free.empty()) {
      p = from_device(size);
      held_ += size;
      if (recorded) recorded_.emplace(p, size);
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
    const auto recorded = recorded_.find(p);
    if (recorded == recorded_.end()) in_use_ -= size;
    try {
      if (recorded == recorded_.end())
        free_[size].push_back(p);
      else
        recorded_free_[recorded->second].push_back(p);
    } catch (...) {  // no memory for the list: the block stays with the device until the end
    }
  }
  /// Gives all unused blocks back to the device, but those of recordings.
  void trim() {
    const std::lock_guard lock(mutex_);
    release(free_);
  }
  /// What recordings hold on to: once none does, their memory goes back to the device.
  [[nodiscard]] std::shared_ptr<const void> lease() {
    const std::lock_guard lock(mutex_);
    auto held = lease_.lock();
    if (!held) {
      // lease_ keeps the deleter, which must not keep the pool.
      held = {this, [pool = shared_from_this()](const void*) mutable {
                std::exchange(pool, nullptr)->end_lease();
              }};
      lease_ = held;
    }
    return held;
  }
  /// Whether recordings have memory.
  [[nodiscard]] bool records() const {
    const std::lock_guard lock(mutex_);
    return !recorded_.empty();
  }
  /// How often they have lost it.
  [[nodiscard]] std::size_t losses() const {
    const std::lock_guard lock(mutex_);
    return losses_;
  }
  /// f() while no recording can lose its memory; false, and nothing is done, where one has since there were
  /// that many losses.
  template <class F> bool unless_lost(std::size_t since, F f) {
    const std::lock_guard lock(mutex_);
    return losses_ == since && f();
  }
  /// The most to hold from now on, as if the device had no more; 0 is all that it has.
  void limit(std::size_t bytes) {
    const std::lock_guard lock(mutex_);
    limit_ = bytes;
  }
  /// Bytes in buffers and of recordings now, the most there ever were, and bytes held from the device.
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

  /// An unused block of recordings of that size, or of up to twice as much: those of a batch serve for
  /// another that is like it. Null where there is none.
  std::byte* from_recorded(std::size_t size) {
    const auto end = recorded_free_.upper_bound(2 * size);
    for (auto at = recorded_free_.lower_bound(size); at != end; ++at)
      if (!at->second.empty()) {
        std::byte* p = at->second.back();
        at->second.pop_back();
        return p;
      }
    return nullptr;
  }
  std::byte* from_device(std::size_t size) {
    std::byte* p = allocated(size);
    if (p == nullptr) {
      release(free_);
      p = allocated(size);
    }
    if (p == nullptr) {
      release_recorded();
      p = allocated(size);
    }
    if (p == nullptr)
      throw OutOfMemory(
          message("the device has no room for ", mebibytes(size), ": ", mebibytes(in_use_), " are in use",
                  limit_ > 0 ? ", of at most " + mebibytes(limit_) : "", of_device()),
          size, in_use_);
    return p;
  }
  /// Null where there is no room.
  [[nodiscard]] std::byte* allocated(std::size_t size) const {
    if (limit_ > 0 && held_ + size > limit_) return nullptr;
#if THRUST_DEVICE_SYSTEM == THRUST_DEVICE_SYSTEM_CUDA
    // Not Thrust's own, which takes every error for a lack of memory, a kernel's that failed before as well.
    void* p = nullptr;
    const cudaError_t status = cudaMalloc(&p, size);
    if (status == cudaErrorMemoryAllocation) {
      (void)cudaGetLastError();
      return nullptr;
    }
    detail::check(status, "memory on the device, ", size, " bytes, or what was queued before it");
    return static_cast<std::byte*>(p);
#else
    try {
      return thrust::raw_pointer_cast(thrust::device_malloc<std::byte>(size));
    } catch (const std::bad_alloc&) {
      return nullptr;
    }
#endif
  }
  /// What the device says of itself, where it is one: others may have their part.
  static std::string of_device() {
#if THRUST_DEVICE_SYSTEM == THRUST_DEVICE_SYSTEM_CUDA
    std::size_t free = 0, all = 0;
    if (cudaMemGetInfo(&free, &all) == cudaSuccess)
      return message("; it has ", mebibytes(all), ", of which ", mebibytes(free), " are free");
#endif
    return {};
  }
  using Blocks = std::map<std::size_t, std::vector<std::byte*>>;
  void release(Blocks& unused) {
    for (auto& [size, blocks] : unused)
      while (!blocks.empty()) {
        thrust::device_free(thrust::device_pointer_cast(blocks.back()));
        if (recorded_.erase(blocks.back()) > 0) in_use_ -= size;
        blocks.pop_back();
        held_ -= size;
      }
  }
  void end_lease() noexcept {
    const std::lock_guard lock(mutex_);
    try {
      release_recorded();
    } catch (...) {  // the device is gone, and its memory with it
    }
  }
  void release_recorded() {
    if (!recorded_.empty()) ++losses_;
    release(recorded_free_);
  }

  mutable std::mutex mutex_;
  Blocks free_, recorded_free_;
  std::map<std::byte*, std::size_t> recorded_;  // every block of theirs, and its size
  std::weak_ptr<const void> lease_;
  std::size_t losses_ = 0;
  std::size_t in_use_ = 0, peak_ = 0, held_ = 0, limit_ = 0;
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
