#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What is shipped around the binary: the unit's hardening, the compose stack's configuration, the image.
#   tests/packaging/run.sh [--image]     --image builds and runs the image with buildah on a debootstrapped base (root; slow)
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
image() {
  local base=build/roots/image-base log=build/roots/image.log
  mkdir -p build/roots
  [ -d "$base" ] || debootstrap --variant=minbase bookworm "$base" >"$log" 2>&1 || return 1
  local options="--storage-driver vfs --root $PWD/build/roots/storage --runroot $PWD/build/roots/run"
  local container
  container=$(buildah $options from scratch) || return 1
  buildah $options copy "$container" "$base" / >>"$log" 2>&1 && buildah $options commit "$container" sluice-base >>"$log" 2>&1 || return 1
  buildah $options bud --isolation chroot --network host --build-arg BASE=localhost/sluice-base -t sluice . >>"$log" 2>&1 || { tail -20 "$log"; return 1; }
  container=$(buildah $options from localhost/sluice)
  buildah $options run --isolation chroot "$container" -- /usr/bin/sluice version &&
    buildah $options run --isolation chroot "$container" -- /usr/bin/sluice check http://127.0.0.1:8545
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
if [ "${1:-}" = --image ]; then check "image builds and runs" image; fi
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ]
