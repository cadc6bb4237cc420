#!/usr/bin/env bash
# Tests projections/*.js on the vendor's own engine (npm: @kurrent/projections-testing). Its native
# library needs glibc 2.38, so on an older system node runs in a Debian 13 root that debootstrap
# makes once, in build/trixie (some 600 MB); that needs root.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
cd "$ROOT"

DEBIAN=${ROWSTREAM_DEBIAN_MIRROR:-http://deb.debian.org/debian}
TRIXIE=$BUILDS/trixie
ENGINE="@kurrent/projections-testing@0.2.2 @kurrent/kurrentdb-client@1"
CAPTURES="postgres-bank postgres-tx mariadb-tx mysql-default"
export DEBIAN_FRONTEND=noninteractive

as_root() {
	if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo --preserve-env=DEBIAN_FRONTEND "$@"; fi
}

in_trixie() {
	as_root chroot "$TRIXIE" "$@"
}

# Built aside and named when whole, so that an interrupted one is never taken for one.
make_root() {
	local whole=$TRIXIE
	[ ! -e "$whole/projections/node_modules" ] || return 0
	need_packages debootstrap ca-certificates
	say "making a Debian 13 root with node and the engine in build/trixie (once, some minutes)"
	TRIXIE=$whole.new
	as_root rm -rf "$TRIXIE" "$whole"
	as_root debootstrap --variant=minbase --include=ca-certificates trixie "$TRIXIE" "$DEBIAN"
	[ ! -e /etc/resolv.conf ] || as_root cp -L /etc/resolv.conf "$TRIXIE/etc/resolv.conf"
	in_trixie apt-get -qq update
	in_trixie apt-get -qq install --yes --no-install-recommends nodejs npm
	in_trixie mkdir -p /projections
	# A company's own authority is trusted inside as it is outside.
	as_root cp -L /etc/ssl/certs/ca-certificates.crt "$TRIXIE/etc/ssl/outside.crt"
	# Install scripts would build what is there built already; npm 9 stumbles over them here.
	# shellcheck disable=SC2086 # two names
	in_trixie env NODE_EXTRA_CA_CERTS=/etc/ssl/outside.crt npm install --prefix /projections \
		--no-audit --no-fund --ignore-scripts $ENGINE
	as_root mv "$TRIXIE" "$whole"
	TRIXIE=$whole
}

# What `rowstream map` makes of captures, and what must come of it, counted by Python.
make_cases() {
	local tree=${ROWSTREAM_BUILD:-$BUILDS/gcc} name
	[ -x "$tree/rowstream" ] || die "$tree/rowstream is not built: scripts/test.sh --only build"
	for name in $CAPTURES; do
		if [ -e "tests/fixtures/$name/options.yaml" ]; then
			"$tree/rowstream" map -q -c "tests/fixtures/$name/options.yaml" \
				"tests/fixtures/$name/records.jsonl.gz"
		else
			"$tree/rowstream" map -q "tests/fixtures/$name/records.jsonl.gz"
		fi
	done | "$PYTHON" tests/projections/count.py >"$1"
}

main() {
	local work
	make_root
	work=$(mktemp -d)
	# shellcheck disable=SC2064 # now
	trap "rm -rf '$work'" EXIT
	make_cases "$work/captures.json"
	as_root rm -rf "$TRIXIE/projections/test"
	as_root mkdir "$TRIXIE/projections/test"
	as_root cp -r projections tests/projections/run.mjs tests/projections/*.json \
		"$work/captures.json" "$TRIXIE/projections/test/"
	in_trixie sh -c 'cd /projections/test && node run.mjs projections ./*.json'
}

main "$@"
