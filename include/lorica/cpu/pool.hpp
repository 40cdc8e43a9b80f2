// SPDX-License-Identifier: MIT
/// @file lorica/cpu/pool.hpp
/// Memory that is used again. A training step asks for much the same sizes every time; giving them back to
/// the system in between costs 3 % of a float step in page faults. All that is large comes from one arena,
/// where what lies side by side becomes one piece when it is free: batches of other lengths find room in what
/// the last ones left.
#pragma once

#include <lorica/core/config.hpp>

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <memory>
#include <mutex>
#include <new>
#include <set>
#include <utility>
#include <vector>

namespace lorica::cpu {

/// Blocks out of one range of addresses, whose pages the system provides when they are first touched. The
/// smallest free piece that is large enough is cut, the lowest of its size; where there is none the arena
/// extends. Where a range ends, or may not be reserved at once, there are several. Not for two threads at a
/// time; sizes are multiples of 64.
class Arena {
 public:
  Arena() = default;
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;
  ~Arena() {
    for (const Range& r : ranges_) ::munmap(r.begin, r.size);
  }

  char* take(std::size_t size) {
    auto found = by_size_.lower_bound({size, nullptr});
    if (found == by_size_.end()) found = by_size_.find(extend(size));
    const auto [whole, at] = *found;
    // Nodes are used again, so that only the rest of a cut, which is new, asks for one.
    auto piece = by_size_.extract(found);
    auto place = by_address_.extract(at);
    if (whole > size) {
      piece.value() = {whole - size, at + size};
      place.key() = at + size, place.mapped() = whole - size;
      by_size_.insert(std::move(piece));
      by_address_.insert(std::move(place));
    }
    return at;
  }
  /// A piece for whose place in the lists there is no memory is lost until the arena goes.
  void give(char* at, std::size_t size) noexcept {
    try {
      insert(at, size);
    } catch (const std::bad_alloc&) {
    }
  }
  /// Pages in free pieces go back to the system; a free end no longer counts.
  void trim() {
    for (Range& r : ranges_)
      if (const auto last = ending_at(r.begin + r.used);
          last != by_address_.end() && last->first >= r.begin) {
        release(last->first, r.begin + r.used);
        r.used = static_cast<std::size_t>(last->first - r.begin);
        erase(last);
      }
    for (const auto& [at, size] : by_address_) release(at, at + size);
  }
  /// How far it extends, in bytes.
  [[nodiscard]] std::size_t extent() const noexcept {
    std::size_t n = 0;
    for (const Range& r : ranges_) n += r.used;
    return n;
  }

 private:
  using Piece = std::pair<std::size_t, char*>;
  using Places = std::map<char*, std::size_t>;
  struct Range {
    char* begin;
    std::size_t size, used = 0;
  };

  /// Makes a free piece of `size` bytes or more at an end.
  Piece extend(std::size_t size) {
    for (Range& r : ranges_) {
      const auto last = ending_at(r.begin + r.used);
      const std::size_t there = last != by_address_.end() && last->first >= r.begin ? last->second : 0;
      if (r.size - r.used + there >= size) return grow(r, size - there);
    }
    return grow(reserve(size), size);
  }
  Piece grow(Range& r, std::size_t by) {
    const auto piece = insert(r.begin + r.used, by);
    r.used += by;
    return piece;
  }
  /// Addresses for four times the machine's memory; where the process may not have so many, few, for others
  /// want some too.
  Range& reserve(std::size_t least) {
    const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
    const auto round = [page](std::size_t n) { return (n + page - 1) / page * page; };
    const auto memory = static_cast<std::size_t>(std::max(1L, ::sysconf(_SC_PHYS_PAGES))) * page;
    least = round(least);
    ranges_.reserve(ranges_.size() + 1);
    constexpr auto few = std::size_t(256) << 20;
    for (std::size_t size = std::max(least, 4 * memory);;
         size = std::max(least, round(std::min(size / 2, few)))) {
      void* const at =
          ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
      if (at != MAP_FAILED) {
        ranges_.push_back({static_cast<char*>(at), size});
        return ranges_.back();
      }
      if (size == least) throw std::bad_alloc();
    }
  }
  /// A free piece joins its neighbours. What neighbouring ranges may share is an address, never a piece.
  Piece insert(char* at, std::size_t size) {
    auto next = by_address_.lower_bound(at);
    if (next != by_address_.end() && at + size == next->first && !begins_range(next->first)) {
      size += next->second;
      next = erase(next);
    }
    if (next != by_address_.begin() && !begins_range(at))
      if (const auto before = std::prev(next); before->first + before->second == at) {
        at = before->first;
        size += before->second;
        erase(before);
      }
    const auto [placed, fresh] = by_address_.emplace(at, size);
    try {
      by_size_.emplace(size, at);
    } catch (...) {
      by_address_.erase(placed);
      throw;
    }
    return {size, at};
  }
  [[nodiscard]] bool begins_range(const char* at) const {
    return std::ranges::any_of(ranges_, [at](const Range& r) { return r.begin == at; });
  }
  Places::iterator erase(Places::iterator i) {
    by_size_.erase({i->second, i->first});
    return by_address_.erase(i);
  }
  /// The free piece before `end`, if one reaches to it.
  Places::iterator ending_at(char* end) {
    const auto next = by_address_.lower_bound(end);
    if (next == by_address_.begin()) return by_address_.end();
    const auto before = std::prev(next);
    return before->first + before->second == end ? before : by_address_.end();
  }
  /// The whole pages between.
  static void release(char* begin, char* end) {
    const auto page = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
    const std::uintptr_t first = (reinterpret_cast<std::uintptr_t>(begin) + page - 1) / page * page,
                         last = reinterpret_cast<std::uintptr_t>(end) / page * page;
    if (first < last) ::madvise(reinterpret_cast<void*>(first), last - first, MADV_DONTNEED);
  }

  std::vector<Range> ranges_;
  std::set<Piece> by_size_;
  Places by_address_;
};

/// A shared store of 64-byte aligned blocks. Buffers keep it alive. Up to 4 KiB blocks are kept by their
/// size.
class Pool {
 public:
  Pool() = default;
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;
  ~Pool() { trim_small(); }

  void* take(std::size_t bytes) {
    const std::size_t size = rounded(bytes);
    const std::lock_guard lock(mutex_);
    void* const p = size > largest_small ? arena_.take(size) : take_small(size);
    in_use_ += size;
    if (in_use_ > peak_) peak_ = in_use_;
    return p;
  }
  void give(void* p, std::size_t bytes) noexcept {
    const std::size_t size = rounded(bytes);
    const std::lock_guard lock(mutex_);
    in_use_ -= size;
    if (size > largest_small) return arena_.give(static_cast<char*>(p), size);
    try {
      small_[size / 64].push_back(p);
    } catch (...) {  // no memory for the list: let the block go
      std::free(p);
      small_held_ -= size;
    }
  }
  /// Gives unused memory back to the system.
  void trim() {
    const std::lock_guard lock(mutex_);
    arena_.trim();
    trim_small();
  }
  /// Bytes in buffers now, the most there ever were, and bytes that a step may use without asking the system:
  /// between blocks that are in use there may be pages that trim() has given back.
  [[nodiscard]] std::size_t in_use() const noexcept { return in_use_; }
  [[nodiscard]] std::size_t peak() const noexcept { return peak_; }
  [[nodiscard]] std::size_t held() const noexcept { return small_held_ + arena_.extent(); }
  void reset_peak() noexcept { peak_ = in_use_; }

 private:
  static constexpr std::size_t largest_small = 4096;
  static std::size_t rounded(std::size_t bytes) { return bytes == 0 ? 64 : (bytes + 63) / 64 * 64; }
  void* take_small(std::size_t size) {
    auto& free = small_[size / 64];
    if (!free.empty()) {
      void* p = free.back();
      free.pop_back();
      return p;
    }
    void* p = std::aligned_alloc(64, size);
    if (p == nullptr) throw std::bad_alloc();
    small_held_ += size;
    return p;
  }
  void trim_small() noexcept {
    for (std::size_t i = 0; i < small_.size(); ++i) {
      for (void* p : small_[i]) std::free(p);
      small_held_ -= 64 * i * small_[i].size();
      small_[i].clear();
    }
  }

  std::mutex mutex_;
  Arena arena_;
  std::array<std::vector<void*>, largest_small / 64 + 1> small_;
  std::size_t in_use_ = 0, peak_ = 0, small_held_ = 0;
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
