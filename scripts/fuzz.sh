#!/usr/bin/env bash
# Builds the fuzz harnesses with clang and runs each of them for a while over its corpus.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
cd "$ROOT"

usage() {
	cat <<-END
		usage: scripts/fuzz.sh [SECONDS] [HARNESS]...
		  SECONDS for each harness, 20 if not given; without HARNESS (as in fuzz_change) all of them.
		What is found new stays in build/fuzz/corpus, what breaks a harness in build/fuzz/found.
		A find again: build/fuzz/tests/fuzz/HARNESS FILE
	END
}

# run NAME SECONDS: the checked-in inputs, and those that earlier runs found.
run() {
	local name=$1 seconds=$2 corpus=$BUILDS/fuzz/corpus/$1 found=$BUILDS/fuzz/found log
	local options=(-max_total_time="$seconds" -timeout=10 -rss_limit_mb=1024 -print_final_stats=1)
	log=$BUILDS/fuzz/$name.log
	mkdir -p "$corpus" "$found"
	[ ! -e "tests/fuzz/$name.dict" ] || options+=(-dict="tests/fuzz/$name.dict")
	if ! "$BUILDS/fuzz/tests/fuzz/$name" "${options[@]}" -artifact_prefix="$found/$name-" \
		"$corpus" "tests/fuzz/corpus/$name" >"$log" 2>&1; then
		tail -n 40 "$log"
		die "$name failed; its input is in build/fuzz/found, the log in build/fuzz/$name.log"
	fi
	awk -v name="$name" '/number_of_executed_units/ { runs = $2 }
		/average_exec_per_sec/ { rate = $2 }
		/ cov: / { for (i = 1; i < NF; i++) if ($i == "cov:") cover = $(i + 1) }
		END { printf "%-24s %9d runs %7d/s %6d edges\n", name, runs, rate, cover }' "$log"
}

main() {
	local seconds=20 harnesses name
	case ${1:-} in
	-h | --help) usage && exit ;;
	'' | *[!0-9]*) ;;
	*) seconds=$1 && shift ;;
	esac
	# shellcheck disable=SC2086 # a list of names
	need_packages $BUILD_PACKAGES
	need_clang
	mkdir -p "$BUILDS"
	# Only the harnesses and what they link: all of the programs would take minutes.
	CC=clang CFLAGS='-O1 -g' BUILD_TARGET=fuzz-harnesses build_tree fuzz --enable-werror \
		--enable-fuzzers >"$BUILDS/fuzz.log" 2>&1 || {
		tail -n 40 "$BUILDS/fuzz.log"
		die "the harnesses do not build (above)"
	}
	harnesses=("$@")
	[ $# -gt 0 ] || read -ra harnesses < <(tail -n 1 "$BUILDS/fuzz.log")
	for name in "${harnesses[@]}"; do
		run "${name##*/}" "$seconds"
	done
}

main "$@"
