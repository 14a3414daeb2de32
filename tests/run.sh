#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Installs what the tests need, builds, runs every suite and ends with "N passed, N failed, N skipped".
#   tests/run.sh                release build: layering, unit, simulation, integration and end-to-end suites
#   tests/run.sh --ci           and ASan+UBSan, TSan, short fuzzing, instructions per call: what every change must pass
#   tests/run.sh --full         and the long forms of all suites and of fuzzing, clang, full benchmarks
#   tests/run.sh --only NAME…   only these stages: layering release unit sim integration e2e packaging asan tsan fuzz instructions
#                               clang debian12 debian13 bench
# Exits 1 if anything failed. Logs of each stage stay in build/logs/.
set -uo pipefail
cd "$(dirname "$0")/.."
. deploy/packages.sh

stages="layering release unit sim integration e2e packaging"
full=""
case "${1:-}" in
  --ci) stages="layering release unit sim integration e2e packaging instructions asan tsan fuzz" ;;
  --full) stages="layering release unit sim integration e2e packaging instructions asan tsan fuzz clang bench"; full="--full" ;;
  --only) shift; stages="$*" ;;
  "") ;;
  *) sed -n '3,10p' "$0" >&2; exit 2 ;;
esac

passed=0 failed=0 skipped=0
logs=build/logs
mkdir -p "$logs"
started=$SECONDS

say() { printf '== %s (at %d s)\n' "$*" "$((SECONDS - started))"; }
count() { passed=$((passed + $1)); failed=$((failed + $2)); skipped=$((skipped + $3)); }

# suite NAME COMMAND…: runs it, shows its end, adds up its last "N passed, N failed, N skipped".
suite() {
  local name=$1 log="$logs/$1.log" line status
  shift
  "$@" >"$log" 2>&1
  status=$?
  line=$(grep -E '^[0-9]+ passed, [0-9]+ failed' "$log" | tail -1)
  if [ -z "$line" ]; then
    line="0 passed, 1 failed, 0 skipped"
    [ $status = 0 ] && line="1 passed, 0 failed, 0 skipped"
  fi
  local p f s
  p=$(sed -E 's/^([0-9]+) passed.*/\1/' <<<"$line")
  f=$(sed -E 's/.* ([0-9]+) failed.*/\1/' <<<"$line")
  s=$(sed -nE 's/.* ([0-9]+) skipped.*/\1/p' <<<"$line")
  [ $status != 0 ] && [ "$f" = 0 ] && f=1
  count "$p" "$f" "${s:-0}"
  if [ "$f" != 0 ] || [ $status != 0 ]; then
    tail -40 "$log"
    say "FAILED $name: see $log"
  else
    say "$name: $p passed"
  fi
}

# What to build: all, unless `targets` says less.
configure_and_build() {
  local directory=$1
  shift
  # The quickstart leaves a tree of the same name without tests.
  cmake -S . -B "$directory" -G Ninja -DCMAKE_CXX_COMPILER_LAUNCHER=ccache -DSLUICE_TESTS=ON "$@" >"$logs/configure.log" 2>&1 ||
    { tail -30 "$logs/configure.log"; return 1; }
  # shellcheck disable=SC2086
  cmake --build "$directory" ${targets:+--target $targets} >"$logs/build-$(basename "$directory").log" 2>&1 ||
    { grep -E 'error|FAILED' -A5 "$logs/build-$(basename "$directory").log" | head -60; return 1; }
}

build_stage() {
  local name=$1
  shift
  if configure_and_build "build/$name" "$@"; then
    count 1 0 0
    say "built $name"
  else
    count 0 1 0
    say "FAILED to build $name"
    return 1
  fi
}

# unit_tests DIRECTORY: every Catch2 executable there, one count per test case.
unit_tests() {
  local directory=$1 program log report ok bad found=""
  for program in "$directory"/src/*/unit_*; do
    [ -x "$program" ] || continue
    found=yes
    log="$logs/$(basename "$directory")-$(basename "$program").log"
    if "$program" >"$log" 2>&1; then
      report=$(tail -3 "$log" | grep -oE 'in [0-9]+ test case' | grep -oE '[0-9]+')
      count "${report:-1}" 0 0
    else
      bad=$(sed -nE 's/^test cases:.* ([0-9]+) failed.*/\1/p' "$log")
      ok=$(sed -nE 's/^test cases:.*\| +([0-9]+) passed.*/\1/p' "$log")
      count "${ok:-0}" "${bad:-1}" 0
      tail -60 "$log"
      say "FAILED $program: see $log"
    fi
  done
  [ -n "$found" ] || { count 0 1 0; say "FAILED: $directory has no unit tests"; }
  say "unit tests of $directory done"
}

integration_tests() { suite "integration-$1" env SLUICE_BIN="$PWD/build/$1/sluice" python3 tests/integration/run.py --again $full; grep -h "^UNSTEADY" "$logs/integration-$1.log" | cut -c1-200; }

fuzz_all() {
  local seconds=$1 target name work dictionary
  targets=fuzzers build_stage fuzz -DCMAKE_BUILD_TYPE=RelWithDebInfo -DCMAKE_CXX_COMPILER=clang++-19 -DSLUICE_FUZZ=ON -DSLUICE_TESTS=OFF || return
  for target in build/fuzz/tests/fuzz/*_fuzz; do
    name=$(basename "$target" _fuzz)
    work=$(mktemp -d)
    dictionary="tests/fuzz/$name.dict"
    [ -f "$dictionary" ] || dictionary=""
    suite "fuzz-$name" "$target" "$work" "tests/fuzz/corpus/$name" -max_total_time="$seconds" -timeout=20 \
      -rss_limit_mb=4096 -print_final_stats=1 -artifact_prefix="$logs/fuzz-$name-" ${dictionary:+-dict="$dictionary"}
    rm -rf "$work"
  done
}

say "stages: $stages"
update_lists
packages="$build_packages $test_packages"
case " $stages " in *" fuzz "* | *" clang "*) packages="$packages clang-19 lld-19 libclang-rt-19-dev llvm-19" ;; esac
case " $stages " in *" debian1"*) packages="$packages debootstrap" ;; esac
case "$full $stages " in "--full "*" packaging "*) packages="$packages debootstrap buildah" ;; esac
# shellcheck disable=SC2086
install_packages $packages "$(boost_package)" || { echo "could not install packages"; echo "0 passed, 1 failed, 0 skipped"; exit 1; }

run_stage() {
  case $1 in
    layering)
      suite layering python3 tests/layering/check.py
      suite layering-itself python3 tests/layering/check_test.py ;;
    release) build_stage release -DCMAKE_BUILD_TYPE=Release -DCMAKE_INTERPROCEDURAL_OPTIMIZATION=ON -DSLUICE_BENCH=ON ;;
    unit) unit_tests build/release ;;
    sim)
      suite sim tests/sim/run.sh $full
      suite ranking-itself env SLUICE_BIN="$PWD/build/release/sluice" python3 tests/sim/real/ranking_test.py
      suite ranking env SLUICE_BIN="$PWD/build/release/sluice" python3 tests/sim/real/ranking.py $full ;;
    integration) integration_tests release ;;
    e2e) suite e2e env SLUICE_BIN="$PWD/build/release/sluice" tests/e2e/run.sh ;;
    asan)
      build_stage asan-ubsan -DCMAKE_BUILD_TYPE=RelWithDebInfo -DSLUICE_SANITIZE=address,undefined || return
      unit_tests build/asan-ubsan
      integration_tests asan-ubsan ;;
    tsan)
      build_stage tsan -DCMAKE_BUILD_TYPE=RelWithDebInfo -DSLUICE_SANITIZE=thread || return
      unit_tests build/tsan
      integration_tests tsan ;;
    fuzz) fuzz_all "${SLUICE_FUZZ_SECONDS:-$([ -n "$full" ] && echo 600 || echo 10)}" ;;
    packaging) suite packaging env SLUICE_BIN="build/release/sluice" tests/packaging/run.sh $([ -n "$full" ] && echo --image) ;;
    instructions) suite instructions env SLUICE_BIN="$PWD/build/release/sluice" tests/bench/instructions.sh --check ;;
    clang)
      build_stage clang -DCMAKE_BUILD_TYPE=Release -DCMAKE_CXX_COMPILER=clang++-19 || return
      unit_tests build/clang
      integration_tests clang ;;
    debian13) suite debian13 tests/packaging/debian_root.sh trixie ;;
    debian12) suite debian12 tests/packaging/debian_root.sh bookworm ;;
    bench) suite bench env SLUICE_BIN="$PWD/build/release/sluice" tests/bench/run.sh ;;
    *) echo "unknown stage $1"; count 0 1 0 ;;
  esac
}

times=""
for stage in $stages; do
  began=$SECONDS
  run_stage "$stage"
  times="$times $stage=$((SECONDS - began))"
  say "stage $stage took $((SECONDS - began)) s"
done

say "seconds of each stage:$times"
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ]
