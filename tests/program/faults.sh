# SPDX-License-Identifier: MIT
# What the tests of programs share: an empty folder to work in, and faults that are counted. Sourced with the
# scratch folder.
scratch=$1
source=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
rm -rf "$scratch"
mkdir -p "$scratch"
cd "$scratch"
faults=0

fault() { echo "FAULT: $*"; faults=$((faults + 1)); }
same() { [ "$2" = "$3" ] || fault "$1: '$2' is not '$3'"; }
# The last line.
verdict() {
  [ $faults = 0 ] || { echo "$faults faults"; exit 1; }
  echo "$1"
}
