// SPDX-License-Identifier: MIT
/// @file examples/find_package/main.cpp
/// A host project's program on lorica::lorica.
#include "program.hpp"

#include <lorica/lorica.hpp>

int main() { return program(lorica::cpu::EigenBackend<float>(), "Eigen"); }
