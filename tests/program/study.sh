#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# study.sh <lorica-study> <scratch folder>: every study at toy size, what its tables say against its own record,
# a study that is interrupted, and descriptions that cannot be run.
set -euo pipefail
study=$1
. "$(dirname "${BASH_SOURCE[0]}")/faults.sh" "$2"
unset LORICA_DATA LORICA_MINILM

run() { "$study" "$@" --gemm eigen; }

# recorded OUT PART ROW TASK: mean, deviation, rate of the runs that count, from the record alone: the rate whose
# validation is least under the first seed, then every seed at it. One number a figure: the first.
recorded() {
  grep -F "\"part\":\"$2\",\"task\":\"$4\",\"row\":\"$3\"," "$1/runs.jsonl" | grep -F '"failed":"",' | awk '
    function number(name,  at) { at = index($0, "\"" name "\":"); return substr($0, at + length(name) + 3) + 0 }
    { match($0, /"figures":\{"[^"]*":/); value = substr($0, RSTART + RLENGTH) + 0
      rate = number("rate"); seed = number("seed"); loss = number("validation")
      figure[rate, seed] = value
      if (seed == 0 && (best == "" || loss < best)) { best = loss; chosen = rate }
      seeds[seed] = 1 }
    END {
      for (s in seeds) if ((chosen, s) in figure) { n++; sum += figure[chosen, s] }
      for (s in seeds) if ((chosen, s) in figure) square += (figure[chosen, s] - sum / n) ^ 2
      printf("%d %.6f %.6f %g\n", n, sum / n, (n > 1) ? sqrt(square / (n - 1)) : 0, chosen) }'
}
# Every line of the CSV, and its cell of the Markdown table, say what the record says; scale: of the column.
check_tables() {
  local out=$1 task=$2 scale=$3 part row column n mean deviation rate rest
  local lines=0
  while IFS=, read -r part row column n mean deviation rate rest; do
    lines=$((lines + 1))
    read -r n2 mean2 deviation2 rate2 <<<"$(recorded "$out" "$part" "$row" "$task")"
    same "$row of $out, seeds" "$n" "$n2"
    awk "BEGIN {d = $mean - $scale * $mean2; e = $deviation - $scale * $deviation2; exit !(d * d < 1e-8 && e * e < 1e-8)}" ||
      fault "$row of $out: $mean ± $deviation in the table, $mean2 ± $deviation2 times $scale in the record"
    awk "BEGIN {exit !($rate == $rate2)}" || fault "$row of $out: the rate is $rate, by the record $rate2"
    local cell
    cell=$(awk -v m="$mean" -v d="$deviation" -v digits="$4" 'BEGIN {f = "%." digits "f"; printf f " ± " f, m, d}')
    grep -F "| $row " "$out/table.md" | grep -qF "$cell" || fault "$row of $out: no '$cell' in table.md"
  done < <(grep "^[^,]*,[^,\"]*,[^,\"]*,[0-9]" "$out/table.csv" | grep -v '^part,' || true)
  [ "$lines" -ge "$5" ] || fault "$out: $lines lines of table.csv were checked, expected $5"
}
toy() {
  local name=$1
  run "$source/examples/studies/$name.json" --preset toy --out "$name" >"$name.txt" 2>"$name.err" || {
    fault "the toy of $name: $(cat "$name.err")"
    return
  }
  for file in runs.jsonl table.md table.csv report.md report.html; do
    [ -s "$name/$file" ] || fault "$name: no $file"
  done
  grep -q '<svg' "$name/report.html" || fault "$name: a report without a picture"
  same "$name, pictures" "$(grep -c '^!\[' "$name/report.md")" "$(grep -o '<svg' "$name/report.html" | wc -l)"
  while read -r picture; do
    grep -q '^<svg xmlns' "$name/$picture" || fault "$name: $picture is no picture"
  done < <(grep -o '](pictures/[^)]*)' "$name/report.md" | tr -d '()]')
  ! grep -q '"failed":"[^"]' "$name/runs.jsonl" || fault "$name: a run failed: $(grep -o '"failed":"[^"]*"' "$name/runs.jsonl" | sort | uniq -c)"
}

echo "== scores"
toy scores
# The column is titled with a comma: the CSV has it in quotation marks.
sed -i 's/"English, bits per byte"/bits/' scores/table.csv
check_tables scores English 1 4 5
grep -q 'each column once' scores/table.md && grep -q 'reproduces all of them' scores/table.md ||
  fault "scores: the rule of the paper's average is not found"
grep -q 'where the rank went' scores/table.md || fault "scores: not said where the rank went"
grep -qE 'shows here|does not show here|too few' scores/table.md || fault "scores: findings say nothing"
# Differences: the mean over the seeds, by hand. Lower is better: positive where the row needs fewer bits.
read -r _ a _ _ <<<"$(recorded scores decoder LoRA English)"
read -r _ b _ _ <<<"$(recorded scores decoder "AdaLoRA (Sensitivity)" English)"
want=$(awk "BEGIN {printf \"%+.3f\", $b - $a}")
grep -F "| LoRA " scores/table.md | grep -qF -- "${want#+}" || fault "scores: the difference of LoRA is not $want"

echo "== several runs at a time"
for jobs in 1 3; do
  run "$source/examples/studies/scores.json" --preset toy --jobs $jobs --out jobs >jobs.txt 2>jobs.err ||
    fault "--jobs $jobs: $(cat jobs.err)"
  grep -q "left, $jobs runs\? at a time" jobs.txt || fault "--jobs $jobs: $(cat jobs.txt)"
  sed 's/"English, bits per byte"/bits/' jobs/table.csv | cmp -s - scores/table.csv || fault "--jobs $jobs has another table"
  same "runs of --jobs $jobs" "$(sort -u jobs/runs.jsonl | wc -l)" "$(wc -l <scores/runs.jsonl)"
  rm -r jobs
done

echo "== interrupted, and resumed"
resumed() { run "$source/examples/studies/scores.json" --preset toy --out resumed "$@" 2>resumed.err; }
resumed --at-most-runs 4 >resumed.txt
same "runs of the first start" "$(wc -l <resumed/runs.jsonl)" 4
head -c -40 resumed/runs.jsonl >torn && mv torn resumed/runs.jsonl  # killed while it wrote the fourth
resumed --at-most-runs 3 >resumed.txt
printf '\n{"identity": "of another study", "part": "decoder", "task": "English", "row": "LoRA", "rate": 0.1, "seed": 0, "failed": "", "diverged": false, "validation": 0, "figures": {"bits per byte": 0}, "trainable": 0, "kept": 0, "head": 0, "seconds": 0, "measuring": 0, "tokens": 0, "peak": 0, "ranks": [], "losses": [], "cuts": []}\n' >>resumed/runs.jsonl
resumed >resumed.txt
cmp -s scores/table.md resumed/table.md || fault "a resumed study has another table: $(diff scores/table.md resumed/table.md | head -5)"
before=$(md5sum <resumed/runs.jsonl)
resumed >resumed.txt
same "the record of a study that was done" "$(md5sum <resumed/runs.jsonl)" "$before"
resumed --plan >plan.txt
grep -q ' done; about 0' plan.txt || fault "the plan of a study that is done"
# SIGINT: the run under way is given up, those before it stay.
"$study" "$source/examples/studies/scores.json" --preset toy --out stopped --gemm eigen >stopped.txt 2>stopped.err &
pid=$!
for _ in $(seq 100); do [ -s stopped/runs.jsonl ] && break; sleep 0.05; done
kill -INT $pid 2>/dev/null || true
wait $pid && code=0 || code=$?
if [ "$code" != 0 ]; then
  same "the status of an interrupted study" "$code" 130
  grep -q 'interrupted; the same command goes on' stopped.err || fault "interrupted: $(cat stopped.err)"
fi
run "$source/examples/studies/scores.json" --preset toy --out stopped >stopped.txt 2>stopped.err
cmp -s scores/table.md stopped/table.md || fault "a study that was stopped has another table"

echo "== budget"
toy budget
sed -i 's/"English, bits per byte"/bits/' budget/table.csv
check_tables budget English 1 4 5
grep -q 'loss after cuts' budget/table.md || fault "budget: nothing said of the loss after cuts"
grep -q 'ms a step' budget/report.md && ! grep -q 'ms a step' budget/table.md || fault "budget: times belong into report.md"
# What is left of AdaLoRA costs no more than LoRA of the budget, and nearly as much.
left() { grep "^[^,]*,$2,\|^[^,]*,\"$2\"," "$1/table.csv" | head -1 | awk -F, '{print $NF}'; }
lora=$(left budget 'LoRA 2') ada=$(left budget 'AdaLoRA 2')
awk "BEGIN {exit !($ada <= $lora && $ada > 0.9 * $lora)}" || fault "budget: AdaLoRA keeps $ada parameters, LoRA $lora"

echo "== placement"
toy placement
sed -i 's/"plain text, bits per byte"/bits/' placement/table.csv
check_tables placement "plain text" 1 4 10
same "probes" "$(grep -c '"page":\[' placement/runs.jsonl)" 8
grep -q 'PAGE of tiny, by reading' placement/table.md || fault "placement: no readings"
# The share of the dominant site, from the record: the mean over the runs of the site that is dominant most often.
grep -q 'is dominant in [0-9] of 4 runs.* It holds [0-9.]* %' placement/table.md || fault "placement: no sentence on concentration"
dom=$(left placement DomLoRA)
spread=$(left placement "spread evenly")
awk "BEGIN {exit !($spread <= $dom && $spread >= 0.5 * $dom)}" || fault "placement: spread evenly trains $spread, one site $dom"

echo "== heads, two figures, data that are absent, a run that fails"
cp -r "$source/tests/oracle/models/bert" bert
chmod -R u+w bert
size=$(grep -o '"vocab_size": *[0-9]*' bert/config.json | grep -o '[0-9]*$')
{ printf '%s\n' '[PAD]' '[UNK]' '[CLS]' '[SEP]' '[MASK]' good bad fine poor it is was a film and not the; } |
  head -n "$size" >bert/vocab.txt
mkdir data
for _ in 1 2 3 4 5 6 7 8; do
  printf 'x\t1\t\tit was a good film\nx\t0\t*\tthe film is bad and poor\nx\t1\t\tfine\nx\t0\t*\tnot good\n'
done >data/cola.tsv
{ printf 'index\tsentence1\tsentence2\tscore\n'
  for _ in 1 2 3 4 5 6 7 8; do printf '0\tgood\tfine\t5.0\n1\tgood\tbad\t0.5\n2\tit is a film\tit was a film\t3.25\n'; done
} >data/sts.tsv
cat >heads.json <<'JSON'
{"title": "Heads", "asks": "Do tables with heads, two figures and absent data come out?",
 "papers": {"said": {"source": "nobody", "average": "Ave.", "columns": ["CoLA", "MRPC"], "rows": {"one": [50, 60, 55]}}},
 "common": {"seeds": [0, 1, 2], "parts": {"sentences": {
   "model": "bert", "rates": [1e-2, 1e30], "against": "lora", "average": true, "paper": "said",
   "fit": {"steps": 12, "batch": 4, "warmup": 0},
   "method": {"rank": 2},
   "methods": {"lora": {}, "ada": {"method": "adalora", "rank": 3, "target": 2}, "bias": {}, "full": {"rank": 1}, "dom": {"method": "domlora-svd"}},
   "tasks": {"CoLA": {"data": "cola.tsv", "heldout": "cola.tsv"}, "STS-B": {"data": "sts.tsv", "heldout": "sts.tsv"},
             "MRPC": {"data": "mrpc.tsv", "heldout": "mrpc.tsv", "optional": true}},
   "columns": [{"title": "CoLA", "task": "CoLA", "figures": ["Matthews"], "scale": 100},
               {"title": "STS-B", "task": "STS-B", "figures": ["Pearson", "Spearman"], "scale": 100},
               {"title": "MRPC", "task": "MRPC", "scale": 100}]}}},
 "presets": {"mini": {}}}
JSON
run heads.json --model bert=bert --data data --out heads >heads.txt 2>heads.err || fault "heads: $(cat heads.err)"
grep -F '| lora ' heads/table.md | grep -q 'n/a' || fault "heads: absent data is not n/a"
grep -qF 'paper: one' heads/table.md || fault "heads: no row of the paper"
check_cola() { grep -v ',STS-B,' heads/table.csv >heads/cola.csv; mv heads/table.csv heads/all.csv; mv heads/cola.csv heads/table.csv; check_tables heads CoLA 100 2 5; }
check_cola
# A rate of 1e30 cannot go well for all: what diverged is counted, and nobody chose it.
[ "$(awk -F, 'NR > 1 {n += $8} END {print n}' heads/all.csv)" -gt 0 ] || fault "heads: nothing diverged at a rate of 1e30"
! awk -F, 'NR > 1 {print $7}' heads/all.csv | grep -q e || fault "heads: a rate of 1e30 was chosen"
grep -q 'not finite\|is nan\|is inf' heads/table.md || fault "heads: not said why runs diverged"

echo "== what cannot be run"
cat >bad.json <<'JSON'
{"title": "Bad", "common": {"seeds": [], "parts": {"p": {
  "model": "nowhere", "rates": [], "fitt": {}, "against": "nobody",
  "methods": {"lora": {"rnak": 2}, "a": {"method": "adalorra"}},
  "tasks": {"CoLA": {"data": "nothing.tsv", "batch": 0}}}}},
 "presets": {"mini": {}}}
JSON
if run bad.json --data data --out bad >bad.txt 2>bad.err; then fault "a bad study ran"; fi
for sentence in "problems" "seeds: none, expected at least one" "parts.p.rates: an empty grid" \
  "parts.p.fitt is not known; the nearest is 'fit'" "parts.p.methods.lora.rnak is not known; the nearest is 'rank'" \
  "there is no method 'adalorra'; the nearest is 'adalora'" "there is no 'nothing.tsv' in the data folder 'data'" \
  "the model 'nowhere' is not named; expected --model nowhere=FOLDER" "parts.p.tasks.CoLA.batch is 0, expected 1 or more" \
  "parts.p.against: there is no row 'nobody' in methods"; do
  grep -qF -- "$sentence" bad.err || fault "expected '$sentence', it said: $(cat bad.err)"
done
[ ! -s bad/runs.jsonl ] || fault "a bad study recorded a run"
cat >unfit.json <<'JSON'
{"title": "Unfit", "common": {"seeds": [0], "parts": {"p": {
  "model": "bert", "rates": [1e-3], "fit": {"steps": 4, "batch": 2},
  "methods": {"odd": {"method": "orthogonal", "rank": 3}, "wide": {"method": "lora", "rank": 5000},
              "grows": {"method": "adalora", "rank": 2, "target": 3}},
  "tasks": {"CoLA": {"data": "cola.tsv", "heldout": "cola.tsv"}, "words": {"task": "text", "data": "cola.tsv", "cut": 0.5}}},
   "headless": {"model": "tiny", "rates": [1e-3], "fit": {"steps": 4, "batch": 2, "length": 16, "head-lr": 1e-3}, "methods": {"lora": {"rank": 1}},
     "tasks": {"words": {"task": "text", "data": "cola.tsv", "cut": 0.5}}}}},
 "presets": {"mini": {}}}
JSON
if run unfit.json --model bert=bert --data data --out unfit >unfit.txt 2>unfit.err; then fault "an unfit study ran"; fi
for sentence in "parts.p.methods.odd: " "parts.p.methods.wide: " "parts.p.methods.grows: " "parts.p.tasks.words: " \
  "parts.headless.tasks.words: head-lr: task text trains no head"; do
  grep -qF -- "$sentence" unfit.err || fault "expected '$sentence', it said: $(cat unfit.err)"
done
run heads.json --preset mnii --model bert=bert --data data --out none 2>none.err && fault "there is a preset mnii"
grep -qF "there is no preset 'mnii'; the nearest is 'mini'" none.err || fault "a preset that is not there: $(cat none.err)"

verdict "all as it should be"
