#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# What runs on a machine with an NVIDIA GPU, without a network: builds, checks, and times beside PyTorch where there is one.
#   tests/bench/gpu.sh --part NAME [--part NAME ...] [--out FILE] [--arch 90] [--minutes N]
# Every part ends within nine minutes (--minutes), works by itself, says what failed and lets the next go on; what it found
# joins FILE (default build/gpu.jsonl), a line of JSON each. Exits with the number of parts that failed.
#   build       device_tests, compare_cuda, kernels_cuda and lorica, for the GPU that is here or for --arch: also where
#               there is no GPU. A part builds what it needs and does not find, or finds built from other sources
#   pack        what was built, stripped, and the headers of Eigen, Catch2 and CLI11, into build/gpu.tar.xz, which any
#               part unpacks where it finds it: built on one machine, to run on another that has CUDA's libraries
#   tests       every test of a device, each in a process of its own, since what a kernel breaks stays broken
#   sanitizer   compute-sanitizer: memcheck over the tests of verbs and kernels, racecheck and synccheck over those
#               whose threads share memory (tag [kernel])
#   step        rate of products, kernels, launches and waits: kernels_cuda
#   race-gpt2, race-bert, race-llama   compare_peft.py --device cuda: GPT-2 small, BERT base, the shape of Llama 3.2 1B;
#               LoRA, AdaLoRA, DomLoRA and the probe at rank 16, bf16, 8, 1 and 32 sequences of 512
#   quickstart  lorica finetune --device cuda beside the CPU
#   table       the table of all races in FILE
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
. tests/support/packages.sh

parts=()
out=build/gpu.jsonl
arch=
minutes=8.5
while [ $# -gt 0 ]; do
  case $1 in
    --part) parts+=("${2?"gpu.sh: --part needs a name"}"); shift 2 ;;
    --out) out=${2?"gpu.sh: --out needs a file"}; shift 2 ;;
    --arch) arch=${2?"gpu.sh: --arch needs a number, 80 or 90"}; shift 2 ;;
    --minutes) minutes=${2?"gpu.sh: --minutes needs a number"}; shift 2 ;;
    *) echo "gpu.sh: unknown option '$1'; there are --part, --out, --arch and --minutes" >&2; exit 2 ;;
  esac
done
[ ${#parts[@]} -gt 0 ] || { echo "gpu.sh: which part? see the head of this file" >&2; exit 2; }
mkdir -p build "$(dirname "$out")"
scratch=build/gpu-work
mkdir -p "$scratch"
out=$(realpath "$out")

PATH=$PATH:/usr/local/cuda/bin
# cuBLASLt: CUDA's own, or that of Python's packages.
for folder in "$(dirname "$(command -v nvcc || echo /usr/local/cuda/bin/nvcc)")/../lib64" /usr/local/cuda/lib64 \
  "$(python3 -c 'import nvidia, glob; print(next(iter(glob.glob(list(nvidia.__path__)[0] + "/cu*/lib")), ""))' 2>/dev/null)"; do
  if compgen -G "$folder/libcublasLt.so.*" >/dev/null; then
    export LD_LIBRARY_PATH=$folder${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
    break
  fi
done

begun=$SECONDS
left() { awk "BEGIN {n = int(60 * $minutes) - ($SECONDS - $begun); print (n > 1 ? n : 1)}"; }
# note <kind> [key value]...: a line of JSON; a value that reads as a number is one.
note() {
  python3 - "$out" "$@" <<'P'
import json, sys
def value(text):
    try:
        return json.loads(text)
    except ValueError:
        return text
out, kind, *rest = sys.argv[1:]
with open(out, "a") as file:
    print(json.dumps(dict(kind=kind, **{k: value(v) for k, v in zip(rest[::2], rest[1::2])})), file=file)
P
}
# fault <what>: said, noted, and counted against the part.
fault() {
  echo "gpu.sh: $part: $*" >&2
  note fault part "$part" what "$*"
  faults=$((faults + 1))
}

# --- what is built ---------------------------------------------------------------------------------------------------
sources() {
  find CMakeLists.txt include cuda examples tests -type f \
    \( -name '*.[ch]pp' -o -name '*.cu*' -o -name '*.cmake' -o -name CMakeLists.txt \) -print0 |
    LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum | cut -c1-16
}
unpack() {
  [ build/gpu.tar.xz -nt build/gpu-unpacked ] || return 0
  tar -xJf build/gpu.tar.xz -C build && touch build/gpu-unpacked
}
configure() {
  local missing=() options=()
  for tool in nvcc cmake ninja c++; do command -v $tool >/dev/null || missing+=("$tool"); done
  for header in eigen3/Eigen/Core catch2/catch.hpp CLI/CLI.hpp; do
    [ -e "build/carried/include/$header" ] || [ -e "/usr/include/$header" ] || missing+=("the header $header")
  done
  if [ ${#missing[@]} -gt 0 ]; then
    fault "cannot build here: missing are $(printf '%s, ' "${missing[@]}" | sed 's/, $//') (--part pack, where they are, brings headers and programs along)"
    return 1
  fi
  if [ -z "$arch" ]; then
    arch=$(nvidia-smi --query-gpu=compute_cap --format=csv,noheader 2>/dev/null | head -1 | tr -d .)
    [ -n "$arch" ] || { fault "there is no GPU whose architecture could be asked; expected --arch, 80 or 90"; return 1; }
  fi
  # A cache that came from another folder is another's.
  if [ -e build/gpu/CMakeCache.txt ] && ! grep -qxF "CMAKE_HOME_DIRECTORY:INTERNAL=$PWD" build/gpu/CMakeCache.txt; then
    rm -r build/gpu/CMakeCache.txt build/gpu/CMakeFiles
  fi
  options+=(-DCMAKE_BUILD_TYPE=Release -DLORICA_THRUST=CUDA "-DCMAKE_CUDA_ARCHITECTURES=$arch-real" -DLORICA_TEXT=OFF -DLORICA_ONEDNN=OFF)
  options+=(-DLORICA_NATIVE=OFF -DLORICA_TESTS_DIR=tests) # what is built here may run elsewhere
  if [ -d build/carried ]; then options+=("-DCMAKE_PREFIX_PATH=$PWD/build/carried"); fi
  cmake -S . -B build/gpu -G Ninja "${options[@]}" >"$scratch/cmake.log" 2>&1 || {
    fault "cmake: $(grep -m1 -A2 'CMake Error' "$scratch/cmake.log" | tr '\n' ' ')"
    return 1
  }
}
declare -A program=([lorica_device_tests]=build/gpu/tests/device_tests [lorica_bench_compare_cuda]=build/gpu/tests/bench/compare_cuda
  [lorica_bench_kernels_cuda]=build/gpu/tests/bench/kernels_cuda [lorica_cli]=build/gpu/examples/lorica)
current() { [ -x "${program[$1]}" ] && [ "$(cat "${program[$1]}.from" 2>/dev/null)" = "$(sources)" ]; }
# ensure <target>...: builds those that are not there, or of other sources. Goes on past what does not compile.
ensure() {
  local target want=() start=$SECONDS good=0
  unpack
  for target in "$@"; do current "$target" || want+=("$target"); done
  [ ${#want[@]} -gt 0 ] || return 0
  configure || return 1
  touch "$scratch/begun"
  timeout "$(left)" cmake --build build/gpu --parallel "$(job_count)" --target "${want[@]}" -- -k 0 >"$scratch/build.log" 2>&1 || {
    fault "building ${want[*]}: $(grep -m1 -E 'error|FAILED|fatal' "$scratch/build.log" || tail -n 1 "$scratch/build.log") (after $((SECONDS - start)) s)"
    good=1
    grep -E 'error' "$scratch/build.log" | head -20 >&2
  }
  note build targets "${want[*]}" seconds $((SECONDS - start)) arch "$arch" jobs "$(job_count)" \
    slowest "$(awk 'NR > 1 {print int(($2 - $1) / 1000) " s " $4}' build/gpu/.ninja_log 2>/dev/null | sort -rn | head -5 | tr '\n' ';')"
  for target in "${want[@]}"; do
    # Of what failed in part, programs that were linked nevertheless are whole.
    if [ $good = 0 ] || [ "${program[$target]}" -nt "$scratch/begun" ]; then sources >"${program[$target]}.from"; fi
  done
  for target in "$@"; do current "$target" || return 1; done
}
device() {
  nvidia-smi --query-gpu=name,driver_version,memory.total --format=csv,noheader 2>/dev/null | head -1 | grep . ||
    { fault "there is no NVIDIA GPU"; return 1; }
}

# --- parts -----------------------------------------------------------------------------------------------------------
part_build() { ensure lorica_bench_compare_cuda lorica_bench_kernels_cuda lorica_device_tests lorica_cli; }

part_pack() {
  local target found=() path
  rm -rf build/carried
  for path in include/eigen3/Eigen include/catch2 include/CLI share/eigen3 share/cmake/CLI11 \
    lib/cmake/Catch2 lib/libCatch2WithMain.a; do
    mkdir -p "build/carried/$(dirname "$path")"
    cp -r "/usr/$path" "build/carried/$path" || { fault "there is no /usr/$path to take along"; return; }
  done
  for target in "${!program[@]}"; do
    [ -x "${program[$target]}" ] && [ -e "${program[$target]}.from" ] || continue
    strip "${program[$target]}"
    found+=("${program[$target]#build/}" "${program[$target]#build/}.from")
  done
  tar -cJf build/gpu.tar.xz -C build carried "${found[@]}" || return 1
  touch build/gpu-unpacked
  ls -l build/gpu.tar.xz
}

# one_test <tool or none> <folder> <seconds> <number> <name>: runs it, leaves what it said and how it ended.
one_test() {
  local tool=() escaped code
  if [ "$1" != none ]; then tool=(compute-sanitizer --tool "$1" --error-exitcode 99); fi
  escaped=$(printf '%s' "$5" | sed 's/[,\[]/\\&/g')
  timeout --foreground -k 5 "$3" "${tool[@]}" build/gpu/tests/device_tests "$escaped" >"$2/$4.log" 2>&1
  code=$?
  if grep -q 'No test cases matched' "$2/$4.log"; then code=98; fi # Catch2 v2 passes then
  echo "$code $5" >"$2/$4.rc"
}
export -f one_test
# each_test <tool> <jobs> <seconds in all> <seconds a test> <what tests>: the tests side by side, and what became of them.
each_test() {
  local folder=$scratch/tests-$1 start=$SECONDS good bad slow all
  rm -rf "$folder"
  mkdir -p "$folder"
  build/gpu/tests/device_tests --list-test-names-only "$5" >"$folder/names" || true # its exit code counts the names
  all=$(grep -c . "$folder/names")
  [ "$all" -gt 0 ] || { fault "$1: no test is listed of $5"; return; }
  grep . "$folder/names" | awk '{printf "%d%c%s%c", NR, 0, $0, 0}' |
    timeout "$3" xargs -r -0 -n 2 -P "$2" bash -c 'one_test "$0" "$1" "$2" "$3" "$4"' "$1" "$folder" "$4" || true
  good=$(cat "$folder"/*.rc 2>/dev/null | grep -c '^0 ')
  slow=$(cat "$folder"/*.rc 2>/dev/null | grep -cE '^(124|137) ')
  bad=$(cat "$folder"/*.rc 2>/dev/null | grep -vcE '^(0|124|137) ')
  note tests part "$part" tool "$1" tests "$all" passed "$good" failed "$bad" stopped "$slow" \
    not_reached $((all - good - bad - slow)) seconds $((SECONDS - start))
  echo "$part, $1: $good of $all pass, $bad fail, $slow were stopped after $4 s, $((all - good - bad - slow)) were not reached"
  [ $((good + bad + slow)) = "$all" ] || fault "$1: $((all - good - bad - slow)) tests were not reached in time"
  local fine='^0 '
  [ "$1" = none ] || fine='^(0|124|137) ' # a tool makes tests slow: what was stopped is no fault
  for rc in "$folder"/*.rc; do
    [ -e "$rc" ] && ! grep -qE "$fine" "$rc" || continue
    note test part "$part" tool "$1" name "$(cut -d' ' -f2- "$rc")" code "$(cut -d' ' -f1 "$rc")" \
      said "$(grep -vE '^(=+|~+|-+|\.+)?$' "${rc%.rc}.log" | head -40 | cut -c1-400)"
    faults=$((faults + 1))
  done
}
part_tests() {
  device && ensure lorica_device_tests || return
  each_test none 6 "$(left)" 120 "*"
  grep -h -m1 -E 'FAILED|error|Error|CUDA' "$scratch"/tests-none/*.log 2>/dev/null | sort | uniq -c | sort -rn | head -20
  return 0
}
part_sanitizer() {
  device && ensure lorica_device_tests || return
  command -v compute-sanitizer >/dev/null || { fault "there is no compute-sanitizer"; return; }
  each_test racecheck 4 $(($(left) * 2 / 5)) 100 "[kernel]"
  each_test synccheck 4 $(($(left) / 4)) 100 "[kernel]"
  each_test memcheck 6 "$(left)" 100 "[gpu],[core],[autograd]"
  grep -h -m1 '^========= [A-Z]' "$scratch"/tests-{racecheck,synccheck,memcheck}/*.log 2>/dev/null | grep -v 'COMPUTE-SANITIZER\|ERROR SUMMARY: 0' |
    sort | uniq -c | sort -rn | head -20
  return 0
}

part_step() {
  device && ensure lorica_bench_kernels_cuda || return
  timeout "$(left)" build/gpu/tests/bench/kernels_cuda >"$scratch/kernels.jsonl" || fault "kernels_cuda ended with $?"
  cat "$scratch/kernels.jsonl" >>"$out"
  python3 - "$scratch/kernels.jsonl" <<'P'
import json, sys
for line in open(sys.argv[1]):
    r = json.loads(line)
    rate = next((f"{v / 1e12:9.2f} T{k.replace(' a second', '')}/s" for k, v in r.items() if k.endswith(" a second")), "")
    print(f"{r['ms']:10.4f} ms {rate:20} {r['what']}" if r["kind"] == "kernel" else f"failed: {r['what']}: {r['why']}")
P
}

race() { # model
  device && ensure lorica_bench_compare_cuda || return
  python3 -c 'import torch, transformers, peft' 2>"$scratch/python.log" ||
    { fault "no PyTorch to race against: $(tail -1 "$scratch/python.log")"; return; }
  local ends
  ends=$(left)
  timeout -k 30 "$ends" python3 tests/bench/compare_peft.py --device cuda --precision bf16 --rank 16 --length 512 \
    --sequences 8 --sequences 1 --sequences 32 --compiled lora:8 --threads 8 --rounds 5 --model "$1" --append --out "$out" \
    --minutes "$(awk "BEGIN {print ($ends - 75) / 60}")" --work "$scratch/race-$1" || fault "race of $1: exit $?, see the notes above"
  rm -rf "$scratch/race-$1/$1" # gigabytes of drawn weights
}
part_race-gpt2() { race gpt2; }
part_race-bert() { race bert; }
part_race-llama() { race llama; }
part_table() { python3 tests/bench/compare_peft.py --table "$out"; }

part_quickstart() {
  device && ensure lorica_cli || return
  local method where text=(include/lorica cuda/lorica) learned bits cpu
  learned=$scratch/learned
  rm -rf "$learned"
  mkdir -p "$learned"
  for method in lora adalora domlora dora; do
    cpu=
    for where in "cpu fp32" "cuda fp32" "cuda bf16"; do
      # shellcheck disable=SC2086
      set -- $where
      timeout "$(left)" build/gpu/examples/lorica finetune --model examples/data/tiny --data "${text[@]}" \
        --heldout examples/data/heldout.txt --method $method --steps 100 --device "$1" --precision "$2" \
        --out "$learned/$method-$1-$2" >"$learned/$method-$1-$2.log" 2>&1 || { fault "$method on $where: $(tail -1 "$learned/$method-$1-$2.log")"; continue; }
      bits=$(grep -o 'after: bits per byte [0-9.]*' "$learned/$method-$1-$2.log" | grep -o '[0-9.]*$')
      cpu=${cpu:-$bits}
      note quickstart method $method device "$1" precision "$2" bits "$bits" said \
        "$(grep -E 'tokens/s|at its peak' "$learned/$method-$1-$2.log" | tr '\n' ';')"
      echo "$method, $where: $bits bits per byte; $(grep -E 'tokens/s' "$learned/$method-$1-$2.log")"
      awk "BEGIN {d = ($bits - $cpu) / $cpu; exit !(d < 0.01 && d > -0.01)}" ||
        fault "$method on $where: $bits bits per byte, on the CPU $cpu"
    done
  done
}

failed=0
for part in "${parts[@]}"; do
  if ! declare -F "part_$part" >/dev/null; then
    echo "gpu.sh: there is no part '$part'; there are $(declare -F | sed -n 's/^declare -f part_//p' | tr '\n' ' ')" >&2
    exit 2
  fi
  echo "== $part"
  faults=0 begun=$SECONDS
  "part_$part" || [ $faults -gt 0 ] || faults=1
  note part part "$part" seconds $((SECONDS - begun)) faults $faults device "$(nvidia-smi --query-gpu=name --format=csv,noheader 2>/dev/null | head -1)"
  echo "== $part: $((SECONDS - begun)) s, $faults faults"
  [ $faults = 0 ] || failed=$((failed + 1))
done
exit $failed
