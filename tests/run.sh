#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Builds and tests lorica with g++, on Eigen and on Thrust over OpenMP; installs through apt what is missing.
#   ./tests/run.sh         what a user needs to trust it
#   ./tests/run.sh --all   every operation on five backends instead of two, clang, Thrust's serial system, sanitizers,
#                          every method over oneDNN, every header alone, an installed and an included copy in host
#                          projects, and nvcc where there is one
# LORICA_DATA, if set, is a folder of data sets, LORICA_MINILM one of all-MiniLM-L6-v2; tests that read them are skipped
# without.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. tests/support/packages.sh

long=OFF
few=ON  # backends: one of either kind for every typed test
case "${1-}" in
  "") ;;
  --all) long=ON few=OFF ;;
  *) echo "tests/run.sh: unknown option '$1'; there is only --all" >&2; exit 2 ;;
esac

need g++ cmake ninja-build libeigen3-dev catch2 libthrust-dev libcli11-dev pkgconf libpcre2-dev libutf8proc-dev \
     libsentencepiece-dev
if [ $long = ON ]; then need clang libomp-dev libclang-rt-dev libdnnl-dev ocl-icd-opencl-dev; fi

jobs=$(job_count)
cmake --preset cpu -DLORICA_LONG_TESTS=$long -DLORICA_TEST_FEW_BACKENDS=$few
targets="checks programs"
if [ $long = ON ]; then targets=all; fi  # benchmarks as well
# shellcheck disable=SC2086
cmake --build --preset cpu --parallel "$jobs" --target $targets
exec ctest --preset cpu --parallel "$jobs"
