#!/usr/bin/env bash
# Counts the instructions of the hot path over a fixed input (callgrind) and compares them with the
# figures in instructions.txt. Unlike time they do not depend on what else the machine does, only on
# compiler, flags and libc; with others than those of the figures there is nothing to compare.
#   instructions.sh BUILD_DIR             0 good, 1 too many, 77 other compiler or libc (says which)
#   instructions.sh BUILD_DIR --update    writes the figures
#   instructions.sh BUILD_DIR --selftest  figures a little too low must fail, others must not
# Of BUILD_DIR: make bench-programs.
set -euo pipefail
export LC_ALL=C

HERE=$(cd "$(dirname "$0")" && pwd)
FIGURES=$HERE/instructions.txt
FIXTURES=$HERE/../fixtures
SLACK=10 # per cent
BUILD=${1:?usage: instructions.sh BUILD_DIR [--update | --selftest]}
SCRATCH=$(mktemp -d)
trap 'rm -rf "$SCRATCH"' EXIT

# libc chooses its string functions by what the processor has; here all have the oldest.
export GLIBC_TUNABLES=glibc.cpu.hwcaps=-AVX,-AVX2,-AVX512F,-AVX512VL,-AVX_Fast_Unaligned_Load
GLIBC_TUNABLES+=,-ERMS,-FSRM,-BMI2,-MOVBE,-RTM,-SSE4_1,-SSE4_2,-SSSE3

environment() {
	local compiler libc flags
	compiler=$(readelf -p .comment "$BUILD/tests/bench/bench_mapping" |
		sed -n 's/^ *\[ *[0-9a-f]*\] *//p' | sed 's/-[^)]*)/)/' | sort -u | paste -sd + -)
	libc=$(getconf GNU_LIBC_VERSION)
	flags=$(sed -n 's/^\(CFLAGS\|HARD_CFLAGS\) = //p' "$BUILD/Makefile" | paste -sd ' ' -)
	echo "environment $compiler, $libc, $(uname -m), $flags"
}

# count NAME FUNCTION CASE: instructions inside the function, everything that it calls included.
count() {
	local out=$SCRATCH/out
	valgrind --tool=callgrind --callgrind-out-file=/dev/null --toggle-collect="$2" \
		"$BUILD/tests/bench/bench_$1" --once "$FIXTURES/$3/records.jsonl.gz" >"$out" 2>&1 || {
		cat "$out" >&2
		return 1
	}
	sed -n "s/^.*Collected : \([0-9]*\)$/$1 $3 \1/p" "$out"
}

measure() {
	environment
	count mapping map_all postgres-bank
	count mapping map_all postgres-bank-schemas
	count mapping map_all postgres-types-precise
	count mapping map_all mysql-default
	count outbox outbox_all postgres-bank
}

# compare MEASURED FIGURES: a line each; 1 when one is over its figure by more than the slack.
compare() {
	awk -v slack="$SLACK" '
		$1 == "environment" { next }
		NR == FNR { figure[$1 " " $2] = $3; next }
		{
			name = $1 " " $2
			if (!(name in figure)) {
				printf "%-32s %12d has no figure\n", name, $3
				bad = 1
				next
			}
			change = 100 * ($3 / figure[name] - 1)
			word = change > slack ? "TOO MANY" : change < -slack ? "fewer: update" : "good"
			printf "%-32s %12d %+6.1f %%  %s\n", name, $3, change, word
			bad = bad || change > slack
			delete figure[name]
		}
		END {
			for (name in figure) {
				printf "%-32s was not measured\n", name
				bad = 1
			}
			exit bad
		}' <(grep -v '^#' "$2") "$1"
}

# scaled PERCENT: the measured figures, of the input, times that.
scaled() {
	awk -v percent="$1" '$1 != "environment" { $3 = int($3 * percent / 100) } { print }'
}

selftest() {
	scaled 95 <"$SCRATCH/measured" >"$SCRATCH/near"
	scaled 85 <"$SCRATCH/measured" >"$SCRATCH/low"
	sed '/^outbox/s/[0-9]*$/1/' "$SCRATCH/measured" >"$SCRATCH/one-low"
	grep -v '^outbox' "$SCRATCH/measured" >"$SCRATCH/missing"
	compare "$SCRATCH/measured" "$SCRATCH/near" >"$SCRATCH/said" || return 1
	for figures in low one-low missing; do
		if compare "$SCRATCH/measured" "$SCRATCH/$figures" >"$SCRATCH/said"; then
			echo "selftest: figures '$figures' did not fail" >&2
			return 1
		fi
	done
	if compare "$SCRATCH/missing" "$SCRATCH/measured" >"$SCRATCH/said"; then
		echo "selftest: what was not measured did not fail" >&2
		return 1
	fi
	echo "selftest: too low and missing figures fail, near ones do not"
}

update() {
	{
		echo "# Instructions of the hot path, written by 'make update-instruction-counts'; see instructions.sh."
		cat "$SCRATCH/measured"
	} >"$FIGURES"
	cat "$FIGURES"
}

main() {
	local wanted here
	wanted=$(grep '^environment' "$FIGURES" 2>/dev/null || true)
	here=$(environment)
	if [ "${2:-}" != --update ] && [ "$wanted" != "$here" ]; then
		printf 'skipped, the figures are of\n  %s\nand this is\n  %s\n' "${wanted#* }" "${here#* }"
		exit 77
	fi
	measure >"$SCRATCH/measured"
	case ${2:-} in
	--update) update ;;
	--selftest) selftest ;;
	'') compare "$SCRATCH/measured" "$FIGURES" || {
		echo "over by more than $SLACK %: make it cheaper, or say why in the commit that runs" \
			"'make update-instruction-counts' (in the build directory)"
		exit 1
	} ;;
	*)
		echo "instructions.sh: unknown option $2" >&2
		exit 2
		;;
	esac
}

main "$@"
