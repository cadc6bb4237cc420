#!/usr/bin/env bash
# Two databases' captured changes, from an embedded Kafka to the development store, and what became
# of them. Stays up until Ctrl-C; --exit ends when all is shown.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
cd "$ROOT"

DEMO=$BUILDS/demo
BIN=$BUILDS/release
CAPTURES="postgres-bank-readable mariadb-bank-readable"
pids=()

usage() {
	cat <<-END
		usage: scripts/demo.sh [--exit]
		Installs what is missing, builds, starts an embedded Kafka with captured changes of a
		PostgreSQL and a MariaDB database and a development store, bridges them, and shows what
		happened. Then everything stays up until Ctrl-C; with --exit it ends instead.
	END
}

# Ends what was started, last first, each by its own pid.
tidy_up() {
	local status=$? i
	trap '' INT TERM
	for ((i = ${#pids[@]} - 1; i >= 0; i--)); do
		kill -TERM "${pids[i]}" 2>/dev/null || true
		wait "${pids[i]}" 2>/dev/null || true
	done
	exit "$status"
}

# start NAME COMMAND...: in the background, output to files; the address of its `ready` line goes
# to $address.
start() {
	local name=$1 tries=0
	shift
	: >"$DEMO/$name.out"
	"$@" >"$DEMO/$name.out" 2>"$DEMO/$name.log" </dev/null &
	pids+=($!)
	until address=$(sed -n 's/^ready //p' "$DEMO/$name.out") && [ -n "$address" ]; do
		if ! kill -0 "${pids[-1]}" 2>/dev/null; then
			cat "$DEMO/$name.log" >&2
			die "$name did not start (above)"
		fi
		tries=$((tries + 1))
		[ "$tries" -lt 600 ] || die "$name is not ready after a minute; see build/demo/$name.log"
		sleep 0.1
	done
}

write_config() {
	cat >"$DEMO/rowstream.yaml" <<-END
		kafka:
		  bootstrap.servers: $1
		  group.id: demo
		source:
		  topics: ['^shopbank.*']
		eventstore:
		  url: esdb://admin:changeit@$2?tls=false
		mapping:
		  stream: '{name}.{table}-{key}'    # both databases have a table "accounts"
	END
}

# The end that counts: rows rebuilt from their streams are those that the databases had.
show_rows() {
	say ''
	say "${bold}rows now${plain}: rowstream table CATEGORY, beside what SELECT printed in the databases"
	"$PYTHON" -B scripts/demo_compare.py "$BIN/rowstream" "$DEMO/rowstream.yaml" \
		postgres-bank-readable=shopbank. mariadb-bank-readable=shopbankm.
	say ''
	say "${bold}one row's life${plain}: rowstream history shopbank.customers 2"
	"$BIN/rowstream" history -c "$DEMO/rowstream.yaml" shopbank.customers 2
}

main() {
	local stay=yes capture files=() kafka store
	case ${1:-} in
	'') ;;
	--exit) stay=no ;;
	-h | --help) usage && exit ;;
	*) usage >&2 && exit 2 ;;
	esac

	# shellcheck disable=SC2086 # lists of names
	need_packages $BUILD_PACKAGES python3
	say "${bold}building${plain} (log: build/logs/demo-build.log)"
	mkdir -p "$BUILDS/logs"
	build_tree release >"$BUILDS/logs/demo-build.log" 2>&1 || {
		tail -n 20 "$BUILDS/logs/demo-build.log" >&2
		die "the build failed (above)"
	}

	trap tidy_up EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM
	rm -rf "$DEMO"
	mkdir -p "$DEMO"
	for capture in $CAPTURES; do
		files+=(tests/fixtures/"$capture"/records.jsonl*)
	done
	start kafka "$BIN/rowstream-devkafka" --port 0 --partitions 1 "${files[@]}"
	kafka=$address
	say "embedded Kafka       $kafka, with the changes of ${CAPTURES// / and }"
	start store "$BIN/rowstream-devstore" --port 0 --memory
	store=${address#http://}
	store=${store%/}
	say "development store    http://$store"
	write_config "$kafka" "$store"
	say "configuration        build/demo/rowstream.yaml"

	say "bridge               rowstream run -c build/demo/rowstream.yaml --until-end"
	"$BIN/rowstream" run -c "$DEMO/rowstream.yaml" --until-end >"$DEMO/run.log" 2>&1 </dev/null || {
		tail -n 20 "$DEMO/run.log" >&2
		die "the bridge failed (above)"
	}
	"$PYTHON" -B scripts/demo_report.py "$DEMO/run.log" "http://$store"
	show_rows

	[ "$stay" = yes ] || exit 0
	"$BIN/rowstream" run -c "$DEMO/rowstream.yaml" >"$DEMO/bridge.log" 2>&1 </dev/null &
	pids+=($!)
	say ''
	say "${bold}Everything stays up until Ctrl-C.${plain} The store: ${bold}http://$store/web$plain"
	say "  curl -u admin:changeit -H 'Accept: application/json' \\"
	say "    'http://$store/streams/shopbank.customers-2?embed=body'"
	wait "${pids[@]}"
}

main "$@"
