// SPDX-License-Identifier: MIT
/// @file tests/odr/b.cpp
/// The other translation unit of a.cpp.
#include <lorica/lorica.hpp>

int patch_seen_by_b();
int patch_seen_by_b() { return LORICA_VERSION_PATCH; }
