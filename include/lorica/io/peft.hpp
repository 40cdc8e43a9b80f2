// SPDX-License-Identifier: MIT
/// @file lorica/io/peft.hpp
/// Folders of Hugging Face PEFT, kinds LORA and ADALORA: save, save_as_lora, kind_of, load.
#pragma once

#include <lorica/io/peft/load.hpp>
#include <lorica/io/peft/save.hpp>
