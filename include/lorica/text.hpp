// SPDX-License-Identifier: MIT
/// @file lorica/text.hpp
/// All tokenizers, for the target lorica::text. For users; never included inside the library.
#pragma once

#include <lorica/text/any.hpp>
#include <lorica/text/bytes.hpp>
#include <lorica/text/llama2c.hpp>
#include <lorica/text/load.hpp>
#include <lorica/text/stop.hpp>
