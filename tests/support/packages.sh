# SPDX-License-Identifier: MIT
# Sourced by tests/run.sh, examples/quickstart.sh and .ci/run: the Debian packages they need, and how many jobs fit.

# need <package>...: installs through apt what is missing; asks apt for nothing when all is there.
need() {
  local package missing=() sudo=()
  for package in "$@"; do
    dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed && continue
    # A compiler or tool that was installed in another way serves as well.
    case $package in
      ninja-build) command -v ninja >/dev/null && continue ;;
      clang) command -v clang++ >/dev/null && continue ;;
      g++ | cmake | ccache) command -v "$package" >/dev/null && continue ;;
    esac
    missing+=("$package")
  done
  [ ${#missing[@]} -eq 0 ] && return 0
  if [ "$(id -u)" -ne 0 ]; then sudo=(sudo); fi
  if ! command -v apt-get >/dev/null; then
    echo "lorica: there is no apt here, so these are yours to provide (Debian's names): ${missing[*]}" >&2
    return 0 # CMake names what it cannot find
  fi
  if [ ${#sudo[@]} -gt 0 ] && ! command -v sudo >/dev/null; then
    echo "lorica: packages are missing and this is neither root nor has it sudo; run as root: apt-get install ${missing[*]}" >&2
    return 1
  fi
  echo "lorica: installing ${missing[*]}"
  "${sudo[@]}" apt-get update -qq || true # an old list may still do
  if ! "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
    "${missing[@]}" >/dev/null; then
    echo "lorica: apt could not install what is missing: ${missing[*]}" >&2
    return 1
  fi
}

# job_count: as many compilers at once as there are processors, and 2 GB of memory for each.
job_count() {
  local processors memory
  processors=$(nproc)
  memory=$(awk '/^MemAvailable:/ {print int($2 / 2000000)}' /proc/meminfo 2>/dev/null || true)
  if [ -n "$memory" ] && [ "$memory" -lt "$processors" ]; then processors=$memory; fi
  if [ "$processors" -lt 1 ]; then processors=1; fi
  echo "$processors"
}
