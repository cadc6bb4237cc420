#!/usr/bin/env bash
# A random load as a bank makes it, against PostgreSQL, MariaDB or MySQL: for demonstrations and tests.
set -euo pipefail
. "$(dirname "$0")/lib.sh"

usage() {
	cat <<-END
		usage: scripts/generate.sh [OPTION]... [-- CLIENT COMMAND...]
		  --to SERVER       postgres (default), mariadb or mysql
		  --transactions N  how many (1000); each changes one to twelve rows
		  --accounts N      how many there are at first (20)
		  --seed N          1 to 9999 (1); the same seed, the same load. Its accounts have ids of their
		                    own, so that several loads can be in one database
		  --rate N          transactions a second at most (as fast as it goes)
		  --print           the statements on standard output, none executed
		  --dir D           the neighbourhood it goes to (scripts/neighbourhood.sh up --dir D)
		Another database: its client, reading statements from standard input, after --, like
		  scripts/generate.sh --to mariadb -- mariadb --user me shop
		Tables accounts and transfers are made where they are missing. Ctrl-C leaves whole transactions.
	END
}

# The statements. Random numbers are of Park and Miller (exact in doubles), so that every awk makes
# the same; a cube makes the first accounts hot.
statements() {
	awk -v to="$TO" -v transactions="$TRANSACTIONS" -v accounts="$ACCOUNTS" -v seed="$SEED" -v rate="$RATE" '
		function random(n) {
			state = (state * 16807) % 2147483647
			return int(state / 2147483647 * n)
		}
		function hot(u) {
			u = random(1000000) / 1000000
			return living[int(u * u * u * count)]
		}
		function cents(most, c) {
			c = 1 + random(most)
			return sprintf("%d.%02d", int(c / 100), c % 100)
		}
		function open_account(id) {
			id = seed * 1000000 + ++opened
			living[count++] = id
			printf "INSERT INTO accounts VALUES (%d, \047%s %d\047, %s, \047open\047, NULL);\n", id,
				names[1 + random(names_count)], opened, cents(500000)
		}
		function transfer(from, into, amount) {
			from = hot()
			do into = living[random(count)]; while (into == from)
			amount = cents(20000)
			printf "UPDATE accounts SET balance = balance - %s WHERE id = %d;\n", amount, from
			printf "UPDATE accounts SET balance = balance + %s WHERE id = %d;\n", amount, into
			printf "INSERT INTO transfers VALUES (%d, %d, %d, %s, %s);\n", seed * 100000000 + ++transfers,
				from, into, amount, random(4) ? "NULL" : "\047invoice " random(1000) "\047"
		}
		# The last account takes the place of the one that goes: the hot ones stay where they are.
		function close_account(place) {
			place = int(count / 2) + random(count - int(count / 2))
			printf "DELETE FROM accounts WHERE id = %d;\n", living[place]
			living[place] = living[--count]
		}
		function interest(rows, first, i) {
			rows = 2 + random(11)
			first = random(count)
			printf "UPDATE accounts SET balance = balance + %s WHERE id IN (%d", cents(999), living[first]
			for (i = 1; i < rows && first + i < count; i++) printf ", %d", living[first + i]
			print ");"
		}
		function note() {
			printf "UPDATE accounts SET status = \047%s\047, note = %s WHERE id = %d;\n",
				random(3) ? "open" : "frozen", random(3) ? "\047call " random(1000) "\047" : "NULL", hot()
		}
		# Until this transaction is due.
		function wait(n) {
			if (to == "postgres")
				printf "SELECT pg_sleep(greatest(0, %.6f + :start - extract(epoch from clock_timestamp())));\n", n / rate
			else
				printf "DO SLEEP(GREATEST(0, %.6f + @start - UNIX_TIMESTAMP(SYSDATE(6))));\n", n / rate
		}
		BEGIN {
			state = seed * 7919 + 1
			names_count = split("Alice Bob Chloé Dmitri Erdoğan Фёдор Grace 花子 Iñaki Zoë", names, " ")
			print "CREATE TABLE IF NOT EXISTS accounts (id bigint PRIMARY KEY, owner varchar(60) NOT NULL,"
			print " balance decimal(14,2) NOT NULL, status varchar(10) NOT NULL, note varchar(60));"
			print "CREATE TABLE IF NOT EXISTS transfers (id bigint PRIMARY KEY, from_id bigint NOT NULL,"
			print " to_id bigint NOT NULL, amount decimal(14,2) NOT NULL, memo varchar(60));"
			if (rate && to == "postgres") print "SELECT extract(epoch from clock_timestamp()) AS start \\gset"
			else if (rate) print "SET @start = UNIX_TIMESTAMP(SYSDATE(6));"
			print "BEGIN;"
			for (i = 0; i < accounts; i++) open_account()
			print "COMMIT;"
			for (n = 1; n <= transactions; n++) {
				if (rate) wait(n)
				print "BEGIN;"
				kind = random(100)
				if (kind < 60) transfer()
				else if (kind < 75) note()
				else if (kind < 85) interest()
				else if (kind < 94 || count < 4) open_account()
				else close_account()
				print "COMMIT;"
			}
		}'
}

# client SERVER: sets CLIENT, the command that executes statements of standard input.
client() {
	[ -e "$DIR/env" ] || die "no neighbourhood in $DIR: scripts/neighbourhood.sh up, or --dir, or a client after --"
	# shellcheck disable=SC1091 # written by neighbourhood.sh
	. "$DIR/env"
	case $1 in
	postgres)
		[ -n "${POSTGRES_PORT:-}" ] || die "no PostgreSQL in $DIR"
		CLIENT=(env PGOPTIONS=--client-min-messages=warning psql -qX -v ON_ERROR_STOP=1 "postgresql://postgres@127.0.0.1:$POSTGRES_PORT/bank")
		;;
	mariadb)
		[ -n "${MARIADB_PORT:-}" ] || die "no MariaDB in $DIR"
		CLIENT=(mariadb --no-defaults -h 127.0.0.1 -P "$MARIADB_PORT" -u debezium -pdbz
			--default-character-set=utf8mb4 bank)
		;;
	mysql)
		[ -n "${MYSQL_PORT:-}" ] || die "no MySQL in $DIR"
		CLIENT=(mariadb --no-defaults --skip-ssl -h 127.0.0.1 -P "$MYSQL_PORT" -u debezium -pdbz
			--default-character-set=utf8mb4 bank)
		;;
	esac
}

# number OPTION VALUE LEAST MOST
number() {
	if ! [[ $2 =~ ^[1-9][0-9]{0,8}$|^0$ ]] || [ "$2" -lt "$3" ] || [ "$2" -gt "$4" ]; then
		die "$1 takes a number from $3 to $4, not '$2'"
	fi
}

main() {
	TO=postgres TRANSACTIONS=1000 ACCOUNTS=20 SEED=1 RATE=0 CLIENT=()
	DIR=${TMPDIR:-/tmp}/rowstream-neighbourhood-$(id -u)
	local print=''
	while [ $# -gt 0 ]; do
		case $1 in
		--print) print=1 ;;
		-h | --help) usage && exit ;;
		--)
			shift
			[ $# -gt 0 ] || die "no client after --"
			CLIENT=("$@")
			break
			;;
		--to | --transactions | --accounts | --seed | --rate | --dir)
			[ $# -gt 1 ] || die "$1 needs a value"
			case $1 in
			--to) TO=$2 ;;
			--transactions) number "$1" "$2" 0 99999999 && TRANSACTIONS=$2 ;;
			--accounts) number "$1" "$2" 2 100000 && ACCOUNTS=$2 ;;
			--seed) number "$1" "$2" 1 9999 && SEED=$2 ;;
			--rate) number "$1" "$2" 1 1000000 && RATE=$2 ;;
			--dir) DIR=$2 ;;
			esac
			shift
			;;
		*) usage >&2 && exit 2 ;;
		esac
		shift
	done
	case $TO in
	postgres | mariadb | mysql) ;;
	*) die "--to takes postgres, mariadb or mysql, not '$TO'" ;;
	esac
	if [ -n "$print" ]; then
		statements
		return
	fi
	[ ${#CLIENT[@]} -gt 0 ] || client "$TO"
	statements | "${CLIENT[@]}" >/dev/null
}

main "$@"
