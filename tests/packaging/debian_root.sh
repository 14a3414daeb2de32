#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Builds and tries Sluice in a bare Debian root made by debootstrap, with nothing of the host's in it:
#   tests/packaging/debian_root.sh bookworm|trixie [--tests]
# Runs deploy/quickstart.sh there as a new user would, asks it one call, stops it; with --tests runs tests/run.sh too.
# Needs root and debootstrap. The root lies in build/roots/ and is removed afterwards, but for its package cache.
set -euo pipefail
cd "$(dirname "$0")/../.."
release=${1:-bookworm}
root=$PWD/build/roots/$release
cache=$PWD/build/roots/cache-$release
mkdir -p "$cache" build/roots
mirror=${DEBIAN_MIRROR:-$(sed -nE 's/^deb (\[[^]]*\] )?([^ ]+debian\/?) .*/\2/p; s/^URIs: +([^ ]+debian\/?)$/\1/p' /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null | head -1)}

unmount() { for point in proc dev/pts dev; do mountpoint -q "$root/$point" && umount -l "$root/$point"; done; true; }
cleanup() { unmount; rm -rf --one-file-system "$root"; }
trap cleanup EXIT
cleanup

debootstrap --variant=minbase --cache-dir="$cache" "$release" "$root" ${mirror:+"$mirror"} >build/roots/debootstrap.log
cp /etc/resolv.conf "$root/etc/resolv.conf"
# The host's way to the package registry, whatever it is.
cp -r /etc/apt/apt.conf.d/. "$root/etc/apt/apt.conf.d/" 2>/dev/null || true
for point in proc dev dev/pts; do mount --bind "/$point" "$root/$point"; done
git clone -q . "$root/sluice"
in_root() { env -i HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin ${CI:+CI=$CI} $(env | grep -i '_proxy=' || true) chroot "$root" bash -c "$1"; }

in_root 'cd /sluice && SLUICE_BUILD_ONLY=1 deploy/quickstart.sh' >build/roots/build.log 2>&1 || { tail -30 build/roots/build.log; echo "0 passed, 1 failed, 0 skipped"; exit 1; }
in_root '
  set -e
  cd /sluice
  SLUICE_LISTEN=127.0.0.1:0 SLUICE_ADMIN=127.0.0.1:0 deploy/quickstart.sh >/tmp/out 2>/tmp/log &
  pid=$!
  for i in $(seq 600); do grep -q "^  curl" /tmp/out && break; read -rt 0.1 <> <(:) || true; done
  url=$(sed -n "s/^  curl -s \([^ ]*\) .*/\1/p" /tmp/out)
  host=${url#http://}
  exec 3<>"/dev/tcp/${host%:*}/${host##*:}"
  body="{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"eth_blockNumber\",\"params\":[]}"
  printf "POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: ${#body}\r\n\r\n$body" >&3
  grep -q "\"result\":\"0x" <&3
  kill -TERM $pid
  wait $pid
'
echo "quickstart works in $release"
count=1
if [ "${2:-}" = --tests ]; then
  in_root 'cd /sluice && tests/run.sh' | tee build/roots/tests.log | tail -20
  tail -1 build/roots/tests.log | grep -q ' 0 failed'
  count=2
fi
echo "$count passed, 0 failed, 0 skipped"
