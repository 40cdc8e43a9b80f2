// SPDX-License-Identifier: MIT
/// @file lorica/gpu/cuda_check.cuh
/// What CUDA answers, as an exception that says what was being done. For CUDA only.
#pragma once

#include <lorica/core/check.hpp>

#include <cuda_runtime_api.h>

#include <string_view>

namespace lorica::gpu {

/// CUDA refused, or a kernel failed: which call it was, and CUDA's own words.
struct DeviceError : Error {
  using Error::Error;
};

namespace detail {
template <class... Doing> void check(cudaError_t status, const Doing&... doing) {
  if (status == cudaSuccess) return;
  const std::string what = message(doing...);
  (void)cudaGetLastError();  // said here: the next launch does not say it again
  throw DeviceError(message(what, ": ", cudaGetErrorString(status), " (", cudaGetErrorName(status), ")"));
}
/// The name of a type, as the compiler writes it. Found once: every launch names what it runs.
template <class F> std::string_view name_of() {
#if defined(__GNUC__) || defined(__clang__)
  static const std::string_view name = [](std::string_view here) {
    const auto from = here.find("F = ");
    const auto to = here.find_first_of(";]", from);
    return from == std::string_view::npos ? here : here.substr(from + 4, to - from - 4);
  }(__PRETTY_FUNCTION__);
  return name;
#else
  return "?";
#endif
}
}  // namespace detail

}  // namespace lorica::gpu
