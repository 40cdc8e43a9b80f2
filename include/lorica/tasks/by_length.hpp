// SPDX-License-Identifier: MIT
/// @file lorica/tasks/by_length.hpp
/// Samples of like length side by side. Without padding no row is saved by it, but a step's time and memory
/// then follow its longest sequences together, and an evaluation meets its longest batch first.
#pragma once

#include <lorica/tasks/samples.hpp>

#include <algorithm>
#include <cstddef>
#include <numeric>
#include <utility>
#include <vector>

namespace lorica::tasks {

namespace detail {

/// Sorts [first, last) of the order, the longest first; equal ones keep their order.
inline void sort_by_length(std::vector<index_t>& order, std::size_t first, std::size_t last,
                           const std::vector<index_t>& length) {
  std::stable_sort(order.begin() + static_cast<std::ptrdiff_t>(first),
                   order.begin() + static_cast<std::ptrdiff_t>(last), [&](index_t i, index_t j) {
                     return length[static_cast<std::size_t>(i)] > length[static_cast<std::size_t>(j)];
                   });
}

}  // namespace detail

/// An order of a run, as train::Shuffle: a permutation of all samples an epoch, position p a function of the
/// seed alone. The batches it is cut into are of samples of like length, and come in random order.
///
/// An epoch is shuffled, sorted by length within chunks of `batches` batches, cut into batches, and those are
/// shuffled. A batch that an epoch's end leaves incomplete is completed by the next epoch.
class LengthOrder {
 public:
  LengthOrder(Seed seed, std::vector<index_t> lengths, index_t batch, index_t batches = 50)
      : seed_(seed), batch_(batch), chunk_(batch * batches), length_(std::move(lengths)) {
    expects(!length_.empty(), "data: no samples");
    expects(batch > 0 && batches > 0, "order by length: batches of ", batch, " in chunks of ", batches,
            ", expected at least 1 and 1");
  }
  index_t operator()(index_t position) {
    const auto size = static_cast<index_t>(length_.size());
    if (const index_t epoch = position / size; epoch != epoch_) {
      order_ = of_epoch(epoch);
      epoch_ = epoch;
    }
    return order_[static_cast<std::size_t>(position % size)];
  }

 private:
  [[nodiscard]] std::vector<index_t> of_epoch(index_t epoch) const {
    const auto size = static_cast<index_t>(length_.size());
    const auto e = static_cast<std::uint64_t>(epoch);
    std::vector<index_t> order = permutation(Stream(seed_, "data order", "", e), size);
    for (index_t first = 0; first < size; first += chunk_)
      detail::sort_by_length(order, static_cast<std::size_t>(first),
                             static_cast<std::size_t>(std::min(size, first + chunk_)), length_);
    const index_t begun = epoch * size % batch_;  // samples of the batch that the last epoch left
    const index_t head = std::min(size, begun == 0 ? 0 : batch_ - begun);
    const index_t whole = (size - head) / batch_;
    if (whole < 2) return order;
    std::vector<index_t> out(order.begin(), order.begin() + head);
    for (const index_t b : permutation(Stream(seed_, "order of batches", "", e), whole))
      out.insert(out.end(), order.begin() + head + b * batch_, order.begin() + head + (b + 1) * batch_);
    out.insert(out.end(), order.begin() + head + whole * batch_, order.end());
    return out;
  }

  Seed seed_;
  index_t batch_, chunk_;
  std::vector<index_t> length_;
  index_t epoch_ = -1;
  std::vector<index_t> order_;
};

/// A data set, the longest samples first; `original(i)` says which sample i was. It refers to the set.
template <Measurable D> class LongestFirst {
 public:
  explicit LongestFirst(const D& data) : data_(&data), order_(static_cast<std::size_t>(data.size())) {
    std::vector<index_t> length;
    for (index_t i = 0; i < data.size(); ++i) length.push_back(data.length(i));
    std::iota(order_.begin(), order_.end(), index_t{0});
    detail::sort_by_length(order_, 0, order_.size(), length);
  }
  [[nodiscard]] index_t size() const { return data_->size(); }
  void append(nn::Sequences& to, index_t i) const { data_->append(to, original(i)); }
  [[nodiscard]] index_t length(index_t i) const { return data_->length(original(i)); }
  [[nodiscard]] index_t original(index_t i) const { return order_[static_cast<std::size_t>(i)]; }

 private:
  const D* data_;
  std::vector<index_t> order_;
};

/// A data set that wants to be seen in batches of like length: `order(seed, batch)` is that order.
template <Measurable D> class ByLength {
 public:
  explicit ByLength(const D& data) : data_(&data) {}
  [[nodiscard]] index_t size() const { return data_->size(); }
  void append(nn::Sequences& to, index_t i) const { data_->append(to, i); }
  [[nodiscard]] index_t length(index_t i) const { return data_->length(i); }
  [[nodiscard]] LengthOrder order(Seed seed, index_t batch) const {
    std::vector<index_t> length;
    for (index_t i = 0; i < data_->size(); ++i) length.push_back(data_->length(i));
    return LengthOrder(seed, std::move(length), batch);
  }

 private:
  const D* data_;
};

}  // namespace lorica::tasks
