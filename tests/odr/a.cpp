// SPDX-License-Identifier: MIT
/// @file tests/odr/a.cpp
/// With b.cpp: every public header in two translation units of one program.
#include <lorica/io.hpp>
#include <lorica/lorica.hpp>
#include <lorica/tasks.hpp>

int patch_seen_by_b();

int main() { return patch_seen_by_b() == LORICA_VERSION_PATCH ? 0 : 1; }
