#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Builds the image of Dockerfile with buildah, on a base made by debootstrap, where no registry of images is needed:
#   tests/packaging/image.sh
# Runs it, asks it a call, runs its own health check, stops it. Needs root, debootstrap and buildah; slow.
# All of it lies in build/roots/ and is removed afterwards, but for cached packages. Ends with "N passed, N failed, N skipped".
set -euo pipefail
cd "$(dirname "$0")/../.."
roots=$PWD/build/roots
log=$roots/image.log
mkdir -p "$roots/cache-bookworm/debootstrap"
: >"$log"

b() { buildah --storage-driver vfs --root "$roots/storage" --runroot "$roots/storage-run" "$@"; }
passed=0 client=""
cleanup() {
  [ -z "$client" ] || kill -KILL "$client" 2>/dev/null || true
  b rm --all >/dev/null 2>&1 || true
  rm -rf --one-file-system "$roots/storage" "$roots/storage-run" "$roots/image-base"
}
trap cleanup EXIT
# step NAME COMMAND…: shows the log's end and gives up where it fails.
step() {
  local began=$SECONDS
  if "${@:2}" >>"$log" 2>&1; then
    passed=$((passed + 1))
    echo "image: $1 ($((SECONDS - began)) s)"
  else
    tail -30 "$log"
    echo "FAILED image: $1: see $log"
    echo "$passed passed, 1 failed, 0 skipped"
    exit 1
  fi
}

base() {
  local container
  debootstrap --variant=minbase --cache-dir="$roots/cache-bookworm/debootstrap" bookworm "$roots/image-base" \
    ${DEBIAN_MIRROR:+"$DEBIAN_MIRROR"} || return
  # Without an existing base image there is nothing to pull.
  container=$(b from scratch) && b copy -q "$container" "$roots/image-base" / &&
    b commit -q "$container" sluice-base && b rm "$container"
}
# The health check is kept by Docker's format alone.
build() { b bud --format docker --isolation chroot --network host --build-arg BASE=localhost/sluice-base -t sluice .; }
described() {
  local about
  about=$(b inspect --type image localhost/sluice)
  jq -e '.Docker.config | .User == "65532:65532" and .Healthcheck.Test == ["CMD", "/usr/bin/sluice", "healthcheck"]
    and .Entrypoint == ["/usr/bin/sluice"]' <<<"$about"
}
container=""
in_image() { b run --isolation chroot "$container" -- "$@"; }
lean() {
  container=$(b from localhost/sluice) &&
    # What builds must not be in what runs.
    in_image /bin/sh -c 'test "$(id -u)" = 65532 && ! command -v g++ && ! command -v cmake && test ! -e /src' &&
    in_image /usr/bin/sluice version &&
    in_image /usr/bin/sluice check -c /etc/sluice/sluice.yaml
}
runs() {
  local out=$roots/image.out ready listen admin process
  in_image /usr/bin/sluice demo --listen 127.0.0.1:0 --admin-listen 127.0.0.1:0 >"$out" &
  client=$!
  until ready=$(grep '"event":"ready"' "$out"); do kill -0 "$client" || return; sleep 0.1; done
  listen=$(jq -r '.listen[0]' <<<"$ready") admin=$(jq -r .admin <<<"$ready")
  curl -fsS "http://$listen" -H 'content-type: application/json' \
    -d '{"jsonrpc":"2.0","id":1,"method":"eth_blockNumber","params":[]}' | grep '"result":"0x' || return
  in_image /usr/bin/sluice healthcheck --admin "$admin" || return
  # The program itself is a descendant of buildah, which passes no signal on.
  process=$client
  while [ "$(cat "/proc/$process/comm")" != sluice ]; do
    process=$(pgrep -P "$process" | head -1) && [ -n "$process" ] || return
  done
  grep -P '^Uid:\t65532\t' "/proc/$process/status" || return
  kill -TERM "$process"
  wait "$client" || return
  client=""
  # Nobody is there any more.
  ! in_image /usr/bin/sluice healthcheck --admin "$admin"
}

step "base made" base
step "built" build
step "is described" described
step "is lean" lean
step "answers and stops" runs
echo "size: $(b images --format '{{.Name}} {{.Size}}' | tr '\n' ' ')"
echo "$passed passed, 0 failed, 0 skipped"
