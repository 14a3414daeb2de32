#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Builds and tries Sluice in a bare Debian root made by debootstrap, with nothing of the host's in it:
#   tests/packaging/debian_root.sh bookworm|trixie [--keep] [--tests [ARGUMENT…]]
# Runs deploy/quickstart.sh there as a new user would, before its own chain and before a URL, and asks it one call;
# with --tests runs tests/run.sh there too, with those arguments, and boots the unit (unit_boot.sh). What is committed is what is tried.
# --keep leaves the root in build/roots/, and goes on in it if it is there. Packages stay cached in either case.
# Needs root and debootstrap. Ends with "N passed, N failed, N skipped".
set -euo pipefail
cd "$(dirname "$0")/../.."
release=${1:?a release of Debian}
shift
keep="" tests=""
[ "${1:-}" = --keep ] && { keep=yes; shift; }
[ "${1:-}" = --tests ] && { tests=yes; shift; }
roots=$PWD/build/roots
root=$roots/$release
cache=$roots/cache-$release
mkdir -p "$cache/debootstrap" "$cache/apt/partial"
mirror=${DEBIAN_MIRROR:-$(sed -nE 's/^deb (\[[^]]*\] )?([^ ]+debian\/?) .*/\2/p; s/^URIs: +([^ ]+debian\/?)$/\1/p' \
  /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null | head -1 || true)}

cleanup() { [ -n "$keep" ] || rm -rf --one-file-system "$root"; }
trap cleanup EXIT

# in_root COMMAND: in namespaces of its own, so that neither a mount nor a process outlives it, however it ends.
in_root() {
  # shellcheck disable=SC2016,SC2046
  env -i HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin ${CI:+CI="$CI"} \
    ${NODE_EXTRA_CA_CERTS:+NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt} $(env | grep -i '_proxy=' || true) \
    unshare --mount --pid --fork --kill-child --propagation private bash -ec '
      mount -t proc proc "$1/proc"
      mount --rbind /dev "$1/dev"
      mount --bind "$2" "$1/var/cache/apt/archives"
      exec chroot "$1" bash -c "$3"' - "$root" "$cache/apt" "$1"
}

passed=0
finish() {
  echo "$passed passed, $1 failed, 0 skipped"
  exit "$1"
}
# step NAME COMMAND: in the root; its log stays in build/roots/.
step() {
  local log=$roots/$release-$1.log began=$SECONDS
  if in_root "$2" >"$log" 2>&1; then
    passed=$((passed + 1))
    echo "$release: $1 works ($((SECONDS - began)) s)"
  else
    tail -40 "$log"
    echo "FAILED $release: $1: see $log"
    finish 1
  fi
}

if [ -z "$keep" ] || [ ! -d "$root/sluice" ]; then
  rm -rf --one-file-system "$root"
  debootstrap --variant=minbase --cache-dir="$cache/debootstrap" "$release" "$root" ${mirror:+"$mirror"} \
    >"$roots/$release-debootstrap.log" 2>&1 || { tail "$roots/$release-debootstrap.log"; finish 1; }
  git clone -q . "$root/sluice"
else
  git -C "$root/sluice" fetch -q "$PWD" HEAD && git -C "$root/sluice" reset -q --hard FETCH_HEAD
fi
cp /etc/resolv.conf "$root/etc/resolv.conf"
# An installer writes these names, debootstrap does not.
printf '127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n' >"$root/etc/hosts"
# The host's way to the package registries, whatever it is; but what is downloaded is kept.
cp -r /etc/apt/apt.conf.d/. "$root/etc/apt/apt.conf.d/" 2>/dev/null || true
mkdir -p "$root/usr/local/share/ca-certificates"
cp /usr/local/share/ca-certificates/*.crt "$root/usr/local/share/ca-certificates/" 2>/dev/null || true
rm -f "$root/etc/apt/apt.conf.d/docker-clean"

# Sourced in the root. start: the quickstart, before the URLs; ask: the line it printed, run as it is printed.
cat >"$root/root/quickstart_helpers.sh" <<'EOF'
export SLUICE_LISTEN=127.0.0.1:0 SLUICE_ADMIN=127.0.0.1:0
start() { # NAME URL…
  local out=/root/$1.out
  : >"$out"
  deploy/quickstart.sh "${@:2}" >"$out" &
  pid=$!
  until grep -q '^  curl' "$out"; do kill -0 "$pid"; sleep 0.1; done
  line=$(grep '^  curl' "$out")
  url=$(sed -E 's/^  curl -s ([^ ]*) .*/\1/' <<<"$line")
}
ask() {
  local reply
  reply=$(bash -c "$1")
  echo "$reply"
  grep -q '"result":"0x' <<<"$reply"
}
EOF

step build 'cd /sluice && SLUICE_BUILD_ONLY=1 deploy/quickstart.sh'
step quickstart '
  set -eux
  cd /sluice
  . /root/quickstart_helpers.sh
  start demo
  demo=$pid demo_line=$line
  ask "$line"
  start proxy "$url"
  ask "$line"
  kill -TERM "$pid"
  wait "$pid"
  ask "$demo_line"
  kill -TERM "$demo"
  wait "$demo"'
if [ -n "$tests" ]; then
  in_root "cd /sluice && tests/run.sh $*" 2>&1 | tee "$roots/$release-tests.log" | tail -40 || true
  tail -1 "$roots/$release-tests.log" | grep -q ' 0 failed' || finish 1
  passed=$((passed + 1))
  tests/packaging/unit_boot.sh "$root" "$root/sluice/build/release/sluice" >"$roots/$release-unit.log" 2>&1 || {
    tail -40 "$roots/$release-unit.log"
    finish 1
  }
  tail -n1 "$roots/$release-unit.log"
  passed=$((passed + 1))
fi
finish 0
