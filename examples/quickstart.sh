#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Adapts a small pretrained decoder to C++ source, four ways, and shows what each costs and gains.
#   examples/quickstart.sh [--text FILE_OR_FOLDER ...] [--out FOLDER]
# Installs through apt what is missing, builds, runs, and checks its own results.
set -euo pipefail
here=$PWD
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. tests/support/packages.sh

from_here() { case $1 in /*) echo "$1" ;; *) echo "$here/$1" ;; esac; }
out=build/quickstart
text=()
while [ $# -gt 0 ]; do
  case $1 in
    --text) shift; while [ $# -gt 0 ] && [ "${1#--}" = "$1" ]; do text+=("$(from_here "$1")"); shift; done ;;
    --out) out=$(from_here "${2?"quickstart.sh: --out needs a folder"}"); shift 2 ;;
    *) echo "quickstart.sh: unknown option '$1'; there are --text and --out" >&2; exit 2 ;;
  esac
done

need g++ cmake ninja-build libeigen3-dev libcli11-dev catch2 libthrust-dev xz-utils
echo "building the program lorica (build/cpu) ..."
cmake --preset cpu >/dev/null
cmake --build --preset cpu --parallel "$(job_count)" --target lorica_cli

# By default the text is C++ as the library itself knows it: the headers of the Eigen it was built with.
if [ ${#text[@]} -eq 0 ]; then
  text=("$(sed -n 's/^LORICA_EIGEN_HEADERS:[A-Z]*=//p' build/cpu/CMakeCache.txt)/Eigen/src")
fi
data=examples/data
bytes=$(wc -c <$data/heldout.txt)
packed=$(xz -9 -c $data/heldout.txt | wc -c)
xz_bits=$(awk "BEGIN {printf \"%.4f\", 8 * $packed / $bytes}")

exec build/cpu/examples/lorica compare --model $data/tiny --text "${text[@]}" --out "$out" \
  --corpus-heldout $data/heldout.txt --at-most-bits "$xz_bits" --require-gain 10
