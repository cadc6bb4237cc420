# The capture of the databases named bank, and what tells programs where everything is. Sourced by
# neighbourhood.sh, never run.
# shellcheck shell=bash

# write_env: for tests and for scripts/generate.sh; a shell can read it too.
write_env() {
	local server
	{
		echo "KAFKA=127.0.0.1:$(port kafka)"
		echo "CONNECT=http://127.0.0.1:$(port connect)"
		if has registry; then
			echo "REGISTRY=$(tell_registry)"
			# Where the Avro converter of Connect registers schemas.
			echo "REGISTRY_APICURIO=http://127.0.0.1:$(port registry)/apis/registry/v2"
		fi
		for server in postgres mariadb mysql; do
			if has "$server"; then echo "${server^^}_PORT=$(port "$server")"; fi
		done
	} >"$DIR/env"
}

write_configuration() {
	local topics='' server
	for server in postgres mariadb mysql; do
		if has "$server"; then topics="$topics, '^$server\\..*'"; fi
	done
	cat >"$DIR/rowstream.yaml" <<-END
		# For: rowstream run -c $DIR/rowstream.yaml
		kafka:
		  bootstrap.servers: 127.0.0.1:$(port kafka)
		  group.id: rowstream
		source:
		  topics: [${topics#, }]
		eventstore:
		  url: esdb://admin:changeit@127.0.0.1:2113?tls=false
		mapping:
		  # Each database has a table accounts; their rows are not to share streams.
		  stream: '{name}.{table}-{key}'
	END
}

bank_postgres() {
	cat <<-END
		"connector.class": "io.debezium.connector.postgresql.PostgresConnector",
		"database.hostname": "127.0.0.1", "database.port": "$(port postgres)",
		"database.user": "postgres", "database.password": "", "database.dbname": "bank",
		"plugin.name": "pgoutput", "slot.name": "bank", "publication.name": "bank",
		"publication.autocreate.mode": "all_tables",
	END
}

# bank_binlog SERVER CLASS ID
bank_binlog() {
	cat <<-END
		"connector.class": "io.debezium.connector.$2",
		"database.hostname": "127.0.0.1", "database.port": "$(port "$1")",
		"database.user": "debezium", "database.password": "dbz",
		"database.include.list": "bank", "database.server.id": "$3",
		"schema.history.internal.kafka.bootstrap.servers": "127.0.0.1:$(port kafka)",
		"schema.history.internal.kafka.topic": "history-$1-bank",
	END
}

bank_mariadb() {
	bank_binlog mariadb mariadb.MariaDbConnector 5001
}

bank_mysql() {
	bank_binlog mysql mysql.MySqlConnector 5002
	echo '"database.ssl.mode": "disabled",'
}

# register NAME: Connect answers 409 while it rebalances.
register() {
	local url status end=$((SECONDS + DEADLINE_S))
	url=http://127.0.0.1:$(port connect)/connectors/$1/config
	while :; do
		status=$(curl -s -o "$DIR/log/register-$1.json" -w '%{http_code}' -X PUT \
			-H 'Content-Type: application/json' -d "@$DIR/etc/$1.json" "$url") || true
		case $status in
		200 | 201) return ;;
		409) [ "$SECONDS" -lt "$end" ] || die "Connect goes on rebalancing" ;;
		*) die "Connect refuses connector $1 ($status): $DIR/log/register-$1.json" ;;
		esac
		sleep 0.2
	done
}

# capture_banks: a connector of its own for each database's bank; the topics begin with the server's name.
capture_banks() {
	local server
	for server in postgres mariadb mysql; do
		has "$server" || continue
		{
			echo '{'
			"bank_$server"
			echo "\"topic.prefix\": \"$server\", \"decimal.handling.mode\": \"string\""
			echo '}'
		} >"$DIR/etc/bank-$server.json"
		register "bank-$server"
	done
}
