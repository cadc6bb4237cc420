#!/bin/sh
# Checks the model of the append protocol with spin, exhaustively, and that every mutation of it is
# caught. One line a configuration; exit 1 on any surprise.
#
#   run.sh                the whole table below
#   run.sh NAME...        some of it
#   run.sh --trace NAME   the shortest story that shows how a mutation goes wrong
#
# Needs spin and a C compiler. At most 2 GB of memory, one core.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
model=$here/append.pml
spin=${SPIN:-spin}
cc=${CC:-cc}

# name | what must come of it | switches
#   holds      no assertion fails and nobody gets stuck, in every reachable state
#   holds+     the same, and every statement of the model was reached
#   progress   under weak fairness all is committed at last, on every infinite run
#   cycle      (a mutation) there is a run on which that never happens
#   a name     (a mutation) that assertion fails
table() {
	crash='-DF_REBALANCE -DF_CRASH -DF_TIMEOUT'
	every="$crash -DF_LEADER -DF_TOO_LARGE -DF_STALE -DF_EVICT -DF_REWIND"
	small='-DN1=1 -DFAULTS=2'
	cat <<END
every_fault           | holds+   | $every -DFAULTS=2 -DPAGE=4
three_faults          | holds    | $crash -DN1=1 -DFAULTS=3 -DGHOSTS=2 -DPAGE=4
pages                 | holds+   | $every $small -DPAGE=1
batches_of_three      | holds    | $crash -DN0=3 -DN1=1 -DBATCH=3 -DFAULTS=2 -DPAGE=2
one_owner             | holds    | $every $small -DOWNER1=0 -DPAGE=4
seen_is_known         | holds+   | $every $small -DKEEP_SEEN
record_elsewhere      | holds    | $crash -DELSEWHERE -DN1=0 -DFAULTS=2
tombstone             | holds    | $crash -DTOMBSTONE -DN0=3 -DN1=1 -DFAULTS=2
alone                 | holds    | -DF_TIMEOUT -DF_LEADER -DALONE -DOWNER1=0 -DGHOSTS=2 -DFAULTS=4
progress              | progress | $every -DN1=1 -DFAULTS=1 -DPAGE=4
progress_two_faults   | progress | $crash -DN0=1 -DN1=1 -DFAULTS=2 -DPAGE=4
any_version           | written_twice       | $crash $small -DM_ANY_VERSION
growing_batch         | conflict_when_alone | -DF_TIMEOUT -DALONE -DOWNER1=0 -DFAULTS=1 -DM_GROWING_BATCH
growing_and_header    | written_twice       | -DF_TIMEOUT -DOWNER1=0 -DFAULTS=1 -DM_GROWING_BATCH -DM_ADOPT_HEADER
commit_first          | committed_too_early | $crash $small -DM_COMMIT_FIRST
random_ids            | written_twice       | $crash $small -DM_RANDOM_IDS
two_in_flight         | out_of_order        | $crash $small -DM_TWO_IN_FLIGHT
head_offset           | written_twice       | $crash $small -DM_HEAD_OFFSET
adopt_header          | written_twice       | $crash $small -DM_ADOPT_HEADER
adopt_header_404      | written_twice       | $crash $small -DM_ADOPT_HEADER_404
revision_later        | written_twice       | $crash $small -DM_REVISION_LATER
keep_others           | written_twice       | $crash $small -DM_KEEP_OTHERS
keep_unseen           | written_twice       | $crash -DFAULTS=2 -DM_KEEP_UNSEEN
stop_early            | written_twice       | $crash $small -DM_STOP_EARLY
unchecked_partition   | written_twice       | $crash $small -DM_UNCHECKED_PARTITION
below_checked         | written_twice       | $crash $small -DM_BELOW_CHECKED
resend_at_head        | written_twice       | $crash $small -DM_RESEND_AT_HEAD
conflict_is_done      | committed_too_early | $crash $small -DM_CONFLICT_IS_DONE
commit_highest        | committed_too_early | $crash -DELSEWHERE -DN1=0 -DFAULTS=2 -DM_COMMIT_HIGHEST
tombstone_last_event  | judged_twice        | $crash -DTOMBSTONE -DN0=3 -DN1=1 -DFAULTS=1 -DM_LAST_EVENT
tombstone_last_known  | hole_met            | $crash -DTOMBSTONE -DN0=3 -DN1=0 -DFAULTS=1 -DM_LAST_OF_STREAM
stubborn              | cycle               | $crash -DN1=1 -DFAULTS=1 -DM_STUBBORN
check_forever         | cycle               | $crash -DN1=1 -DFAULTS=1 -DM_CHECK_FOREVER
END
}

die() {
	echo "run.sh: $*" >&2
	exit 1
}

# build SWITCHES OPTIONS: a verifier ./pan in the current directory. gcc cannot follow the verifier's
# own bounds checks: no warnings of generated code.
build() {
	# shellcheck disable=SC2086 # lists of options
	"$spin" -a $1 "$model" >spin.out 2>&1 || { cat spin.out >&2; die "spin refuses the model"; }
	# shellcheck disable=SC2086
	"$cc" -O2 -w -DMEMLIM=3500 $2 -o pan pan.c
}

# The story of a counterexample: what the printfs of the model say.
story() {
	cp "$model" append.pml
	# shellcheck disable=SC2086
	"$spin" -t -T -k append.pml.trail $1 append.pml 2>/dev/null |
		grep -E '^[[:space:]]*(bridge|store|group)' || true
}

# What pan found, in one word.
finding() {
	if grep -q 'max search depth too small\|Search not completed\|out of memory\|aborting' pan.out &&
		! grep -q '^pan:1: ' pan.out; then
		echo incomplete
	elif grep -q 'acceptance cycle' pan.out; then
		echo cycle
	elif grep -q 'invalid end state (' pan.out; then
		echo stuck
	elif grep -q 'assertion violated' pan.out; then
		sed -n 's/.*assertion violated *!(*\([a-z_]*\).*/\1/p' pan.out | head -1
	elif grep -q 'errors: 0$' pan.out; then
		echo none
	else
		echo incomplete
	fi
}

unreached() {
	awk '/^unreached in claim/ { exit } /^unreached in/ { on = 1 } on && /, state [0-9]/' pan.out
}

# verdict WANTED: a word for the line; 1 for a surprise.
verdict() {
	got=$(finding)
	case $1:$got in
	holds+:none)
		[ -z "$(unreached)" ] || { echo "SURPRISE: statements never reached"; return 1; }
		echo "holds, all reached" ;;
	holds:none | progress:none) echo holds ;;
	"$got:$1") echo "caught: $got" ;;
	*) echo "SURPRISE: wanted $1, got $got"; return 1 ;;
	esac
}

# check NAME WANTED SWITCHES
check() {
	case $2 in
	progress | cycle)
		build "$3" "-DNFAIR=3"
		run="-a -f" ;;
	*)
		build "$3" "-DSAFETY -DNOCLAIM -DNOREDUCE"
		run="" ;;
	esac
	# shellcheck disable=SC2086
	./pan $run -m1000000 >pan.out 2>&1 || true
	word=$(verdict "$2") && ok=0 || ok=1
	awk -v name="$1" -v word="$word" '
		/ states, stored/ { states = $1 }
		/elapsed time/ { seconds = $4 }
		END { printf "%-22s %10d states %7.1f s  %s\n", name, states, seconds, word }' pan.out
	if [ "$ok" -ne 0 ]; then
		unreached
		[ -f append.pml.trail ] && story "$3"
	fi
	return "$ok"
}

trace() {
	line=$(table | grep "^$1 ") || die "no configuration $1"
	wanted=$(echo "$line" | cut -d'|' -f2 | tr -d ' ')
	switches=$(echo "$line" | cut -d'|' -f3)
	case $wanted in
	holds* | progress) die "$1 is no mutation: there is nothing to show" ;;
	cycle)
		build "$switches" "-DNFAIR=3"
		./pan -a -f -m1000000 >pan.out 2>&1 || true ;;
	*)
		build "$switches" "-DSAFETY -DNOCLAIM -DNOREDUCE -DREACH"
		./pan -i -m600 >pan.out 2>&1 || true ;;
	esac
	story "$switches"
	echo "=> $wanted"
}

command -v "$spin" >/dev/null || die "spin is not installed (Debian: apt install spin)"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

if [ "${1:-}" = --trace ]; then
	[ $# -eq 2 ] || die "--trace wants one name"
	trace "$2"
	exit
fi

surprises=0 count=0
for name; do
	table | grep -q "^$name " || die "no configuration $name"
done
table >configurations
while IFS='|' read -r name wanted switches; do
	name=$(echo "$name" | tr -d ' ')
	wanted=$(echo "$wanted" | tr -d ' ')
	case " ${*:-$name} " in
	*" $name "*) ;;
	*) continue ;;
	esac
	count=$((count + 1))
	rm -rf one
	mkdir one
	cd one
	check "$name" "$wanted" "$switches" || surprises=$((surprises + 1))
	cd ..
done <configurations
echo "$count configurations, $surprises surprises"
[ "$surprises" -eq 0 ]
