// SPDX-License-Identifier: MIT
/// @file tests/odr/b.cpp
/// The other translation unit of a.cpp. What a host's header would say with names alone comes before what they stand for.
#include <lorica/fwd.hpp>

struct Session {
  using B = lorica::cpu::EigenBackend<float>;
  const lorica::nn::Decoder<B>* model = nullptr;
  const lorica::adapt::Adapted<B, lorica::adapt::DomLora<>>* adapted = nullptr;
  const lorica::MasterTensor<B>* bias = nullptr;
};

#include <lorica/lorica.hpp>

static_assert(std::is_same_v<lorica::nn::Decoder<Session::B>::backend, Session::B>);

int patch_seen_by_b();
int patch_seen_by_b() { return Session{}.model == nullptr ? LORICA_VERSION_PATCH : -1; }
