// SPDX-License-Identifier: MIT
// Samples of any kind behind one type, so that what trains on them is compiled once.
#pragma once

#include <lorica/tasks/samples.hpp>

#include <memory>

namespace lorica::cli {

/// Copies share the samples.
class AnyData {
 public:
  AnyData() = default;
  template <train::Data D>
    requires(!std::same_as<D, AnyData>)
  AnyData(D data) : held_(std::make_shared<const Holder<D>>(std::move(data))) {}
  /// Shares what somebody else reads as well.
  template <train::Data D>
  AnyData(std::shared_ptr<const D> data)
      : held_(std::make_shared<const Holder<std::shared_ptr<const D>>>(std::move(data))) {}

  [[nodiscard]] index_t size() const { return held_ ? held_->size() : 0; }
  void append(nn::Sequences& to, index_t i) const { held_->append(to, i); }
  /// Rows of sample i.
  [[nodiscard]] index_t length(index_t i) const { return held_->length(i); }
  /// n samples, evenly spaced; all of them where there are no more, or n is 0.
  [[nodiscard]] AnyData at_most(index_t n) const { return n == 0 || n >= size() ? *this : some(n); }
  /// All but those.
  [[nodiscard]] AnyData without(index_t n) const;
  [[nodiscard]] nn::Sequences sample(index_t n) const {
    const AnyData some = at_most(n);
    nn::Sequences s;
    for (index_t i = 0; i < some.size(); ++i) some.append(s, i);
    return s;
  }

 private:
  struct Interface {
    virtual ~Interface() = default;
    virtual index_t size() const = 0;
    virtual void append(nn::Sequences& to, index_t i) const = 0;
    virtual index_t length(index_t i) const = 0;
  };
  template <class D> static const D& plain(const D& d) { return d; }
  template <class D> static const D& plain(const std::shared_ptr<const D>& d) { return *d; }
  template <class D> struct Holder final : Interface {
    D data;
    explicit Holder(D d) : data(std::move(d)) {}
    index_t size() const override { return plain(data).size(); }
    void append(nn::Sequences& to, index_t i) const override { plain(data).append(to, i); }
    index_t length(index_t i) const override {
      if constexpr (requires { plain(data).length(i); })
        return plain(data).length(i);
      else
        return plain(data).length();  // windows are all alike
    }
  };
  struct Some;
  struct Others;
  [[nodiscard]] AnyData some(index_t n) const;
  std::shared_ptr<const Interface> held_;
};

struct AnyData::Some {
  AnyData all;
  index_t n;
  [[nodiscard]] index_t size() const { return n; }
  void append(nn::Sequences& to, index_t i) const { all.append(to, i * all.size() / n); }
  [[nodiscard]] index_t length(index_t i) const { return all.length(i * all.size() / n); }
};
inline AnyData AnyData::some(index_t n) const { return Some{*this, n}; }
struct AnyData::Others {
  AnyData all;
  std::vector<index_t> which = {};
  [[nodiscard]] index_t size() const { return static_cast<index_t>(which.size()); }
  void append(nn::Sequences& to, index_t i) const { all.append(to, which[static_cast<std::size_t>(i)]); }
  [[nodiscard]] index_t length(index_t i) const { return all.length(which[static_cast<std::size_t>(i)]); }
};
inline AnyData AnyData::without(index_t n) const {
  Others others{*this};
  for (index_t i = 0, taken = 0; i < size(); ++i)
    if (taken < n && taken * size() / n == i)
      ++taken;
    else
      others.which.push_back(i);
  return others;
}
static_assert(tasks::Measurable<AnyData>);

}  // namespace lorica::cli
