#!/usr/bin/env bash
# Installs what is missing, builds, and runs the tests; --all adds what takes longer.
set -euo pipefail
shopt -s nullglob
. "$(dirname "$0")/lib.sh"
cd "$ROOT"

WORK_PARTS="build unit programs"
CHAOS_ROUNDS=9
MORE_PARTS="clang sanitizers valgrind instructions distcheck format demo shellcheck python docs man fuzz model projections chaos e2e"
LOGS=$BUILDS/logs
TREE=gcc # the build that `programs` tests

usage() {
	cat <<-END
		usage: scripts/test.sh [--all] [--only PART]...
		  (nothing)   what one runs while working: $WORK_PARTS
		  --all       everything: also $MORE_PARTS
		  --only PART this part, whatever it needs built before it; may be repeated
		Builds and logs go to build/ in the checkout. Packages that are missing are installed with
		apt-get; ROWSTREAM_PACKAGES=present says that they are there under other names.
	END
}

# --- counting: a part adds lines "passed failed skipped" to $COUNTS ---

count() {
	echo "$1 $2 ${3:-0}" >>"$COUNTS"
}

# Check's own closing lines; a program that failed without a word of it (it crashed, leaked, or is
# a script) counts as one more.
count_make_check() {
	local trs log result
	for trs in "$1"/tests/*.trs; do
		log=${trs%.trs}.log
		result=$(sed -n 's/^:test-result: //p' "$trs")
		awk -v result="$result" -F '[ ,]+' '
			/^[0-9]+%: Checks: / { checks += $3; failed += $5 + $7 }
			END {
				if (result == "SKIP") skipped = 1
				else if (result == "PASS" && !checks) checks = 1
				else if (result != "PASS" && !failed) { checks++; failed = 1 }
				print checks - failed, failed + 0, skipped + 0
			}' "$log" >>"$COUNTS"
	done
}

make_check() {
	local dir=$BUILDS/$1 status=0
	shift
	rm -f "$dir"/tests/*.trs "$dir"/tests/*.log
	CK_TIMEOUT_MULTIPLIER=${CK_TIMEOUT_MULTIPLIER:-5} make -C "$dir" -j "$JOBS" \
		--no-print-directory check VERBOSE=1 "$@" || status=$?
	count_make_check "$dir"
	return "$status"
}

# run_pytest TREE [pytest arguments]
run_pytest() {
	local tree=$1 status=0 out
	shift
	out=$LOGS/pytest.$tree.out
	ROWSTREAM_BUILD=$BUILDS/$tree PYTHONDONTWRITEBYTECODE=1 "$PYTHON" -m pytest \
		-c tests/pipeline/pytest.ini -p no:cacheprovider -q -ra --durations=10 -n "$JOBS" \
		"$@" | tee "$out" || status=$?
	tail -n 1 "$out" | grep -oE '[0-9]+ [a-z]+' | awk '
		$2 == "passed" { p += $1 } $2 ~ /^(failed|errors?)$/ { f += $1 }
		$2 ~ /^(skipped|xfailed)$/ { s += $1 } END { print p + 0, f + 0, s + 0 }' >>"$COUNTS"
	return "$status"
}

# lint NAME COMMAND...: one count, the output only where it fails.
lint() {
	local name=$1
	shift
	if "$@"; then
		count 1 0
	else
		echo "FAIL: $name"
		count 0 1
		lint_failed=1
	fi
}

# --- the parts ---

part_build() {
	build_tree gcc --enable-werror
	count 1 0
}

part_unit() {
	make_check gcc
}

part_programs() {
	run_pytest "$TREE" tests/pipeline
}

part_clang() {
	CC=clang build_tree clang --enable-werror
	make_check clang
}

part_sanitizers() {
	export ASAN_OPTIONS=detect_leaks=1:strict_string_checks=1 UBSAN_OPTIONS=print_stacktrace=1
	build_tree sanitizers --enable-werror --enable-sanitizers
	make_check sanitizers
	ROWSTREAM_PATIENCE=3 run_pytest sanitizers tests/pipeline
}

part_valgrind() {
	local valgrind="valgrind --quiet --error-exitcode=99 --leak-check=full"
	valgrind="$valgrind --errors-for-leak-kinds=definite"
	CK_FORK=no make_check gcc LOG_COMPILER="$valgrind"
	ROWSTREAM_WRAPPER=$valgrind ROWSTREAM_PATIENCE=10 run_pytest gcc -m valgrind tests/pipeline
}

# What the hot path costs, and that the guard of it can fail.
part_instructions() {
	local status=0
	BUILD_TARGET=bench-programs build_tree gcc --enable-werror
	tests/bench/instructions.sh "$BUILDS/gcc" | tee "$LOGS/instructions.out" || status=$?
	if [ "$status" -eq 77 ]; then
		count 0 0 1
		return
	fi
	count "$(grep -c 'good$\|update$' "$LOGS/instructions.out")" \
		"$(grep -c 'TOO MANY$\|no figure$\|not measured$' "$LOGS/instructions.out")"
	[ "$status" -eq 0 ]
	tests/bench/instructions.sh "$BUILDS/gcc" --selftest
	count 1 0
}

part_distcheck() {
	local tarball
	make -C "$BUILDS/gcc" -j "$JOBS" --no-print-directory distcheck \
		DISTCHECK_CONFIGURE_FLAGS=--enable-werror
	count 1 0
	# And nothing that is tracked was forgotten.
	if ! git rev-parse --git-dir >/dev/null; then
		count 0 0 1
		return
	fi
	tarball=$(ls "$BUILDS"/gcc/rowstream-*.tar.xz)
	git ls-files | grep -v '^\.\(ci\|git\)' | sort >"$LOGS/tracked"
	tar -tf "$tarball" | sed 's,^[^/]*/,,' | sort >"$LOGS/in-tarball"
	comm -23 "$LOGS/tracked" "$LOGS/in-tarball" | sed 's/^/not in the tarball: /' | tee "$LOGS/forgotten"
	[ ! -s "$LOGS/forgotten" ]
	count 1 0
}

# clang-format prints differently from version to version; the tree is formatted with one of them.
part_format() {
	local version file
	lint_failed=0
	version=$(clang-format --version | sed -n 's/.*version \([0-9]*\).*/\1/p')
	if [ "$version" != 14 ]; then
		echo "clang-format 14 decides; this is $version"
		count 0 0 1
		return
	fi
	while read -r file; do
		lint "$file" clang-format --dry-run --Werror "$file"
	done < <(find include src tests -name '*.[ch]' | sort)
	return "$lint_failed"
}

part_shellcheck() {
	local file
	lint_failed=0
	for file in .ci/run scripts/*.sh scripts/*/*.sh tests/*.sh tests/bench/*.sh; do
		lint "$file" shellcheck -x -P scripts "$file"
	done
	return "$lint_failed"
}

part_python() {
	local file
	lint_failed=0
	for file in scripts/*.py tests/*.py tests/*/*.py; do
		lint "$file" "$PYTHON" -m pyflakes "$file"
	done
	return "$lint_failed"
}

part_docs() {
	"$PYTHON" tests/links.py
	count 1 0
}

part_man() {
	local page
	lint_failed=0
	for page in man/*.[1-9]; do
		lint "$page" mandoc -T lint -W warning "$page"
	done
	return "$lint_failed"
}

# The README's first command.
part_demo() {
	scripts/demo.sh --exit | tee "$LOGS/demo.out"
	grep -q '^all  *3,081  *5,894$' "$LOGS/demo.out"
	grep -q '^all  *2,800  *2,800  *0$' "$LOGS/demo.out"
	count 1 0
}

part_fuzz() {
	scripts/fuzz.sh
	count 1 0
}

part_model() {
	if [ ! -d tests/model ]; then
		echo "no model in tests/model"
		count 0 0 1
		return
	fi
	make -C "$BUILDS/gcc" --no-print-directory check-model
	count 1 0
}

# On the vendor's own engine.
part_projections() {
	local out=$LOGS/projections.out
	ROWSTREAM_BUILD=$BUILDS/gcc scripts/projections-test.sh | tee "$out"
	tail -n 1 "$out" | awk '{ print $2, $4, 0 }' >>"$COUNTS"
}

# A fixed seed; what never hit fails it, see scripts/chaos.sh.
part_chaos() {
	ROWSTREAM_BUILD=$BUILDS/gcc scripts/chaos.sh --rounds "$CHAOS_ROUNDS" --seed 11
	count "$CHAOS_ROUNDS" 0
}

# With the real servers around the bridge; one process, because they are started once for all tests.
part_e2e() {
	run_pytest gcc -n 0 tests/e2e
}

# --- running them ---

needs() {
	case $1 in
	unit | programs | valgrind | instructions | distcheck | model | projections | chaos | e2e) echo build ;;
	esac
}

packages_for() {
	case $1 in
	build) echo "$BUILD_PACKAGES check" ;;
	unit | programs | sanitizers | chaos) echo "$BUILD_PACKAGES $TEST_PACKAGES" ;;
	e2e) echo "$BUILD_PACKAGES $TEST_PACKAGES $SERVER_PACKAGES" ;;
	*) echo "$BUILD_PACKAGES $TEST_PACKAGES $ALL_PACKAGES" ;;
	esac
}

# Its own process group, so that Ctrl-C can end all of it; in the background, because errexit
# does not work inside a condition.
run_part() {
	local name=$1 log=$LOGS/$1.log start=$SECONDS status=0 sums
	COUNTS=$LOGS/$name.counts
	: >"$COUNTS"
	[ ! -t 1 ] || printf '%s%s ...%s\r' "$dim" "$name" "$plain"
	set -m
	("part_$name") >"$log" 2>&1 </dev/null &
	part_pid=$!
	set +m
	wait "$part_pid" || status=$?
	part_pid=
	sums=$(awk '{ p += $1; f += $2; s += $3 } END { print p + 0, f + 0, s + 0 }' "$COUNTS")
	read -r passed failed skipped <<<"$sums"
	[ "$status" -eq 0 ] || [ "$failed" -gt 0 ] || failed=1
	[ $((passed + failed + skipped)) -gt 0 ] || failed=1
	report_part "$name" $((SECONDS - start)) "$log"
	total_passed=$((total_passed + passed))
	total_failed=$((total_failed + failed))
	total_skipped=$((total_skipped + skipped))
}

report_part() {
	local colour=$green row
	[ "$failed" -eq 0 ] || colour=$red
	row=$(printf '%-12s %6d passed %4d failed %4d skipped %6d s' "$1" "$passed" "$failed" "$skipped" "$2")
	table="$table$row"$'\n'
	say "$colour$row$plain"
	if [ "$failed" -gt 0 ]; then
		say "--- the end of build/logs/$1.log:"
		tail -n 60 "$3"
		say "---"
	fi
}

interrupted() {
	[ -z "${part_pid:-}" ] || kill -TERM -- "-$part_pid" 2>/dev/null || true
	say "interrupted"
	exit 130
}

# parts_for PART...: each after what it needs, each once.
parts_for() {
	local part before
	for part in "$@"; do
		before=$(needs "$part")
		[ -z "$before" ] || echo "$before"
		echo "$part"
	done | awk '!seen[$0]++'
}

main() {
	local wanted=$WORK_PARTS only='' part parts
	while [ $# -gt 0 ]; do
		case $1 in
		--all)
			wanted="$WORK_PARTS $MORE_PARTS"
			export ROWSTREAM_BROWSER=required
			;;
		--only)
			[ $# -gt 1 ] || die "--only needs a part: $WORK_PARTS $MORE_PARTS"
			declare -F "part_$2" >/dev/null || die "no part '$2'; parts: $WORK_PARTS $MORE_PARTS"
			only="$only $2"
			shift
			;;
		-h | --help)
			usage
			exit
			;;
		*) usage >&2 && exit 2 ;;
		esac
		shift
	done
	# shellcheck disable=SC2086 # lists of names
	parts=$(parts_for ${only:-$wanted})
	mkdir -p "$LOGS"
	# shellcheck disable=SC2046 # lists of names
	need_packages $(for part in $parts; do packages_for "$part"; done | xargs -n 1 | sort -u)
	case " $parts " in *clang* | *fuzz*) need_clang ;; esac
	trap interrupted INT TERM
	total_passed=0 total_failed=0 total_skipped=0 table=''
	for part in $parts; do
		run_part "$part"
	done
	say "${bold}all parts, $SECONDS s:$plain"
	printf '%s' "$table"
	say "logs: build/logs/"
	say "$total_passed passed, $total_failed failed, $total_skipped skipped"
	[ "$total_failed" -eq 0 ]
}

main "$@"
