// SPDX-License-Identifier: MIT
// 08_own_parameterization.cpp -- A way of writing delta W of your own: here VeRA-like, two fixed random
// matrices and two trained vectors. It then scores, places, trains and saves like those of the library. Run
// from the root of the project: build/cpu/examples/08_own_parameterization
#include <lorica/lorica.hpp>

#include <iostream>

using namespace lorica;
using B = cpu::EigenBackend<float>;

// [doc:parameterization]
/// delta W = diag(d) P diag(g) Q with P, Q frozen and random, g and d trained (after Kopiczko et al. 2024).
struct Vectors {
  static constexpr const char* name = "vectors";
  struct config {
    double start = 0.1;  // of g
  };
  template <Backend T> struct factors {
    Parameter<T> g, d;         // [1, r], [1, m]
    MasterTensor<T> down, up;  // Q [r, k], P [m, r]
  };
  template <Backend T>
  static factors<T> make(T& b, const SiteInfo& s, const config& c, index_t rank, Seed seed) {
    const auto random = [&](const char* what, index_t rows, index_t cols) {
      return MasterTensor<T>(b, rows, cols,
                             normals(Stream(seed, what, s.path), rows * cols, 1 / std::sqrt(double(cols))));
    };
    factors<T> f{{s.path + ".g",
                  MasterTensor<T>(b, 1, rank, std::vector<double>(static_cast<std::size_t>(rank), c.start))},
                 {s.path + ".d", zeros<typename T::master>(b, 1, s.out)},
                 random("Q", rank, s.in),
                 random("P", s.out, rank)};
    return f;
  }
  /// x Q^T diag(g) P^T diag(d)
  template <Backend T> static Var<T> apply(factors<T>& f, const Var<T>& x) {
    using M = typename T::master;
    auto& t = x.tape();
    const auto u = scale_columns(matmul_nt<M>(x, t.constant(f.down)), t.leaf(f.g));
    return scale_columns(matmul_nt<typename T::scalar>(u, t.constant(f.up)), t.leaf(f.d));
  }
  template <Backend T, class F> static void for_each(factors<T>& f, F visit) {
    visit(adapt::Factor<T>{&f.g, adapt::Along::cols});
    visit(adapt::Factor<T>{&f.d, adapt::Along::cols});
  }
  template <Backend T> static adapt::Factor<T> silencer(factors<T>& f) { return {&f.g, adapt::Along::cols}; }
};
// [/doc:parameterization]

int main() {
  B b;
  const auto model = io::load_decoder(b, "examples/data/tiny");
  const auto text = train::windows(io::bytes("include/lorica/autograd/tape.hpp"), {.length = 256});
  using Mine = adapt::Method<adapt::Additive<Vectors, adapt::AlphaOverRank>>;
  auto mine = adapt::attach(b, model, Mine{.placement = {.rank = 16}});
  auto lora = adapt::attach(b, model, adapt::Lora{.placement = {.rank = 8}});
  const double before = train::evaluate(b, model, mine, text);
  train::fit(b, model, mine, text, {.steps = 40, .batch = 8, .optimizer = {.lr = 3e-2}});
  const double after = train::evaluate(b, model, mine, text),
               share = double(mine.parameter_count()) / double(lora.parameter_count());
  std::cout << mine.parameter_count() << " parameters, " << 100 * share << " % of LoRA's at rank 8: loss "
            << before << " -> " << after << "\n";
  const bool claim = share < 0.1 && after < 0.97 * before;
  std::cout << (claim ? "holds" : "DOES NOT HOLD")
            << ": two vectors a site learn, with under a tenth of LoRA's parameters\n";
  return claim ? 0 : 1;
}
