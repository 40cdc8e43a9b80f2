// SPDX-License-Identifier: MIT
/// @file lorica/train/data.hpp
/// Samples by number, and the order in which a run sees them.
#pragma once

#include <lorica/core/random.hpp>
#include <lorica/nn/batch.hpp>

namespace lorica::train {

/// size() samples; append(to, i) adds sample i to a batch.
template <class D>
concept Data = requires(const D& d, nn::Sequences& to, index_t i) {
  { d.size() } -> std::convertible_to<index_t>;
  { d.append(to, i) } -> std::same_as<void>;
};

/// A text cut into windows of `length` tokens that do not overlap; the target of a token is the one that follows.
class Windows {
 public:
  struct config { index_t length = 256; };

  Windows() = default;
  Windows(std::vector<std::int32_t> tokens, const config& c) : tokens_(std::move(tokens)), length_(c.length) {
    expects(length_ > 0, "windows: a length of ", length_, " tokens, expected at least 1");
    expects(static_cast<index_t>(tokens_.size()) > length_, "windows: ", tokens_.size(), " tokens are too few for one window of ", length_,
            " and the token that follows");
  }
  [[nodiscard]] index_t size() const { return (static_cast<index_t>(tokens_.size()) - 1) / length_; }
  [[nodiscard]] index_t length() const noexcept { return length_; }
  void append(nn::Sequences& to, index_t i) const {
    const std::span all(tokens_);
    const auto first = static_cast<std::size_t>(i * length_), n = static_cast<std::size_t>(length_);
    to.add(all.subspan(first, n), all.subspan(first + 1, n));
  }
  /// n windows, evenly spaced over the text; all of them where there are no more.
  [[nodiscard]] nn::Sequences sample(index_t n) const {
    expects(n > 0, "windows: a sample of ", n);
    nn::Sequences s;
    const index_t take = std::min(n, size());
    for (index_t i = 0; i < take; ++i) append(s, i * size() / take);
    return s;
  }

 private:
  std::vector<std::int32_t> tokens_;
  index_t length_ = 0;
};

/// Every byte a token.
inline Windows windows(std::span<const std::uint8_t> text, const Windows::config& c) {
  return Windows(std::vector<std::int32_t>(text.begin(), text.end()), c);
}
static_assert(Data<Windows>);

/// A shuffle of all samples per epoch. Position p of the run is a function of the seed alone, so a cursor is a number.
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
