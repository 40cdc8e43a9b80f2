// expect: lorica: forward\(batch, policy\): the policy must model SitePolicy
#include <lorica/cpu/eigen_backend.hpp>
#include <lorica/nn/transformer.hpp>

using B = lorica::cpu::EigenBackend<float>;

struct Listener {
  void visit(const lorica::SiteCall<B>&) {}
};

void listen(const lorica::nn::Decoder<B>& model, lorica::Tape<B>& tape, const lorica::nn::Batch<B>& batch) {
  Listener listener;
  (void)model.forward(tape, batch, listener);
}
