// SPDX-License-Identifier: MIT
/// @file lorica/version.hpp
/// The one place the version is written; CMakeLists.txt reads it from here.
#pragma once

#define LORICA_VERSION_MAJOR 0
#define LORICA_VERSION_MINOR 1
#define LORICA_VERSION_PATCH 0
