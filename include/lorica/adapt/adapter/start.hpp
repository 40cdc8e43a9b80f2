// SPDX-License-Identifier: MIT
/// @file lorica/adapt/adapter/start.hpp
/// The numbers a low-rank pair B A starts from. The frozen weight is shared and stays as it is: a start whose
/// B A is not 0 is held beside the factors and counts negatively (see update.hpp), so that delta W is 0 with
/// every start. Numbers are computed on the host in double.
#pragma once

#include <lorica/adapt/parameterization/concept.hpp>
#include <lorica/core/principal.hpp>

namespace lorica::adapt {

/// The values of a low-rank pair.
struct HostPair {
  HostMatrix a;  // [r, k]
  HostMatrix b;  // [m, r]
};

/// begin: the pair at a site, whose update will be multiplied by `scale`. residual: B A is not 0.
template <class S, class B>
concept PairStart = Backend<B> && std::semiregular<S> &&
    requires(const S& start, B& b, const SiteInfo& s, const WeightView<B>& w, index_t rank, double scale,
             Seed seed) {
  { S::residual } -> std::convertible_to<bool>;
  { start.begin(b, s, w, rank, scale, seed) } -> std::same_as<HostPair>;
};

/// What the parameterization makes: the one start that fits all of them.
struct FromZero {};

/// A ~ N(0, 1/r^2), B = 0        PEFT's init_lora_weights="gaussian"
struct Gaussian {
  static constexpr bool residual = false;
  template <Backend B>
  static HostPair begin(B&, const SiteInfo& s, const WeightView<B>&, index_t rank, double, Seed seed) {
    return {{rank, s.in, normals(Stream(seed, "init A gaussian", s.path), rank * s.in, 1 / double(rank))},
            {s.out, rank}};
  }
};

/// A and B both random and not 0, yet B A = 0: their directions lie in complementary halves of a random
/// rotation of R^r; entries have a standard deviation of about 0.07.
/// PEFT's init_lora_weights="orthogonal". The rank must be even.
struct Orthogonal {
  static constexpr bool residual = false;
  template <Backend B>
  static HostPair begin(B&, const SiteInfo& s, const WeightView<B>&, index_t rank, double, Seed seed) {
    expects(rank % 2 == 0, "Orthogonal: the rank at ", s.path, " is ", rank,
            ", expected an even one: half of it is A's, half B's");
    const auto drawn = [&](const char* purpose, index_t rows, index_t cols) {
      return HostMatrix(rows, cols, normals(Stream(seed, purpose, s.path), rows * cols, 1.0));
    };
    const HostMatrix q = host::qr(drawn("init rotation", rank, rank), rank).q;
    HostMatrix odd(rank / 2, rank), even(rank / 2, rank);
    for (index_t i = 0; i < rank; ++i) std::copy_n(q.row(i), rank, (i % 2 == 0 ? odd : even).row(i / 2));
    HostPair out{host::product(host::transposed(odd), drawn("init A", rank / 2, s.in)),
                 host::product(drawn("init B", s.out, rank / 2), even)};
    for (auto* m : {&out.a, &out.b})
      for (double& x : m->values) x /= 10;
    return out;
  }
};

/// The principal part of W = U S V^T: B = U_r sqrt(S_r / s), A = sqrt(S_r / s) V_r^T, so that s B A is the
/// best approximation of W of rank r.        PiSSA, Meng et al. 2024; the division by s is PEFT's
/// The sign of a triplet is free: the largest entry of each row of A is positive. Accuracy: that of
/// principal_svd. Depends on the weight's numbers, so a base rounded otherwise starts otherwise. A direction
/// that is switched off takes its part of W with it.
struct Pissa {
  static constexpr bool residual = true;
  template <Backend B>
  static HostPair begin(B& b, const SiteInfo& s, const WeightView<B>& w, index_t rank, double scale, Seed) {
    expects(scale > 0, "Pissa: the scale at ", s.path, " is ", scale, ", expected above 0");
    const auto t = host::principal_svd({s.out, s.in, w.dense(b).template host<double>(b)}, rank);
    expects(t.s.back() > 1e-14 * t.s.front(), "Pissa: the weight at ", s.path, " is of a rank below ", rank,
            ": the directions beyond would be 0 in A and in B, and never train; lower the rank");
    HostPair out{{rank, s.in}, {s.out, rank}};
    for (index_t i = 0; i < rank; ++i) {
      const double root = std::sqrt(t.s[static_cast<std::size_t>(i)] / scale);
      for (index_t j = 0; j < s.in; ++j) out.a(i, j) = root * t.v(i, j);
      for (index_t j = 0; j < s.out; ++j) out.b(j, i) = root * t.u(i, j);
    }
    return out;
  }
};

/// B = Q_r, A = R_r of W = Q R, not divided by s.        OLoRA, arXiv 2406.01775, as in PEFT
/// Signs are LAPACK's (see host::qr), so these are PEFT's numbers.
struct Olora {
  static constexpr bool residual = true;
  template <Backend B>
  static HostPair begin(B& b, const SiteInfo& s, const WeightView<B>& w, index_t rank, double, Seed) {
    auto f = host::qr({s.out, s.in, w.dense(b).template host<double>(b)}, rank);
    return {std::move(f.r), std::move(f.q)};
  }
};

}  // namespace lorica::adapt
