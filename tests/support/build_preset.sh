#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# build_preset.sh <preset>: configures, builds and tests one preset, as one test of another one's tree.
# Exits 77, which CTest reports as Skipped, where the preset's compiler is missing.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
. tests/support/packages.sh

preset=$1
jobs=$(job_count)
options=(-DLORICA_LONG_TESTS=OFF)
target=checks # without the benchmarks
tests=(--label-exclude 'sources|compile_fail')
PATH=$PATH:/usr/local/cuda/bin
case $preset in
  clang)
    command -v clang++ >/dev/null || { echo "skipped: there is no clang++"; exit 77; }
    target="checks lorica_cli lorica_study"
    # What clang says of a mistake is its own: the programs are compiled, and run by g++'s tests alone; so are the short
    # examples, all alike to a compiler.
    options+=(-DLORICA_EXAMPLES_EFFORT=-O0)
    tests=(--label-exclude sources --exclude-regex '^examples/')
    ;;
  asan)
    command -v clang++ >/dev/null || { echo "skipped: there is no clang++"; exit 77; }
    export LSAN_OPTIONS=suppressions=$PWD/tests/support/leaks.txt
    ;;
  cuda) # the host's tests are the other presets' work
    command -v nvcc >/dev/null || { echo "skipped: there is no nvcc"; exit 77; }
    target=device
    tests=(--label-regex device)
    # Without a device there is only compiling: of verbs and operations, which hold what runs on one, for sm_80; of
    # kernels for sm_90 too.
    if ! nvidia-smi >/dev/null 2>&1; then
      options+=("-DLORICA_TEST_FOLDERS=core;autograd;gpu" -DCMAKE_CUDA_ARCHITECTURES=80 -DLORICA_TEST_KERNELS_FOR=90)
    fi
    ;;
esac
cmake --preset "$preset" "${options[@]}"
cmake --build --preset "$preset" --parallel "$jobs" --target $target
ctest --preset "$preset" --parallel "$jobs" "${tests[@]}"
