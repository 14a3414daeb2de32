#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Measures Sluice beside HAProxy, nginx and the direct path, and writes RESULTS.md.
#   tests/bench/run.sh [--short] [--only SECTION]... [--results FILE]
# SLUICE_BIN: the binary (default: build/release/sluice). Exit code 1: a bar was missed. Wants a machine
# that does nothing else; where that cannot be had, `chrt -r 5 tests/bench/run.sh` keeps others away.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
export SLUICE_BENCH_PROGRAMS="${SLUICE_BENCH_PROGRAMS:-$root/build/bench}"
cmake -S "$here" -B "$SLUICE_BENCH_PROGRAMS" -G Ninja -DCMAKE_BUILD_TYPE=Release >/dev/null
said=$(cmake --build "$SLUICE_BENCH_PROGRAMS" 2>&1) || { echo "$said" >&2; exit 3; }
# The harness is a module of this directory; paths that were given are of the caller's.
export SLUICE_BENCH_CALLER="$PWD"
cd "$here"
exec python3 -m harness.main "$@"
