// SPDX-License-Identifier: MIT
/// @file lorica/train/data.hpp
/// Samples by number, and the order in which a run sees them.
#pragma once

#include <lorica/core/random.hpp>
#include <lorica/nn/batch.hpp>

namespace lorica::train {

/// size() samples; append(to, i) adds sample i to a batch. Optional, found by `requires`: order(seed, batch),
/// a callable from the position in the run to a sample, in place of a shuffle (tasks::ByLength).
template <class D>
concept Data = requires(const D& d, nn::Sequences& to, index_t i) {
  { d.size() } -> std::convertible_to<index_t>;
  { d.append(to, i) } -> std::same_as<void>;
};

/// A text cut into windows of `length` tokens that do not overlap; the target of a token is the one that
/// follows.
class Windows {
 public:
  struct config {
    index_t length = 256;
  };

  Windows() = default;
  Windows(std::vector<std::int32_t> tokens, const config& c) : tokens_(std::move(tokens)), length_(c.length) {
    expects(length_ > 0, "windows: a length of ", length_, " tokens, expected at least 1");
    expects(static_cast<index_t>(tokens_.size()) > length_, "windows: ", tokens_.size(),
            " tokens are too few for one window of ", length_, " and the token that follows");
    const index_t n = (static_cast<index_t>(tokens_.size()) - 1) / length_;
    for (index_t i = 0; i < n; ++i) starts_.push_back(static_cast<std::size_t>(i * length_));
  }
  [[nodiscard]] index_t size() const { return static_cast<index_t>(starts_.size()); }
  [[nodiscard]] index_t length() const noexcept { return length_; }
  void append(nn::Sequences& to, index_t i) const {
    const std::span all(tokens_);
    const auto first = starts_[static_cast<std::size_t>(i)], n = static_cast<std::size_t>(length_);
    to.add(all.subspan(first, n), all.subspan(first + 1, n));
  }
  /// n windows, evenly spaced over the text; all of them where there are no more.
  [[nodiscard]] nn::Sequences sample(index_t n) const {
    const Windows some = at_most(n);
    nn::Sequences s;
    for (index_t i = 0; i < some.size(); ++i) some.append(s, i);
    return s;
  }
  /// The same windows as data.
  [[nodiscard]] Windows at_most(index_t n) const {
    expects(n > 0, "windows: a sample of ", n, ", expected at least 1");
    Windows some = *this;
    some.starts_.clear();
    const index_t take = std::min(n, size());
    for (index_t i = 0; i < take; ++i)
      some.starts_.push_back(starts_[static_cast<std::size_t>(i * size() / take)]);
    return some;
  }

 private:
  std::vector<std::int32_t> tokens_;
  std::vector<std::size_t> starts_;  // of the windows
  index_t length_ = 0;
};

/// Every byte a token.
inline Windows windows(std::span<const std::uint8_t> text, const Windows::config& c) {
  return Windows(std::vector<std::int32_t>(text.begin(), text.end()), c);
}
static_assert(Data<Windows>);

/// A shuffle of all samples per epoch. Position p of the run is a function of the seed alone, so a cursor is
/// a number.
class Shuffle {
 public:
  Shuffle(Seed seed, index_t size) : seed_(seed), size_(size) { expects(size > 0, "data: no samples"); }
  index_t operator()(index_t position) {
    const index_t epoch = position / size_;
    if (epoch != epoch_) {
      order_ = permutation(Stream(seed_, "data order", "", static_cast<std::uint64_t>(epoch)), size_);
      epoch_ = epoch;
    }
    return order_[static_cast<std::size_t>(position % size_)];
  }

 private:
  Seed seed_;
  index_t size_;
  index_t epoch_ = -1;
  std::vector<index_t> order_;
};

}  // namespace lorica::train
