#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# precision.sh <lorica> <scratch folder> <folder of text>: 200 steps in bf16 learn along the curve of 200 steps in
# float. The small decoder on text; an encoder on CoLA where LORICA_DATA is a folder of data sets and LORICA_MINILM one
# of all-MiniLM-L6-v2. What is compared is the mean loss of the last 20 steps, at every step from the 20th on; its
# largest relative difference may be 1 %.
set -euo pipefail
lorica=$1
scratch=$2
text=$3
source=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
mkdir -p "$scratch"
good=1

curve() { sed -n 's/.*"loss":\([^,]*\),.*/\1/p' "$1"; }
# compare <name> <option of finetune>...
compare() {
  local name=$1 precision
  shift
  for precision in fp32 bf16; do
    "$lorica" finetune "$@" --steps 200 --precision $precision --out "$scratch/$name.$precision" \
      --log "$scratch/$name.$precision.jsonl" | grep '^backend'
  done
  paste <(curve "$scratch/$name.fp32.jsonl") <(curve "$scratch/$name.bf16.jsonl") | awk -v name="$name" '
    { a[NR] = $1; b[NR] = $2; sa += $1; sb += $2
      if (NR > 20) { sa -= a[NR - 20]; sb -= b[NR - 20] }
      if (NR >= 20) { d = (sb - sa) / sa; if (d < 0) d = -d; if (!(d <= most)) { most = d; at = NR } } }
    END { printf "%s: %d steps, largest relative difference of the mean loss of 20 steps %.5f, at step %d\n", name, NR, most, at
          exit !(NR == 200 && most < 0.01) }' || good=0
}

compare text --model "$source/examples/data/tiny" --data "$text" --length 256 --batch 8 --lr 8e-3 --warmup 5
if [ -n "${LORICA_DATA-}" ] && [ -n "${LORICA_MINILM-}" ]; then
  compare cola --model "$LORICA_MINILM" --task CoLA --data "$LORICA_DATA/glue/CoLA" --batch 16 --lr 1e-3
else
  echo "CoLA is left out: LORICA_DATA and LORICA_MINILM are not both set"
fi
[ $good = 1 ] || { echo "bf16 learns along another curve"; exit 1; }
