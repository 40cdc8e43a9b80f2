// expect: GemmBackend.*b\.gemm
#include <lorica/core/tensor.hpp>
#include <lorica/cpu/eigen_backend.hpp>

// All that Eigen's backend can do, but no products.
struct NoProducts : lorica::cpu::EigenBackend<float> {
 private:
  using lorica::cpu::EigenBackend<float>::gemm;
};

lorica::Tensor<NoProducts> weight;
