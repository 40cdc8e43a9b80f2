// SPDX-License-Identifier: MIT
/// @file examples/find_package/main_gpu.cpp
/// The same on lorica::gpu: on the host where Thrust runs there, on a device when this is compiled by nvcc.
#include "program.hpp"

#include <lorica/gpu/thrust_backend.cuh>

int main() { return program(lorica::gpu::ThrustBackend<float>(), "Thrust"); }
