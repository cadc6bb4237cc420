#!/usr/bin/env bash
# How fast the bridge is, beside what the same store and machine allow; see --help.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
cd "$ROOT"

case " $* " in
*" -h "* | *" --help "*) exec "$PYTHON" tests/bench/bench.py "$@" ;;
esac
# shellcheck disable=SC2086 # a list of names
need_packages $BUILD_PACKAGES python3 wrk
mkdir -p "$BUILDS/logs"
say "building (log: build/logs/bench-build.log)" >&2
{ build_tree release && BUILD_TARGET=bench-programs build_tree release; } \
	>"$BUILDS/logs/bench-build.log" 2>&1 || {
	tail -n 20 "$BUILDS/logs/bench-build.log" >&2
	die "the build failed (above)"
}
ROWSTREAM_BUILD=$BUILDS/release exec "$PYTHON" tests/bench/bench.py "$@"
