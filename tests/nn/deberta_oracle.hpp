// SPDX-License-Identifier: MIT
/// @file tests/nn/deberta_oracle.hpp
/// oracle/deberta.json, and the numbers that oracle/deberta.py gave to inputs and weights.
#pragma once

#include "nn/tiny.hpp"

#include <lorica/io/json.hpp>

#include <filesystem>

namespace lorica::test {

inline const io::json::Value& deberta_oracle() {
  static const auto all = io::json::read(std::filesystem::path(LORICA_TESTS_DIR) / "oracle/deberta.json");
  return all;
}
inline std::vector<double> listed(const io::json::Value& from) {
  std::vector<double> out;
  for (const auto& x : from.as_array()) out.push_back(x.as_number());
  return out;
}
/// plus + scale x / 128, x in -100 .. 100 by a hash of name and index.
inline std::vector<float> hashed(const std::string& name, index_t n, double scale = 1, double plus = 0) {
  std::uint32_t h = 2166136261u;
  for (const char c : name) h = (h ^ static_cast<unsigned char>(c)) * 16777619u;
  std::vector<float> out;
  for (index_t i = 0; i < n; ++i) {
    std::uint32_t x = h + static_cast<std::uint32_t>(i) * 2654435761u;
    x ^= x >> 15;
    x *= 2246822519u;
    x ^= x >> 13;
    out.push_back(static_cast<float>(plus + scale * (double(x % 201) - 100) / 128));
  }
  return out;
}
inline nn::Source hashed_weights() {
  return [](const std::string& name, Shape s) {
    return hashed(name, s.rows * s.cols, s.rows == 1 ? 0.25 : 1, name.ends_with("norm.weight") ? 1 : 0);
  };
}
template <Backend B> MasterTensor<B> hashed_rows(B& b, const std::string& name, index_t rows, index_t cols) {
  return MasterTensor<B>(b, rows, cols, hashed(name, rows * cols));
}
/// Sequences of the recorded lengths; the tokens do not matter.
inline nn::Sequences sequences_of(const io::json::Value& want) {
  nn::Sequences s;
  for (const auto& length : want.at("lengths").as_array())
    s.add(std::vector<std::int32_t>(static_cast<std::size_t>(length.as_integer())), {});
  return s;
}

/// |got - want| over |want|, or over 1 where that is less: some gradients are 0 but for rounding.
inline double distance(const std::vector<double>& got, const std::vector<double>& want) {
  double size = 0;
  for (const double x : want) size += x * x;
  return relative_error(got, want) * (size > 0 ? std::sqrt(size) / std::max(1.0, std::sqrt(size)) : 1);
}

using Gradients = std::vector<std::pair<std::string, const Parameter<Reference>*>>;

/// y and every gradient of sum(y dy) are as recorded, to 1e-10; none is recorded that is not looked at.
inline void is_as_recorded(Reference& b, Tape<Reference>& tape, const Var<Reference>& y, const Gradients& all,
                           const io::json::Value& want) {
  CHECK(relative_error(y.value().host<double>(b), listed(want.at("y"))) < 1e-10);
  const Tensor<Reference> dy(b, y.rows(), y.cols(), hashed("dy", y.rows() * y.cols()));
  // |y - c|^2 / 2 has the gradient dy where c = y - dy.
  auto c = y.value().clone(b);
  b.map(c.size(), fn::Subtract{}, c.data(), y.value().data(), dy.data());
  tape.backward(scale(squared_error(y, c), 0.5));
  const auto& gradients = want.at("gradients").as_object();
  for (const auto& [name, p] : all) {
    INFO(name);
    if (const auto* recorded = want.at("gradients").find(name))
      CHECK(distance(p->grad.host<double>(b), listed(*recorded)) < 1e-10);
    else
      CHECK(p->grad.empty());
  }
  CHECK(gradients.size() <= all.size());
}

}  // namespace lorica::test
