# SPDX-License-Identifier: Apache-2.0
# What has to be installed, in one place; sourced by deploy/quickstart.sh and tests/run.sh. Debian 12 and 13.

build_packages="ca-certificates curl git g++ cmake ninja-build pkg-config libsimdjson-dev libyaml-cpp-dev
  prometheus-cpp-dev libcurl4-openssl-dev zlib1g-dev libspdlog-dev libfmt-dev libssl-dev libcli11-dev"
test_packages="catch2 librapidcheck-dev ccache jq openssl python3 iproute2 procps strace util-linux wrk prometheus haproxy nginx-light valgrind
  systemd"
# Another Node.js than Debian's brings its own npm, and conflicts with the packages.
command -v npm >/dev/null 2>&1 || test_packages="$test_packages nodejs npm"

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

# Boost 1.81 is not Debian 12's default version, and the only one of its kind on Debian 13 is another.
boost_package() {
  for version in 1.81 1.83 1.88; do
    # A name that others only mention is found too, but has nothing to show.
    if [ -n "$(apt-cache show "libboost$version-dev" 2>/dev/null)" ]; then
      echo "libboost$version-dev"
      return
    fi
  done
  echo libboost-dev
}

# install_packages NAME…: those that are missing. Services that packages would start are kept from starting.
install_packages() {
  missing=""
  for name in "$@"; do
    dpkg-query -W -f='${db:Status-Status}' "$name" 2>/dev/null | grep -q '^installed$' || missing="$missing $name"
  done
  [ -z "$missing" ] && return 0
  echo "installing:$missing" >&2
  # shellcheck disable=SC2086
  as_root env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get install -y --no-install-recommends $missing >&2
}

update_lists() {
  # A fresh root has no package lists; a day-old one is fresh enough.
  if ! find /var/lib/apt/lists -name '*_Packages*' -mtime -1 2>/dev/null | grep -q .; then
    as_root apt-get update >&2
  fi
}
