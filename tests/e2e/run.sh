#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Sluice between real clients (ethers, viem, web3.js, curl, wrk, Prometheus) and real nodes (anvil).
#   tests/e2e/run.sh [--allow-offline] [NAME…]     NAME is a part of a test file's name
# SLUICE_BIN names the program under test; else it is build/release/sluice or build/debug/sluice.
# A line for each failure, then "N passed, N failed, N skipped"; exit code 1 if one failed.
# --allow-offline: where the npm registry cannot be reached and nothing is installed, skip it all.
set -uo pipefail
cd "$(dirname "$0")"

allow_offline=""
names=()
for argument in "$@"; do
  case $argument in
    --allow-offline) allow_offline=yes ;;
    --*) sed -n '3,8p' "$0" >&2; exit 2 ;;
    *) names+=("$argument") ;;
  esac
done

finish_early() {
  echo "$1"
  echo "$2"
  exit "$3"
}

[ -z "${SLUICE_BIN:-}" ] || SLUICE_BIN=$(cd "$OLDPWD" && realpath "$SLUICE_BIN") || exit 2
export SLUICE_BIN

# What is installed is that of this lock file?
stamp=node_modules/.lock-installed
if ! cmp -s package-lock.json "$stamp"; then
  if log=$(npm ci --ignore-scripts --no-audit --no-fund --loglevel=error 2>&1); then
    cp package-lock.json "$stamp"
  elif [ -n "$allow_offline" ] && grep -qE 'ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH|EHOSTUNREACH|ERR_SOCKET_TIMEOUT' <<<"$log"; then
    finish_early "SKIP everything: the npm registry cannot be reached" "0 passed, 0 failed, 1 skipped" 0
  else
    finish_early "FAIL npm ci: $log" "0 passed, 1 failed, 0 skipped" 1
  fi
fi

options=(--test --test-reporter=./support/reporter.js --test-reporter-destination=stdout)
# Old enough to lack it, it is slower by nothing but the machine's load.
[[ $(node --help) == *--test-concurrency* ]] && options+=(--test-concurrency=1)
files=()
for file in clients/*_test.js *_test.js; do
  [ -e "$file" ] || continue
  [ ${#names[@]} = 0 ] && files+=("$file")
  for name in ${names[@]+"${names[@]}"}; do
    [[ $file == *"$name"* ]] && files+=("$file")
  done
done
[ ${#files[@]} != 0 ] || finish_early "no test file is named so" "0 passed, 0 failed, 0 skipped" 2

# What hangs is ended, with all that it started.
exec timeout --kill-after=10 900 node "${options[@]}" "${files[@]}"
