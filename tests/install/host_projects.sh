#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# host_projects.sh <scratch folder> <compiler> <folder of Eigen>: lorica as others use it. Installed and found by
# find_package, with and without Thrust and OpenMP; included by add_subdirectory; and plain, with -I and Eigen alone.
# Every time the host's program is built and run.
set -euo pipefail
source=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
scratch=$1
compiler=$2
eigen=$3
example=$source/examples/find_package

# Configures quietly; says all where it fails.
configure() { cmake -G Ninja -DCMAKE_CXX_COMPILER="$compiler" -DCMAKE_BUILD_TYPE=Release "$@" >"$scratch/log" ||
  { cat "$scratch/log"; return 1; }; }
build_and_run() { # <build folder> <program>...
  local folder=$1 program
  shift
  cmake --build "$folder"
  for program in "$@"; do "$folder/$program"; done
}
title() { printf '\n== %s\n' "$1"; }

rm -rf "$scratch"
mkdir -p "$scratch"

title "install"
configure -S "$source" -B "$scratch/lorica" -DCMAKE_INSTALL_PREFIX="$scratch/prefix" \
  -DLORICA_BUILD_TESTS=OFF -DLORICA_BUILD_EXAMPLES=OFF -DLORICA_THRUST=OFF
cmake --install "$scratch/lorica" >"$scratch/log"
for folder in include cuda; do # every header is there
  (cd "$source/$folder" && find lorica -name '*.hpp' -o -name '*.cuh') | while read -r header; do
    [ -f "$scratch/prefix/include/$header" ] || { echo "$header was not installed"; exit 1; }
  done
done
rm -rf "$scratch/lorica"

title "find_package, Thrust on the host"
configure -S "$example" -B "$scratch/found" -DCMAKE_PREFIX_PATH="$scratch/prefix" -DLORICA_THRUST=CPP
build_and_run "$scratch/found" host host_gpu

title "find_package, Eigen alone"
configure -S "$example" -B "$scratch/found_eigen" -DCMAKE_PREFIX_PATH="$scratch/prefix" \
  -DLORICA_THRUST=OFF -DCMAKE_DISABLE_FIND_PACKAGE_OpenMP=ON
build_and_run "$scratch/found_eigen" host
[ ! -e "$scratch/found_eigen/host_gpu" ] || { echo "LORICA_THRUST=OFF gave a lorica::gpu"; exit 1; }

title "add_subdirectory"
configure -S "$source/tests/install/add_subdirectory" -B "$scratch/included" -DLORICA_SOURCE="$source"
build_and_run "$scratch/included" host

title "-I include and Eigen"
"$compiler" -std=c++20 -O1 -I "$source/include" -isystem "$eigen" "$example/main.cpp" -o "$scratch/plain"
"$scratch/plain"
