#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Counts the user-space instructions of one proxied call under callgrind.
#   tests/bench/instructions.sh [--check] [--update] [--haproxy] [--shape SHAPE]... [--keep DIR]
# --check fails when a call costs 10 % more than instructions.txt says for the compiler of the binary (and
# says so when it has nothing for that compiler). SLUICE_BIN: the binary
# (default: build/release/sluice).
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
export SLUICE_BENCH_PROGRAMS="${SLUICE_BENCH_PROGRAMS:-$root/build/bench}"
cmake -S "$here" -B "$SLUICE_BENCH_PROGRAMS" -G Ninja -DCMAKE_BUILD_TYPE=Release >/dev/null
said=$(cmake --build "$SLUICE_BENCH_PROGRAMS" 2>&1) || { echo "$said" >&2; exit 3; }
cd "$here"
exec python3 -m harness.instructions "$@"
