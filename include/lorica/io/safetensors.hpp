// SPDX-License-Identifier: MIT
/// @file lorica/io/safetensors.hpp
/// Tensors in files, in the format the field shares: read where they lie, written whole.
#pragma once

#include <lorica/io/safetensors_reader.hpp>
#include <lorica/io/safetensors_writer.hpp>
