#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What is shipped around the binary: the unit's hardening, the compose stack's configuration, the image.
#   tests/packaging/run.sh [--image]     --image builds and runs the image too, see image.sh (root; slow)
# Ends with "N passed, N failed, N skipped".
set -uo pipefail
cd "$(dirname "$0")/../.."
sluice=${SLUICE_BIN:-build/release/sluice}
passed=0 failed=0 skipped=0

check() {
  local name=$1 output
  shift
  if output=$("$@" 2>&1); then
    passed=$((passed + 1))
  else
    failed=$((failed + 1))
    printf 'FAILED %s: %s\n%s\n' "$name" "$*" "$output"
  fi
}

unit_exposure() { systemd-analyze security --offline=true --threshold=15 deploy/systemd/sluice.service; }
unit_verifies() {
  local directory
  directory=$(mktemp -d)
  sed "s#/usr/bin/sluice#$PWD/$sluice#" deploy/systemd/sluice.service >"$directory/sluice.service"
  systemd-analyze verify --man=no "$directory/sluice.service"
}
hardened() {
  # PIE, full RELRO, no executable stack, stack protector, fortified calls.
  local all
  all=$(readelf -hldsW "$sluice" 2>/dev/null)
  grep -qE 'Type: +DYN' <<<"$all" && grep -q 'GNU_RELRO' <<<"$all" && grep -q 'BIND_NOW' <<<"$all" &&
    grep 'GNU_STACK' <<<"$all" | grep -qv 'RWE' && grep -q '__stack_chk_fail' <<<"$all" &&
    grep -q '__memcpy_chk' <<<"$all"
}

for file in config/*.yaml docker/sluice.yaml; do check "check $file" "$sluice" check -c "$file"; done
check "hardening of the binary" hardened
if command -v systemd-analyze >/dev/null; then
  check "exposure of the unit at most 1.5" unit_exposure
  check "the unit is valid" unit_verifies
else
  echo "skipped: systemd-analyze is not installed"
  skipped=$((skipped + 2))
fi
if command -v promtool >/dev/null; then
  check "Prometheus takes its file" promtool check config docker/prometheus.yml
else
  echo "skipped: promtool is not installed"
  skipped=$((skipped + 1))
fi
if [ "${1:-}" = --image ]; then check "image builds and runs" tests/packaging/image.sh; fi
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ]
