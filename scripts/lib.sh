# Functions that the scripts share: messages, packages, builds. Sourced by bash, never run.
# shellcheck shell=bash

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
BUILDS=$ROOT/build
JOBS=$(nproc 2>/dev/null || echo 2)

# shellcheck disable=SC2034 # used by those that source this
BUILD_PACKAGES="autoconf automake gcc libavro-dev libc6-dev libcurl4-openssl-dev libjansson-dev libmariadb-dev
	libmicrohttpd-dev libpq-dev librdkafka-dev libsqlite3-dev libssl-dev libyaml-dev make nettle-dev pkg-config
	uuid-dev zlib1g-dev"
# shellcheck disable=SC2034
TEST_PACKAGES="check kcat openssl python3 python3-pytest python3-pytest-xdist python3-yaml"
# shellcheck disable=SC2034
ALL_PACKAGES="chromium chromium-driver clang clang-format docker-compose mandoc python3-pyflakes python3-selenium shellcheck spin valgrind xz-utils"
# shellcheck disable=SC2034 # of neighbourhood.sh
SERVER_PACKAGES="ca-certificates curl default-jre-headless kcat mariadb-server maven postgresql"

# Debian's interpreter sees Debian's pytest; another python3 earlier in PATH may not.
PYTHON=${PYTHON:-/usr/bin/python3}

if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then
	bold=$'\e[1m' dim=$'\e[2m' red=$'\e[31m' green=$'\e[32m' yellow=$'\e[33m' plain=$'\e[0m'
else
	bold='' dim='' red='' green='' yellow='' plain=''
fi
export bold dim red green yellow plain

say() {
	printf '%s\n' "$*"
}

# For what a person must do something about.
die() {
	printf '%s%s: %s%s\n' "$red" "${0##*/}" "$*" "$plain" >&2
	exit 2
}

# --- packages ---

missing_packages() {
	local name
	for name in "$@"; do
		dpkg-query -W -f '${Status}' "$name" 2>/dev/null | grep -q ' installed$' ||
			printf '%s ' "$name"
	done
}

# apt-get as root, its output kept for the case that it fails.
apt_get() {
	local log=$BUILDS/logs/apt.log as_root=()
	mkdir -p "$BUILDS/logs"
	[ "$(id -u)" -eq 0 ] || as_root=(sudo)
	"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
		apt-get -qq -o DPkg::Lock::Timeout=120 "$@" >"$log" 2>&1 </dev/null && return
	tail -n 5 "$log" >&2
	return 1
}

# need_packages NAME...: installs those that are missing, or says why it cannot and ends.
need_packages() {
	local missing
	if ! command -v apt-get >/dev/null || ! command -v dpkg-query >/dev/null; then
		[ "${ROWSTREAM_PACKAGES:-}" = present ] && return
		die "this system has no apt-get. Install what these Debian packages hold, then set \
ROWSTREAM_PACKAGES=present: $*"
	fi
	missing=$(missing_packages "$@")
	[ -n "$missing" ] || return 0
	say "installing packages: $missing"
	if [ "$(id -u)" -ne 0 ]; then
		command -v sudo >/dev/null ||
			die "not root, and there is no sudo. As root: apt-get install $missing"
		sudo -n true 2>/dev/null || { [ -t 0 ] && sudo -v; } ||
			die "sudo wants a password that nobody can type here. As root: apt-get install $missing"
	fi
	apt_get update || die "apt-get update failed (above): is there a network, and do \
/etc/apt/sources.list* name a server that answers?"
	# shellcheck disable=SC2086 # a list of names
	apt_get install --yes --no-install-recommends $missing ||
		die "apt-get could not install $missing(above)"
}

# clang's sanitizer and fuzzer libraries are a package with clang's version in its name.
need_clang() {
	# shellcheck disable=SC2086
	need_packages clang
	need_packages "libclang-rt-$(clang -dumpversion | cut -d. -f1)-dev"
}

# --- builds ---

# build_tree NAME [configure arguments]: everything (or BUILD_TARGET), out of the tree, in build/NAME. Configures
# again only when the arguments change; make sees to the rest.
build_tree() {
	local dir=$BUILDS/$1 wanted
	shift
	wanted="$* CC=${CC:-} CFLAGS=${CFLAGS:-}"
	if [ -e "$ROOT/config.status" ]; then
		die "this checkout was configured in place; run 'make distclean' in it first"
	fi
	# make's own rules do this too, but not after every change (a renamed config header).
	if [ ! -e "$ROOT/Makefile.in" ] || [ ! "$ROOT/configure" -nt "$ROOT/configure.ac" ]; then
		(cd "$ROOT" && autoreconf --force --install)
	fi
	if [ ! -e "$dir/Makefile" ] || [ "$(cat "$dir/configured-with" 2>/dev/null)" != "$wanted" ]; then
		rm -rf "$dir"
		mkdir -p "$dir"
		(cd "$dir" && "$ROOT/configure" "$@")
		printf '%s\n' "$wanted" >"$dir/configured-with"
	fi
	make -C "$dir" -j "$JOBS" --no-print-directory "${BUILD_TARGET:-all}"
}
