// SPDX-License-Identifier: MIT
/// @file tests/odr/b.cpp
/// The other translation unit of a.cpp. What a host's header may say with names alone stands before all else.
#include <lorica/fwd.hpp>

template <lorica::Backend B> struct Session {
  const lorica::nn::Decoder<B>* model = nullptr;
  const lorica::adapt::Adapted<B, lorica::adapt::DomLora<>>* adapted = nullptr;
  const lorica::MasterTensor<B>* bias = nullptr;
};

#include <lorica/io.hpp>
#include <lorica/lorica.hpp>
#include <lorica/tasks.hpp>

int patch_seen_by_b();
int patch_seen_by_b() {
  const Session<lorica::cpu::EigenBackend<float>> none;
  return none.model == nullptr ? LORICA_VERSION_PATCH : -1;
}
