// SPDX-License-Identifier: MIT
#include <lorica/nn/attention.hpp>

#include "nn/tiny.hpp"

using namespace lorica;
using test::Matrix;
using B = test::Reference;

namespace {
constexpr index_t width = 12;

/// Pairs (j, j + half) of every head turned by position * base^(-2j / dim).
Matrix rotated(Matrix x, const std::vector<index_t>& offsets, index_t dim, double base) {
  for (std::size_t s = 0; s + 1 < offsets.size(); ++s)
    for (index_t i = offsets[s]; i < offsets[s + 1]; ++i)
      for (index_t h = 0; h < x.cols / dim; ++h)
        for (index_t j = 0; j < dim / 2; ++j) {
          const double angle = double(i - offsets[s]) * std::pow(base, -2.0 * double(j) / double(dim));
          double &u = x(i, h * dim + j), &v = x(i, h * dim + j + dim / 2);
          const double p = u * std::cos(angle) - v * std::sin(angle);
          v = v * std::cos(angle) + u * std::sin(angle);
          u = p;
        }
  return x;
}
/// softmax(q k^T / sqrt(dim)) v by the definition, each group of heads sharing one of kv_heads.
Matrix attended(const Matrix& q, const Matrix& k, const Matrix& v, const std::vector<index_t>& offsets,
                index_t heads, index_t kv_heads, bool causal, index_t window) {
  const index_t dim = q.cols / heads;
  Matrix o(q.rows, q.cols);
  for (std::size_t s = 0; s + 1 < offsets.size(); ++s)
    for (index_t i = offsets[s]; i < offsets[s + 1]; ++i)
      for (index_t h = 0; h < heads; ++h) {
        const index_t g = h / (heads / kv_heads) * dim;
        double total = 0;
        for (index_t l = window > 0 ? std::max(offsets[s], i - window + 1) : offsets[s];
             l < (causal ? i + 1 : offsets[s + 1]); ++l) {
          double score = 0;
          for (index_t j = 0; j < dim; ++j) score += q(i, h * dim + j) * k(l, g + j) / std::sqrt(double(dim));
          total += std::exp(score);
          for (index_t j = 0; j < dim; ++j) o(i, h * dim + j) += std::exp(score) * v(l, g + j);
        }
        for (index_t j = 0; j < dim; ++j) o(i, h * dim + j) /= total;
      }
  return o;
}

/// Every head of every row divided by its root mean square.
Matrix head_normalised(Matrix x, const std::vector<double>& gain, double eps) {
  const auto dim = static_cast<index_t>(gain.size());
  for (index_t i = 0; i < x.rows; ++i)
    for (index_t h = 0; h < x.cols; h += dim) {
      double squares = 0;
      for (index_t j = 0; j < dim; ++j) squares += x(i, h + j) * x(i, h + j);
      for (index_t j = 0; j < dim; ++j)
        x(i, h + j) *= gain[static_cast<std::size_t>(j)] / std::sqrt(squares / double(dim) + eps);
    }
  return x;
}
/// Columns first .. first + count.
Matrix part(const Matrix& x, index_t first, index_t count) {
  return test::matrix_of(x.rows, count, [&](index_t i, index_t j) { return x(i, first + j); });
}

template <class Positions, class Projections>
void check(const nn::SelfAttention<Positions, Projections>& config, double base) {
  B b;
  const auto from = test::weights_of(3);
  nn::SiteCounter site;
  const auto weights = config.template make<Frozen<B>>(b, from, site, 1, width);
  const nn::Batch<B> batch(b, test::sequences());
  Tape<B> tape(b, false);
  Bare bare;
  const auto x = test::some_rows<B>(tape, batch.rows(), width);
  const auto shared = config.template make_shared<Frozen<B>>(b, from, width);
  const auto by = [&](const char* name, const Matrix& rows, index_t out, bool bias) {
    const std::string path = std::string("blocks.1.") + name;
    const auto d = bias ? test::matrix(from, path + ".bias", 1, out).numbers
                        : std::vector<double>(static_cast<std::size_t>(out));
    return test::affine(rows, test::matrix(from, path + ".weight", out, rows.cols), d);
  };
  const index_t dim = config.head_dim > 0 ? config.head_dim : width / config.heads;
  const index_t wide = dim * config.heads, narrow = dim * config.kv_heads;
  const Matrix rows = test::matrix(b, x.value());
  constexpr bool fused = std::same_as<Projections, nn::Fused>;
  const Matrix all = fused ? by("qkv", rows, wide + 2 * narrow, config.bias) : Matrix();
  Matrix q = fused ? part(all, 0, wide) : by("q", rows, wide, config.bias);
  Matrix k = fused ? part(all, wide, narrow) : by("k", rows, narrow, config.bias);
  const Matrix v = fused ? part(all, wide + narrow, narrow) : by("v", rows, narrow, config.bias);
  if (config.head_norm) {
    const double eps = config.head_norm->eps;
    q = head_normalised(q, test::matrix(from, "blocks.1.q_norm.weight", 1, dim).numbers, eps);
    k = head_normalised(k, test::matrix(from, "blocks.1.k_norm.weight", 1, dim).numbers, eps);
  }
  if (base > 0) {
    q = rotated(q, batch.where.offsets, dim, base);
    k = rotated(k, batch.where.offsets, dim, base);
  }
  const Matrix want = by("o",
                         attended(q, k, v, batch.where.offsets, config.heads, config.kv_heads, config.causal,
                                  config.window_from > 1 ? 0 : config.window),
                         width, config.output_bias);
  const auto& context = shared.begin(tape, batch);
  CHECK(test::relative_error(weights.o(weights(x, batch, context, bare), batch.where.offsets, bare)
                                 .value()
                                 .template host<double>(b),
                             want.numbers) < 1e-13);

  std::vector<std::string> paths;
  weights.for_each_linear([&](const auto& l) {
    paths.push_back(l.site.path);
    CHECK(l.weight.shape() == Shape{l.site.out, l.site.in});
  });
  if (fused)
    CHECK(paths == std::vector<std::string>{"blocks.1.qkv", "blocks.1.o"});
  else
    CHECK(paths == std::vector<std::string>{"blocks.1.q", "blocks.1.k", "blocks.1.v", "blocks.1.o"});
  CHECK(site.next == static_cast<index_t>(paths.size()));
}
}  // namespace

TEST_CASE("self-attention without positions, causal or not, with one head or several", "[nn][attention]") {
  for (const bool causal : {true, false})
    for (const bool bias : {true, false}) {
      check(
          nn::SelfAttention<>{.heads = 1, .kv_heads = 1, .causal = causal, .bias = bias, .output_bias = bias},
          0);
      check(
          nn::SelfAttention<>{.heads = 4, .kv_heads = 4, .causal = causal, .bias = bias, .output_bias = bias},
          0);
      check(
          nn::SelfAttention<>{.heads = 6, .kv_heads = 2, .causal = causal, .bias = bias, .output_bias = bias},
          0);
    }
}

TEST_CASE("rotary self-attention with grouped heads", "[nn][attention]") {
  check(nn::SelfAttention<nn::Rotary>{.heads = 2, .kv_heads = 1}, 10000);
  check(nn::SelfAttention<nn::Rotary>{.heads = 6, .kv_heads = 3, .positions = {.base = 50}}, 50);
}

TEST_CASE("q, k and v by one linear, a bias of q, k and v alone, and heads wider than their share",
          "[nn][attention]") {
  using FusedAttention = nn::SelfAttention<nn::Unrotated, nn::Fused>;
  check(FusedAttention{.heads = 3, .kv_heads = 3, .bias = true, .output_bias = true}, 0);
  check(FusedAttention{.heads = 4, .kv_heads = 2}, 0);
  check(nn::SelfAttention<>{.heads = 2, .kv_heads = 2, .bias = true}, 0);
  check(nn::SelfAttention<nn::Rotary>{.heads = 2, .kv_heads = 1, .head_dim = 8}, 10000);
}

TEST_CASE("a window hides what lies further back, from its layer on", "[nn][attention]") {
  for (const index_t window : {1, 2, 3, 6})
    check(nn::SelfAttention<nn::Rotary>{.heads = 2, .kv_heads = 1, .window = window}, 10000);
  check(nn::SelfAttention<>{.heads = 2, .kv_heads = 2, .window = 2, .window_from = 1}, 0);
  check(nn::SelfAttention<>{.heads = 2, .kv_heads = 2, .window = 2, .window_from = 2}, 0);
}

TEST_CASE("heads of q and k are normalised before they are turned", "[nn][attention]") {
  check(nn::SelfAttention<nn::Rotary>{.heads = 2, .kv_heads = 1, .head_norm = nn::RmsNorm{.eps = 0.1}},
        10000);
}

TEST_CASE("heads that do not fit are errors", "[nn][attention]") {
  B b;
  const auto error = [&](const auto& config) {
    return test::error_of<ConfigError>([&] {
      nn::SiteCounter site;
      (void)config.template make<Frozen<B>>(b, test::weights_of(1), site, 0, width);
      (void)config.template make_shared<Frozen<B>>(b, test::weights_of(1), width);
    });
  };
  CHECK(error(nn::SelfAttention<>{.heads = 5, .kv_heads = 5}) ==
        "attention: a width of 12 does not divide into 5 heads");
  CHECK(error(nn::SelfAttention<>{.heads = 4, .kv_heads = 3}) ==
        "attention: 4 heads cannot share 3 key/value heads");
  CHECK(error(nn::SelfAttention<>{.heads = 4, .kv_heads = 0}) ==
        "attention: 4 heads cannot share 0 key/value heads");
  CHECK(error(nn::SelfAttention<nn::Rotary>{.heads = 4, .kv_heads = 4}) ==
        "rotary positions: the head dimension is 3, expected an even number");
}
