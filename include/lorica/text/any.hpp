// SPDX-License-Identifier: MIT
/// @file lorica/text/any.hpp
/// A tokenizer whose kind is known when the program runs.
#pragma once

#include <lorica/text/template.hpp>

#include <concepts>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace lorica::text {

/// Any pretrained tokenizer, behind one type. Copies share it.
class AnyTokenizer {
 public:
  template <class T>
    requires(PretrainedTokenizer<T> && !std::same_as<T, AnyTokenizer>)
  AnyTokenizer(T tokenizer) : held_(std::make_shared<const Held<T>>(std::move(tokenizer))) {}

  [[nodiscard]] Encoding encode(std::string_view text) const { return held_->encode(text); }
  [[nodiscard]] std::string decode(std::span<const std::int32_t> ids) const { return held_->decode(ids); }
  [[nodiscard]] index_t size() const { return held_->size(); }
  [[nodiscard]] Encoding single(std::string_view text) const { return join(around().one, encode(text)); }
  [[nodiscard]] Encoding pair(std::string_view first, std::string_view second) const {
    return join(around().two, encode(first), encode(second));
  }
  [[nodiscard]] const Around& around() const { return held_->around(); }
  [[nodiscard]] std::optional<std::int32_t> id_of(std::string_view token) const {
    return held_->id_of(token);
  }
  [[nodiscard]] std::optional<std::int32_t> end_of_text() const { return held_->end_of_text(); }

 private:
  struct Interface {
    virtual ~Interface() = default;
    virtual Encoding encode(std::string_view text) const = 0;
    virtual std::string decode(std::span<const std::int32_t> ids) const = 0;
    virtual index_t size() const = 0;
    virtual const Around& around() const = 0;
    virtual std::optional<std::int32_t> id_of(std::string_view token) const = 0;
    virtual std::optional<std::int32_t> end_of_text() const = 0;
  };
  template <class T> struct Held final : Interface {
    explicit Held(T held) : tokenizer(std::move(held)) {}
    Encoding encode(std::string_view text) const override { return tokenizer.encode(text); }
    std::string decode(std::span<const std::int32_t> ids) const override { return tokenizer.decode(ids); }
    index_t size() const override { return tokenizer.size(); }
    const Around& around() const override { return tokenizer.around(); }
    std::optional<std::int32_t> id_of(std::string_view token) const override {
      return tokenizer.id_of(token);
    }
    std::optional<std::int32_t> end_of_text() const override { return tokenizer.end_of_text(); }
    T tokenizer;
  };
  std::shared_ptr<const Interface> held_;
};
static_assert(PretrainedTokenizer<AnyTokenizer>);

}  // namespace lorica::text
