// SPDX-License-Identifier: MIT
/// @file lorica/gpu/device.cuh
/// For CUDA only: which device there is, asked before anything is allocated; and why there is none, in one
/// sentence.
#pragma once

#include <lorica/gpu/cuda_check.cuh>

#include <optional>
#include <string>

namespace lorica::gpu {

/// The device that all work runs on.
struct Device {
  std::string name;
  int major = 0, minor = 0;  // compute capability
  std::size_t memory = 0;    // bytes in all
  std::size_t free = 0;      // of them, when it was asked

  /// Whether its tensor cores multiply bf16.
  [[nodiscard]] bool has_bf16() const { return major >= 8; }
};

/// What CUDA's first answers say: a device (nothing), or why there is none.
/// `driver`, `runtime`: versions as CUDA gives them, 1000 major + 10 minor.
inline std::optional<std::string> why_no_device(cudaError_t status, int devices, int driver, int runtime) {
  const auto version = [](int v) { return message("CUDA ", v / 1000, ".", v % 1000 / 10); };
  if (driver == 0) return "there is no NVIDIA driver on this machine";
  if (status == cudaErrorInsufficientDriver || driver / 1000 < runtime / 1000)
    return message("the NVIDIA driver knows ", version(driver), ", this program was built with ",
                   version(runtime), ": update the driver");
  if (status == cudaErrorNoDevice || (status == cudaSuccess && devices == 0))
    return "the driver finds no NVIDIA GPU (does CUDA_VISIBLE_DEVICES hide it?)";
  if (status != cudaSuccess) return message("CUDA does not start: ", cudaGetErrorString(status));
  return {};
}

/// The device, or the sentence in `why`.
inline std::optional<Device> find_device(std::string* why = nullptr) {
  int devices = 0, driver = 0, runtime = 0;
  cudaDriverGetVersion(&driver);
  cudaRuntimeGetVersion(&runtime);
  const cudaError_t status = cudaGetDeviceCount(&devices);
  if (const auto reason = why_no_device(status, devices, driver, runtime)) {
    if (why != nullptr) *why = *reason;
    return {};
  }
  int index = 0;
  detail::check(cudaGetDevice(&index), "asking for the current device");
  cudaDeviceProp p = {};
  detail::check(cudaGetDeviceProperties(&p, index), "asking what device ", index, " is");
  Device d{p.name, p.major, p.minor, p.totalGlobalMem, 0};
  if (d.major < 8) {
    if (why != nullptr)
      *why = message("the GPU, ", d.name, ", has compute capability ", d.major, ".", d.minor,
                     "; this program is built for 8.0 and above");
    return {};
  }
  std::size_t all = 0;
  detail::check(cudaMemGetInfo(&d.free, &all), "asking how much memory is free");
  return d;
}
/// The device, or an error that says why there is none.
inline Device the_device() {
  std::string why;
  auto d = find_device(&why);
  if (!d) throw DeviceError("no GPU to compute on: " + why);
  return *d;
}

}  // namespace lorica::gpu
