// SPDX-License-Identifier: MIT
/// @file lorica/io.hpp
/// Models and adapters of others: Hugging Face model folders of every family, heads for them, PEFT folders.
#pragma once

#include <lorica/io/llama2c.hpp>
#include <lorica/io/merged_folder.hpp>
#include <lorica/io/model_folder.hpp>
#include <lorica/io/model_head.hpp>
#include <lorica/io/peft.hpp>
#include <lorica/nn/head_objectives.hpp>
