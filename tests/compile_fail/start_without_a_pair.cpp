// expect: lorica: Additive, Dora: a start other than FromZero is a pair B A
#include <lorica/adapt/attach.hpp>
#include <lorica/cpu/eigen_backend.hpp>

using namespace lorica::adapt;

// P diag(lambda) Q from the principal part of W: the pair B A has no place in it.
template struct lorica::adapt::Update<Svd, Pissa, lorica::cpu::EigenBackend<float>>;
