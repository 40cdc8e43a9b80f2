// SPDX-License-Identifier: MIT
/// @file lorica/lorica.hpp
/// Everything but the GPU backend. For users; never included inside the library.
#pragma once

#include <lorica/adapt/attach.hpp>
#include <lorica/autograd/gradcheck.hpp>
#include <lorica/cpu/eigen_backend.hpp>
#include <lorica/io/adapter_file.hpp>
#include <lorica/io/checkpoint.hpp>
#include <lorica/io/model_folder.hpp>
#include <lorica/nn/generate.hpp>
#include <lorica/nn/initial.hpp>
#include <lorica/report/format.hpp>
#include <lorica/report/heatmap.hpp>
#include <lorica/report/jsonl.hpp>
#include <lorica/report/progress.hpp>
#include <lorica/report/site_map.hpp>
#include <lorica/report/table.hpp>
#include <lorica/report/terminal.hpp>
#include <lorica/train/estimate.hpp>
#include <lorica/train/evaluate.hpp>
#include <lorica/train/fit.hpp>
#include <lorica/version.hpp>
