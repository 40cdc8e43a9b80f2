// SPDX-License-Identifier: MIT
// From what a command line asks of arithmetic to a model on a backend.
#include "commands.hpp"
#include "run.hpp"

#include <iostream>

namespace lorica::cli {

namespace {
#if defined(LORICA_ONEDNN)
constexpr bool built_with_onednn = true;
#else
constexpr bool built_with_onednn = false;
#endif
#if defined(LORICA_CUDA)
constexpr bool built_with_cuda = true;
#else
constexpr bool built_with_cuda = false;
#endif

void expect_one_of(const char* option, const std::string& given, std::span<const char* const> names) {
  expects(std::ranges::find(names, given) != names.end(), option, " is '", given, "', expected ", names[0],
          ", ", names[1], " or ", names[2]);
}
void expect_onednn(const char* asked, const char* instead) {
  expects(built_with_onednn, asked,
          ": this program was built without oneDNN, whose products it needs; expected ", instead,
          ", or a build that finds oneDNN (libdnnl-dev)");
}
/// Why not on a GPU, in words; nothing: on a GPU.
std::optional<std::string> why_not_cuda(const std::string& device) {
  if (device == "cpu") return "it was asked for";
#if defined(LORICA_CUDA)
  return on::why_no_cuda();
#else
  return "this program was built without CUDA";
#endif
}
}  // namespace

void add_compute_options(CLI::App& c, Compute& compute) {
  c.option_defaults()->group("Arithmetic");
  c.add_option("--device", compute.device,
               "what computes: cpu, cuda (an NVIDIA GPU), or auto: cuda where there is one")
      ->capture_default_str();
  c.add_option(
       "--precision", compute.precision,
       "of frozen weights and activations: fp32, bf16, or auto: bf16 on a GPU, and where the processor "
       "computes with it and oneDNN is there")
      ->capture_default_str();
  c.add_option("--gemm", compute.gemm,
               "whose products on a CPU: eigen, onednn, or auto: Eigen's for fp32, oneDNN's for bf16")
      ->capture_default_str();
  c.option_defaults()->group("Options");
}

std::unique_ptr<Model> open_model(const std::filesystem::path& folder, const Compute& compute) {
  constexpr const char* devices[] = {"cpu", "cuda", "auto"};
  constexpr const char* precisions[] = {"fp32", "bf16", "auto"};
  constexpr const char* gemms[] = {"eigen", "onednn", "auto"};
  expect_one_of("--device", compute.device, devices);
  expect_one_of("--precision", compute.precision, precisions);
  expect_one_of("--gemm", compute.gemm, gemms);
  const auto why_not = why_not_cuda(compute.device);
  expects(compute.device != "cuda" || !why_not, "--device cuda: ", why_not.value_or(""),
          "; expected cpu, or auto, which falls back to it",
          built_with_cuda ? "" : ", or a build with nvcc (the preset cuda)");
  if (compute.device == "auto" && why_not) std::cerr << "lorica: computing on the CPU: " << *why_not << '\n';
#if defined(LORICA_CUDA)
  if (!why_not) {
    expects(compute.gemm == "auto", "--gemm ", compute.gemm,
            " on a GPU: its products are cuBLAS's; expected auto, or --device cpu");
    return compute.precision == "fp32" ? on::cuda(folder) : on::cuda_bf16(folder);
  }
#endif
  expects(
      compute.precision != "bf16" || compute.gemm != "eigen",
      "--precision bf16 with --gemm eigen: Eigen has no products of bf16; expected --gemm onednn or auto");
  if (compute.precision == "bf16") expect_onednn("--precision bf16", "fp32 or auto");
  if (compute.gemm == "onednn") expect_onednn("--gemm onednn", "eigen or auto");
#if defined(LORICA_ONEDNN)
  if (compute.precision == "bf16" ||
      (compute.precision == "auto" && compute.gemm != "eigen" && on::has_bf16()))
    return on::onednn_bf16(folder);
  if (compute.gemm == "onednn") return on::onednn(folder);
#endif
  return on::eigen(folder);
}

}  // namespace lorica::cli
