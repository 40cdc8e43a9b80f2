// SPDX-License-Identifier: MIT
/// @file lorica/lorica.hpp
/// What most programs need: adapters, training, adapter files, reports, the Eigen backend. Beside it stand
/// lorica/io.hpp (model folders, PEFT), lorica/text.hpp (tokenizers), lorica/tasks.hpp, what computes by
/// oneDNN (lorica/cpu/onednn_gemm.hpp) and on a GPU (lorica/gpu/thrust_backend.cuh). For users; never included
/// inside the library.
#pragma once

#include <lorica/adapt/adapter/biased.hpp>
#include <lorica/adapt/as_low_rank.hpp>
#include <lorica/adapt/attach.hpp>
#include <lorica/adapt/merge.hpp>
#include <lorica/adapt/score/gradient_energy.hpp>
#include <lorica/adapt/score/page_of.hpp>
#include <lorica/adapt/score/page_svd.hpp>
#include <lorica/adapt/stability.hpp>
#include <lorica/adapt/sum.hpp>
#include <lorica/autograd/gradcheck.hpp>
#include <lorica/autograd/recomputed.hpp>
#include <lorica/cpu/eigen_backend.hpp>
#include <lorica/cpu/idle.hpp>
#include <lorica/io/adapter_file.hpp>
#include <lorica/io/checkpoint.hpp>
#include <lorica/io/decoder_folder.hpp>
#include <lorica/nn/generate.hpp>
#include <lorica/nn/initial.hpp>
#include <lorica/report/format.hpp>
#include <lorica/report/heatmap.hpp>
#include <lorica/report/html.hpp>
#include <lorica/report/jsonl.hpp>
#include <lorica/report/line_chart.hpp>
#include <lorica/report/progress.hpp>
#include <lorica/report/rank_map.hpp>
#include <lorica/report/run_report.hpp>
#include <lorica/report/significance.hpp>
#include <lorica/report/site_map.hpp>
#include <lorica/report/stability.hpp>
#include <lorica/report/table.hpp>
#include <lorica/report/terminal.hpp>
#include <lorica/train/estimate.hpp>
#include <lorica/train/evaluate.hpp>
#include <lorica/train/fit.hpp>
#include <lorica/train/keep_best.hpp>
#include <lorica/version.hpp>
