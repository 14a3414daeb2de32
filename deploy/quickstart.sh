#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Installs what is needed, builds Sluice and starts it, on a fresh Debian 12 or 13, as root or with sudo:
#   deploy/quickstart.sh                                   before three simulated nodes
#   deploy/quickstart.sh http://node-a:8545 https://node-b before your own
# Environment: SLUICE_LISTEN (127.0.0.1:4545), SLUICE_ADMIN (127.0.0.1:9464), SLUICE_BUILD_ONLY=1 to stop after building.
set -euo pipefail
cd "$(dirname "$0")/.."
. deploy/packages.sh

update_lists
# shellcheck disable=SC2086
install_packages $build_packages "$(boost_package)"

cmake -S . -B build/release -G Ninja -DCMAKE_BUILD_TYPE=Release -DCMAKE_INTERPROCEDURAL_OPTIMIZATION=ON \
  -DSLUICE_TESTS=OFF >&2
cmake --build build/release --target sluice >&2
[ -n "${SLUICE_BUILD_ONLY:-}" ] && exit 0

listen=${SLUICE_LISTEN:-127.0.0.1:4545}
admin=${SLUICE_ADMIN:-127.0.0.1:9464}
if [ $# -gt 0 ]; then
  command=(build/release/sluice run --listen "$listen" --admin-listen "$admin" "$@")
else
  command=(build/release/sluice demo --listen "$listen" --admin-listen "$admin")
fi

# The hints are printed once Sluice says that it is ready; its log goes on to stderr.
# It has a session of its own, so that Ctrl-C is one signal to it and not two, the second of which would cut calls.
exec 3< <(exec setsid "${command[@]}")
pid=$!
trap 'kill -TERM "$pid" 2>/dev/null || true' INT TERM HUP
IFS= read -r ready <&3 || { wait "$pid" || exit $?; exit 1; }
echo "$ready"
client=$(sed -n 's/.*"listen":\["\([^"]*\)".*/\1/p' <<<"$ready")
side=$(sed -n 's/.*"admin":"\([^"]*\)".*/\1/p' <<<"$ready")
cat <<EOF

Sluice answers at http://$client (HTTP and WebSocket). Try:
  curl -s http://$client -H 'content-type: application/json' -d '{"jsonrpc":"2.0","id":1,"method":"eth_blockNumber","params":[]}'
Metrics: http://$side/metrics   Status: http://$side/status   Stop: Ctrl-C
EOF
cat <&3 >/dev/null &
# A signal ends a wait; the process is given its time to drain, and its own status is what counts.
while kill -0 "$pid" 2>/dev/null; do wait "$pid" || true; done
wait "$pid"
