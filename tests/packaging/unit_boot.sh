#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Sluice's unit under a real systemd, booted in namespaces of its own on a root that has Debian's systemd and the built program:
#   tests/packaging/unit_boot.sh ROOT PROGRAM     such as / build/release/sluice
# The unit starts and says so, answers, takes a reload, refuses a broken file and serves on, stops cleanly.
# Nothing of ROOT is written to: it is the lower layer of an overlay. Needs root. Ends with "N passed, N failed, N skipped".
set -euo pipefail
cd "$(dirname "$0")/../.."
root=$(realpath "$1")
program=$(realpath "$2")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

mkdir -p "$work/upper/etc/systemd/system" "$work/upper/usr/bin" "$work/upper/etc/sluice" "$work/layer" "$work/root" "$work/result"
install -m 755 "$program" "$work/upper/usr/bin/sluice"
install -m 644 deploy/systemd/sluice.service "$work/upper/etc/systemd/system/sluice.service"
cat >"$work/upper/etc/sluice/sluice.yaml" <<'EOF'
listen:
  - address: 127.0.0.1:4545
admin: {listen: "127.0.0.1:9464"}
chain_id: 1337
upstreams:
  - {name: node, url: "http://127.0.0.1:8545"}
EOF
chmod 755 "$work/upper/etc/sluice"
cat >"$work/upper/etc/systemd/system/trial.service" <<'EOF'
[Unit]
DefaultDependencies=no
[Service]
Type=oneshot
ExecStart=/bin/bash /result/trial.sh
ExecStopPost=/bin/systemctl poweroff --force --force
TimeoutStartSec=60
StandardOutput=append:/result/out
StandardError=append:/result/out
EOF
cat >"$work/result/trial.sh" <<'EOF'
set -u
passed=0 failed=0
check() {
  if "${@:2}"; then passed=$((passed + 1)); echo "ok $1"; else failed=$((failed + 1)); echo "FAILED $1"; fi
}
property() { systemctl show -P "$1" sluice.service; }
answers() { /usr/bin/sluice healthcheck --admin 127.0.0.1:9464 --path /readyz; }
started_lately() {
  local start
  start=$(metric "^process_start_time_seconds" | sed "s#.* ##") && echo "$start" && [ "${start%%.*}" -gt $(($(date +%s) - 100)) ]
}
never() { ! "$@"; }
metric() {
  exec 3<>/dev/tcp/127.0.0.1/9464 || return
  printf 'GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n' >&3
  tr -d '\r' <&3 | grep -a "$1"
} 2>/dev/null
settled() { for _ in $(seq 100); do metric config_reloads_total | grep -q "result=\"$1\"} $2" && return; sleep 0.1; done; return 1; }
/usr/bin/sluice devnode --chain-id 1337 --listen 127.0.0.1:8545 >/dev/null &
node=$!
check "starts" systemctl start sluice.service
if [ "$failed" != 0 ]; then
  systemctl status --no-pager --full sluice.service
  echo "$passed passed, $failed failed, 0 skipped"
  exit
fi
check "is ready when it says so" answers
main=$(property MainPID)
check "runs as nobody in particular" grep -qP '^Uid:\t6[0-9]{4}\t' "/proc/$main/status"
check "has no capability" grep -qP '^CapBnd:\t0*$' "/proc/$main/status"
check "filters its calls" grep -qP '^Seccomp:\t2$' "/proc/$main/status"
check "tells its start time" started_lately
check "reloads" systemctl reload sluice.service
check "has reloaded" settled success 1
cp /etc/sluice/sluice.yaml /etc/sluice/kept
echo 'upstrems: []' >>/etc/sluice/sluice.yaml
check "refuses to reload a broken file" never systemctl reload sluice.service
check "has not heard of it" settled success 1
check "serves on" answers
check "is the same process" test "$(property MainPID)" = "$main"
cp /etc/sluice/kept /etc/sluice/sluice.yaml
kill -KILL "$main"
for _ in $(seq 100); do [ "$(property MainPID)" != "$main" ] && answers 2>/dev/null && break; sleep 0.1; done
check "comes back when killed" answers
check "stops" systemctl stop sluice.service
check "has stopped cleanly" test "$(property Result) $(property ExecMainStatus)" = "success 0"
kill "$node"
[ "$failed" = 0 ] || systemctl status --no-pager --full sluice.service
echo "$passed passed, $failed failed, 0 skipped"
EOF

# shellcheck disable=SC2016
env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin container=trial \
  timeout --kill-after=5 120 unshare --mount --pid --uts --ipc --net --cgroup --fork --kill-child --propagation private bash -euc '
  ip link set lo up
  mount -t overlay overlay -o "lowerdir=$1,upperdir=$2/upper,workdir=$2/layer" "$2/root"
  mount -t proc proc "$2/root/proc"
  mount --bind "$2/root/proc/sys" "$2/root/proc/sys"
  mount -o remount,bind,ro "$2/root/proc/sys"
  mount -t sysfs -o ro sysfs "$2/root/sys"
  mount -t cgroup2 cgroup2 "$2/root/sys/fs/cgroup"
  mount -t tmpfs -o mode=755 tmpfs "$2/root/dev"
  mount -t tmpfs -o mode=755 tmpfs "$2/root/run"
  for node in null zero full random urandom tty; do touch "$2/root/dev/$node"; mount --bind "/dev/$node" "$2/root/dev/$node"; done
  mkdir -p "$2/root/result" "$2/root/dev/shm" "$2/root/dev/pts" "$2/root/dev/mqueue" "$2/root/dev/hugepages"
  mount -t devpts -o newinstance,ptmxmode=0666 devpts "$2/root/dev/pts"
  ln -s pts/ptmx "$2/root/dev/ptmx"
  mount --bind "$2/result" "$2/root/result"
  # Not chroot alone: who is in one may not have user namespaces, which the unit asks for.
  cd "$2/root"
  pivot_root . .
  umount -l .
  exec chroot . /lib/systemd/systemd --unit=trial.service --log-target=console --show-status=no
' - "$root" "$work" </dev/null >"$work/boot.log" 2>&1 || true
if ! grep -E '^[0-9]+ passed, [0-9]+ failed' "$work/result/out" >/dev/null 2>&1; then
  tail -20 "$work/boot.log"
  cat "$work/result/out" 2>/dev/null || true
  echo "0 passed, 1 failed, 0 skipped"
  exit 1
fi
grep -v '^Powering off' "$work/result/out"
grep -qE '^[0-9]+ passed, 0 failed' "$work/result/out"
