#!/bin/sh
# Installs what the build needs, if it is missing: Debian 12 and 13, Ubuntu.
#
# Usage: bazel/setup.sh [--dev]       --dev: also what the tests and lint need
#
# As root, or as a user who may sudo. Exit status: 0 all is there, 1 installing
# failed, 2 wrong usage, 3 this system or user can't install Debian packages,
# 4 Bazel can't build where the tree is.
set -eu

packages="
  build-essential ca-certificates curl git openssl pkg-config procps python3 tzdata
  libcmocka-dev libcurl4-openssl-dev libev-dev libical-dev libjansson-dev liblmdb-dev libssl-dev
  libyaml-dev libzstd-dev node-llhttp zlib1g-dev
"
dev_packages="
  clang clang-format libclang-rt-dev shellcheck
  nghttp2-proxy python3-yaml zstd
"

say() {
  echo "setup: $*" >&2
}

case "${1:-}" in
'') ;;
--dev) packages="$packages $dev_packages" ;;
*)
  say "unknown argument '$1'; usage: bazel/setup.sh [--dev]"
  exit 2
  ;;
esac

case "$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd -P)" in
*[[:space:]]*)
  say "Bazel can't build in a path with a space; move the tree to another folder"
  exit 4
  ;;
esac

# A Bazel or kubectl of the user's own will do.
if ! command -v bazel >/dev/null; then
  packages="$packages bazel-bootstrap"
fi
if [ "${1:-}" = --dev ] && ! command -v kubectl >/dev/null; then
  packages="$packages kubernetes-client"
fi

# shellcheck disable=SC2086 # a list of words, here and below
if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
  say "this isn't Debian or Ubuntu; install by hand what matches:" $packages
  exit 3
fi

# shellcheck disable=SC2086
installed=$(dpkg-query -W -f '${db:Status-Status} ${Package}\n' $packages 2>/dev/null || true)
missing=
for package in $packages; do
  if ! echo "$installed" | grep -qx "installed $package"; then
    missing="$missing $package"
  fi
done
if [ -z "$missing" ]; then
  exit 0
fi

as_root=
if [ "$(id -u)" -ne 0 ]; then
  if ! command -v sudo >/dev/null; then
    say "missing:$missing; install these as root (there is no sudo)"
    exit 3
  fi
  as_root=sudo
fi

log=$(mktemp)
trap 'rm -f "$log"' EXIT

# Runs apt-get without questions, waits for another apt, keeps its words for a failure.
apt_get() {
  if ! $as_root env DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1 apt-get -q \
    -o DPkg::Lock::Timeout=600 -o Acquire::Retries=3 "$@" </dev/null >"$log" 2>&1; then
    tail -n 20 "$log" >&2
    say "apt-get $1 failed"
    return 1
  fi
}

say "reading the package lists"
apt_get update || say "going on with the lists that are there"
say "installing:$missing"
# shellcheck disable=SC2086
apt_get install -y --no-install-recommends $missing || exit 1
say "done"
