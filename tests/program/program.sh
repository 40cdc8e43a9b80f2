#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# program.sh <lorica> <scratch folder>: the program as its users call it, on models that are in the tree: every task
# learns, is measured, saved, loaded, merged and exported with the same figures, and what is wrong is said in one
# sentence with nothing written.
set -euo pipefail
lorica=$1
. "$(dirname "${BASH_SOURCE[0]}")/faults.sh" "$2"

near() { awk "BEGIN {exit !(($2 - $3) ^ 2 < 1e-6)}" || fault "$1: $2 is not nearly $3"; }
# The figure of a measure, from the table that evaluate prints.
figure() { grep "^$1 " | grep -o '[0-9.-]*$'; }
# says "sentence" command...: fails with that sentence in its one line.
says() {
  local sentence=$1 out
  shift
  if out=$("$@" 2>&1 >out.txt); then fault "no error from: $*"; return; fi
  grep -qF -- "$sentence" <<<"$out" || fault "expected '$sentence' from: $* -- it said: $out"
  [ "$(grep -c . <<<"$out")" = 1 ] || fault "more than one line from: $* -- $out"
}

# A decoder of bytes, and an encoder with a vocabulary of words.
decoder=$source/examples/data/tiny
cp -r "$source/tests/oracle/models/bert" bert
chmod -R u+w bert
size=$(grep -o '"vocab_size": *[0-9]*' bert/config.json | grep -o '[0-9]*$')
{ printf '%s\n' '[PAD]' '[UNK]' '[CLS]' '[SEP]' '[MASK]' good bad fine poor it is was a film and not the; } |
  head -n "$size" >bert/vocab.txt
head -c 6000 "$source/examples/data/heldout.txt" >text.txt

echo "== a text"
$lorica finetune --model "$decoder" --data text.txt --heldout text.txt --length 64 --steps 6 --batch 4 --rank 2 \
  --method lora --out lora >said.txt
after=$(grep -o 'held out, after: bits per byte [0-9.]*' said.txt | grep -o '[0-9.]*$')
before=$(grep -o 'held out, before: bits per byte [0-9.]*' said.txt | grep -o '[0-9.]*$')
awk "BEGIN {exit !($after < $before)}" || fault "lora learned nothing: $before to $after"
bits() { $lorica evaluate --task text --heldout text.txt --length 64 "$@" | figure "bits per byte"; }
same "the adapter, loaded" "$(bits --model "$decoder" --adapter lora)" "$after"
$lorica merge --model "$decoder" --adapter lora --out merged >said.txt
near "the adapter, merged into BF16" "$(bits --model merged)" "$after"
$lorica export --model "$decoder" --adapter lora --out lora.safetensors >said.txt
same "the adapter, as a file" "$(bits --model "$decoder" --adapter lora.safetensors)" "$after"
$lorica run lora/run.json --out again >said.txt
same "the run, repeated from its file" "$(bits --model "$decoder" --adapter again)" "$after"
cmp -s lora/adapter_model.safetensors again/adapter_model.safetensors || fault "a repeated run differs"
head -c 3000 text.txt >other.txt
$lorica run lora/run.json --text other.txt --epochs 0.5 --out other >said.txt
grep -q '"data": \["other.txt"\]' other/run.json || fault "a run on another text has $(grep data other/run.json)"
grep -q '"steps"' other/run.json && fault "a run of epochs has steps"
$lorica run other/run.json --out once_more >said.txt
cmp -s other/adapter_model.safetensors once_more/adapter_model.safetensors || fault "a repeated run of epochs differs"
$lorica finetune --model "$decoder" --data text.txt --length 64 --steps 10 --batch 4 --rank 3 --target 1 \
  --method adalora --out ada >said.txt
$lorica export --lora --model "$decoder" --adapter ada --out plain >said.txt
grep -q '"peft_type": "LORA"' plain/adapter_config.json || fault "export --lora wrote no LORA"
same "AdaLoRA as LoRA" "$(bits --model "$decoder" --adapter plain)" "$(bits --model "$decoder" --adapter ada)"

echo "== the best step"
best() {
  $lorica finetune --model "$decoder" --data text.txt --length 64 --steps 24 --batch 4 --rank 2 --schedule constant \
    --keep-best --evaluate-every 4 --out best "$@" >said.txt
}
best --lr 0.3 --heldout text.txt --log best.jsonl
kept=$(grep -o 'kept step [0-9]*: [0-9.]*' said.txt | grep -o '[0-9.]*$')
least=$(grep -o '"heldout bits per byte":[0-9.]*' best.jsonl | cut -d: -f2 | sort -g | head -1)
near "the step that is kept" "$kept" "$least"
near "what is saved of it" "$(bits --model "$decoder" --adapter best)" "$kept"
best --lr 1e-30 --validation 25% --patience 1  # too little to change any number: the second is no better
grep -q 'stopped after step 8: 1 measurement(s) no better' said.txt || fault "patience has no end: $(cat said.txt)"
grep -q 'kept step 4: ' said.txt || fault "the first of equals is not kept: $(cat said.txt)"

echo "== a finished run, once more"
for _ in 1 2; do
  $lorica finetune --model "$decoder" --data text.txt --length 64 --steps 6 --batch 4 --checkpoint run.state \
    --log run.jsonl --out finished >said.txt
done
grep -q 'last loss' said.txt && fault "a run that made no step has a last loss: $(cat said.txt)"
same "its log" "$(wc -l <run.jsonl)" 6

echo "== controls: all of the weights, biases alone"
for control in full bias; do
  $lorica finetune --model "$decoder" --data text.txt --heldout text.txt --length 64 --steps 6 --batch 4 --lr 1e-3 \
    --method $control --out $control >said.txt
  learned=$(grep -o 'held out, after: bits per byte [0-9.]*' said.txt | grep -o '[0-9.]*$')
  awk "BEGIN {exit !($learned < $before)}" || fault "$control learned nothing: $before to $learned"
  same "$control, loaded" "$(bits --model "$decoder" --adapter $control)" "$learned"
  $lorica finetune --model "$decoder" --data text.txt --length 64 --steps 6 --batch 4 --lr 1e-3 --method $control \
    --out $control.safetensors >said.txt
  same "$control, as a file" "$(bits --model "$decoder" --adapter $control.safetensors)" "$learned"
done
$lorica merge --model "$decoder" --adapter full --out full_merged >said.txt
near "full, merged into BF16" "$(bits --model full_merged)" "$(bits --model "$decoder" --adapter full)"
says "adds a bias of its own" $lorica merge --model "$decoder" --adapter bias --out bias_merged

echo "== generation"
said() { $lorica generate --model "$decoder" --adapter lora --prompt "The " --tokens 40 "$@" 2>err.txt; }
same "with and without the cache" "$(said)" "$(said --no-cache)"
same "one seed" "$(said --temperature 0.9 --top-k 20 --top-p 0.9 --seed 3)" \
  "$(said --temperature 0.9 --top-k 20 --top-p 0.9 --seed 3)"
[ "$(said --temperature 1.5 --seed 3)" != "$(said --temperature 1.5 --seed 4)" ] || fault "two seeds, one text"
case $(said --stop e) in *e*e*) fault "--stop e did not stop" ;; esac

echo "== categories, numbers, answers"
for i in 1 2 3 4 5 6; do
  printf 'x\t1\t\tit was a good film\nx\t0\t*\tthe film is bad and poor\nx\t1\t\tfine\nx\t0\t*\tnot good\n'
done >cola.tsv
measured() { $lorica evaluate --model bert --adapter "$1" --task "$2" --heldout "$3" | figure "$4"; }
$lorica finetune --model bert --task CoLA --data cola.tsv --heldout cola.tsv --steps 40 --batch 8 --lr 1e-2 --rank 4 \
  --method dora --predictions answers.tsv --out cola >said.txt
same "CoLA is learned" "$(measured cola CoLA cola.tsv Matthews)" 1.0000
$lorica finetune --model bert --task CoLA --data cola.tsv --heldout cola.tsv --steps 40 --batch 8 --lr 1e-2 --rank 4 \
  --head-lr 2e-2 --class-weights balanced --out weighed >said.txt
same "balanced classes are learned" "$(measured weighed CoLA cola.tsv Matthews)" 1.0000
same "its answers" "$(head -3 answers.tsv | tr '\t\n' ' |')" "index prediction|0 1|1 0|"
$lorica merge --model bert --adapter cola --out bert_cola >said.txt
same "CoLA, merged" "$($lorica evaluate --model bert_cola --task CoLA --heldout cola.tsv | figure Matthews)" 1.0000
cp -r bert_cola turned
sed -i 's/"LABEL_0"/"1"/; s/"LABEL_1"/"0"/' turned/config.json
same "a head whose labels are in another order" \
  "$($lorica evaluate --model turned --task CoLA --heldout cola.tsv | figure Matthews)" -1.0000
printf '[[2, 5, 3], [2, 6, 8, 3]]' >ids.json
$lorica logits --model bert_cola --ids ids.json --out merged.safetensors | grep -q 'logits\.i' ||
  fault "a model with a head has no logits"
$lorica probe --model bert --task CoLA --data cola.tsv | grep -q 'blocks' || fault "probe says no site"
same "a probe with blocks computed again" "$($lorica probe --model bert --task CoLA --data cola.tsv --checkpoint-blocks)" \
  "$($lorica probe --model bert --task CoLA --data cola.tsv)"
{ printf 'index\tsentence1\tsentence2\tscore\n'
  for i in 1 2 3 4 5 6; do printf '0\tgood\tfine\t5.0\n1\tgood\tbad\t0.5\n2\tit is a film\tit was a film\t3.25\n'; done
} >sts.tsv
$lorica finetune --model bert --task STS-B --data sts.tsv --heldout sts.tsv --epochs 12 --batch 6 --lr 1e-2 --out sts \
  >said.txt
awk "BEGIN {exit !($(measured sts STS-B sts.tsv Pearson) > 0.9)}" || fault "STS-B is not learned"
cat >squad.json <<'JSON'
{"version": "v2.0", "data": [{"title": "t", "paragraphs": [{"context": "the film was good and not bad", "qas": [
  {"id": "a", "question": "was it good", "is_impossible": false, "answers": [{"text": "good", "answer_start": 13}]},
  {"id": "b", "question": "is it a film", "is_impossible": true, "answers": []}]}]}]}
JSON
$lorica finetune --model bert --task SQuAD-v2 --data squad.json --heldout squad.json --length 18 --stride 4 --steps 60 \
  --batch 2 --lr 1e-2 --method domlora --predictions squad.out --out squad >said.txt
same "SQuAD 2.0 is learned" "$($lorica evaluate --model bert --adapter squad --task SQuAD-v2 --heldout squad.json \
  --length 18 --stride 4 | figure 'exact match')" 100.0000
same "its answers by id" "$(cat squad.out)" '{"a":"good","b":""}'

echo "== conversations"
for i in 1 2 3 4; do
  printf '{"messages": [{"role": "user", "content": "ping"}, {"role": "assistant", "content": "pong"}]}\n'
done >chat.jsonl
$lorica finetune --model "$decoder" --task chat --data chat.jsonl --heldout chat.jsonl --steps 40 --batch 4 --lr 1e-2 \
  --chat '{"roles": {"user": "U: {content}\n", "assistant": "A: {content}\n"}}' --out chat >said.txt
same "the reply" "$($lorica generate --model "$decoder" --adapter chat --prompt $'U: ping\nA: ' --stop $'\n' \
  2>err.txt | tail -1)" "A: pong"
$lorica run chat/run.json --out chat_again >said.txt
cmp -s chat/adapter_model.safetensors chat_again/adapter_model.safetensors || fault "a run with a template differs"
printf 'mr,ref\nname[X],X is here.\nname[X],There is X.\n' >e2e.csv
$lorica finetune --model "$decoder" --task E2E --data e2e.csv --heldout e2e.csv --steps 30 --batch 2 --lr 1e-2 \
  --out e2e >said.txt
grep -q 'held out, after: BLEU' said.txt || fault "E2E is not measured"

echo "== arithmetic"
on() { bits --model "$decoder" --adapter lora "$@"; }
close() { awk "BEGIN {exit !(($2 - $3) ^ 2 < (0.01 * $3) ^ 2)}" || fault "$1: $2 is not within 1 % of $3"; }
score() { $lorica evaluate --model "$decoder" --adapter lora --task text --heldout text.txt --length 64 "$@"; }
for asked in "--precision fp32" "--gemm eigen" "--gemm auto" "--precision fp32 --gemm eigen" "--precision auto --gemm eigen"; do
  same "evaluate $asked" "$(on $asked)" "$after"
done
close "--precision auto" "$(on --precision auto)" "$after"
same "what is said of it" "$(score | head -1)" "backend: float, products by Eigen"
says "--precision is 'fp16', expected fp32, bf16 or auto" score --precision fp16
says "--device is 'tpu', expected cpu, cuda or auto" score --device tpu
if ! score --device cuda >said.txt 2>err.txt; then
  grep -q "^lorica: --device cuda: .*; expected cpu, or auto, which falls back to it" err.txt || fault "no GPU: $(cat err.txt)"
  same "the CPU instead of a GPU" "$(on --device auto)" "$after"
  score --device auto 2>&1 >said.txt | grep -q "^lorica: computing on the CPU: " || fault "--device auto does not say why"
fi
says "--gemm is 'mkl', expected eigen, onednn or auto" score --gemm mkl
says "Eigen has no products of bf16; expected --gemm onednn or auto" score --precision bf16 --gemm eigen
if score --gemm onednn >said.txt 2>err.txt; then
  grep -q "^backend: float, products by oneDNN" said.txt || fault "--gemm onednn says: $(cat said.txt)"
  close "by oneDNN" "$(on --gemm onednn)" "$after"
  half() { $lorica "$@" --precision bf16 2>>err.txt; }
  close "in bf16" "$(half evaluate --model "$decoder" --adapter lora --task text --heldout text.txt --length 64 |
    figure "bits per byte")" "$after"
  half finetune --model "$decoder" --data text.txt --heldout text.txt --length 64 --steps 6 --batch 4 --rank 2 \
    --out half --checkpoint half.state >said.txt
  grep -q "^backend: bf16.*, products by oneDNN" said.txt || fault "finetune in bf16 says: $(cat said.txt)"
  close "learned in bf16" "$(grep -o 'after: bits per byte [0-9.]*' said.txt | grep -o '[0-9.]*$')" "$after"
  grep -aq '"dtype":"F32"' half/adapter_model.safetensors && ! grep -aq '"dtype":"BF16"' half/adapter_model.safetensors ||
    fault "an adapter learned in bf16 is not saved as float"
  grep -q '"precision": "bf16"' half/run.json || fault "run.json does not say bf16"
  close "learned in bf16, answering in float" "$(bits --model "$decoder" --adapter half)" "$after"
  $lorica merge --model "$decoder" --adapter half --out half_merged >said.txt
  close "and merged" "$(bits --model half_merged)" "$after"
  $lorica run half/run.json --out half_again --checkpoint again.state >said.txt 2>>err.txt
  cmp -s half/adapter_model.safetensors half_again/adapter_model.safetensors || fault "a repeated run in bf16 differs"
  for other in fp32 "fp32 --gemm onednn"; do
    says "belongs to another run" $lorica run half/run.json --out bad --precision $other
  done
  [ "$(half generate --model "$decoder" --adapter half --prompt "The " --tokens 20 | wc -c)" -gt 20 ] ||
    fault "nothing is generated in bf16"
  half probe --model "$decoder" --data text.txt --samples 4 | grep -q 'blocks' || fault "probe in bf16 says no site"
  half logits --model bert_cola --ids ids.json --out ids.safetensors | grep -q 'logits\.i' || fault "no logits in bf16"
  half finetune --model bert --task CoLA --data cola.tsv --steps 40 --batch 8 --lr 1e-2 --rank 4 --out cola_half >said.txt
  same "CoLA is learned in bf16" \
    "$(half evaluate --model bert --adapter cola_half --task CoLA --heldout cola.tsv | figure Matthews)" 1.0000
  # Every method learns along the same curve: within 1e-4 in float, 1e-2 in bf16, step by step.
  learn_all() {
    $lorica compare --model "$decoder" --text text.txt --methods all --rates 1e-3 --steps 6 --warmup 1 --batch 2 --rank 4 \
      --samples 2 --heldout-windows 2 --validation-windows 2 --bytes 4 --require-gain -5 --out "$@" 2>>err.txt
  }
  curves() { sed -n 's/.*"method":"\([^"]*\)".*"step":\([0-9]*\),"loss":\([^,]*\),.*/\1 \2 \3/p' "$1/log.jsonl"; }
  same_curves() { # folder, largest relative difference
    paste -d ' ' <(curves by_eigen) <(curves "$1") | awk -v most="$2" '
      { d = ($6 - $3) / $3; if (d < 0) d = -d; if ($1 != $4 || $2 != $5 || !(d <= most)) { print; exit 1 } ++n }
      END { if (n < 100) exit 1 }' || fault "$1: a method learns along another curve"
  }
  learn_all by_eigen >said.txt
  learn_all by_onednn --gemm onednn >said.txt
  learn_all in_bf16 --precision bf16 >said.txt
  same_curves by_onednn 1e-4
  same_curves in_bf16 1e-2
  grep -q "^backend: bf16," said.txt || grep -q "bf16 weights are held and multiplied in float" err.txt ||
    fault "bf16 that is computed in float does not say so"
else
  says "--gemm onednn: this program was built without oneDNN" score --gemm onednn
  says "--precision bf16: this program was built without oneDNN" score --precision bf16
fi

echo "== what is wrong is said"
tune() { $lorica finetune --steps 2 --out bad "$@"; }
sed '3s/1/7/' cola.tsv >bad.tsv
says "bad.tsv', line 3: the label is \"7\", expected 0 or 1" tune --model bert --task CoLA --data bad.tsv
printf 'x\t1\tfew\n' >bad.tsv
says "bad.tsv', line 1: found 3 columns, expected 4" tune --model bert --task CoLA --data bad.tsv
sed 's/: 13}/: 3}/' squad.json >bad.json
says "bad.json': question \"a\": the answer \"good\" is not at character 3" \
  tune --model bert --task SQuAD-v2 --data bad.json
says "there is no task 'Cola'; the nearest is 'CoLA'" tune --model bert --task Cola --data cola.tsv
says "there is no method 'lorra'; the nearest is 'lora'" tune --model "$decoder" --data text.txt --method lorra
says "is no causal language model: it cannot learn a text" tune --model bert --data text.txt
says "it is of another model" $lorica generate --model "$decoder" --adapter cola --prompt x
says "which the model does not have" $lorica evaluate --model bert --adapter lora.safetensors --task CoLA \
  --heldout cola.tsv
says "the head answers with one of 2 categories, the task SQuAD asks for where an answer begins and ends" \
  $lorica evaluate --model bert --adapter cola --task SQuAD-v2 --heldout squad.json --length 18 --stride 4
says "there is no head to answer with" $lorica evaluate --model "$decoder" --task CoLA --heldout cola.tsv
says "a head is saved beside the adapters" $lorica finetune --model bert --task CoLA --data cola.tsv \
  --out head.safetensors
sed 's/"vocab_size": *[0-9]*/"vocab_size": 3/' bert/config.json >config.json
cp -r bert wrong
cp config.json wrong/
says "the configuration expects [3, " $lorica inspect --model wrong
sed -i 's/"model_type": *"bert"/"model_type": "brt"/' wrong/config.json
says '"model_type" is "brt", which is not known' $lorica inspect --model wrong
cp bert/config.json wrong/
for i in $(seq "$size"); do echo "word$i"; done >>wrong/vocab.txt
says "they are not of one another" tune --model wrong --task CoLA --data cola.tsv
says "--patience needs --keep-best" tune --model bert --task CoLA --data cola.tsv --patience 2
says "--keep-best needs --evaluate-every" tune --model bert --task CoLA --data cola.tsv --keep-best --validation 10%
says "--validation is '100%' of 24 samples" tune --model bert --task CoLA --data cola.tsv --validation 100%
says "--class-weights: 3 for the 2 categories" tune --model bert --task CoLA --data cola.tsv --class-weights 1,2,3
says "--class-weights: '0' is no weight" tune --model bert --task CoLA --data cola.tsv --class-weights 0,1
says "--class-weights: 'x' is no weight" tune --model bert --task CoLA --data cola.tsv --class-weights 1,x
says "--class-weights: the task has no categories" tune --model "$decoder" --data text.txt --class-weights balanced
says "--head-lr: task text trains no head" tune --model "$decoder" --data text.txt --head-lr 1e-3
says "the head's learning rate is 0" tune --model bert --task CoLA --data cola.tsv --head-lr 0
says "'nowhere'" $lorica inspect --model nowhere
says "found an integer, expected a string" $lorica run <(echo '{"command": 3}') 
[ ! -e bad ] || fault "a run that failed left something behind"
[ ! -e head.safetensors ] || fault "a run that failed left a file behind"

verdict "all as expected"
