#!/bin/sh
# Includes point down only: base < pure < edges < pipeline < commands; no edge includes another,
# but that some share http_client.
set -eu
cd "$(dirname "$0")/.."
grep -H '^#include "' include/*.h src/*.c | sed 's/:#include//; s/"//g' | awk '
	function stem(path) { sub(/.*\//, "", path); sub(/\.[ch]$/, "", path); return path }
	function layer(name) {
		if (name ~ /^(arena|autoconf|error|flags|log|man|output|pattern|position_file|rows|strbuf|table|terminal|timestamp|util)$/) return 0
		if (name ~ /^(capture|config|connect$|database|es_http|eventstore|http_client|http_server|kafka|registry|row_store)/) return 2
		if (name ~ /^(category|change_log|pipeline|record_walk|row_walk|schema_fetch|sql_output|table_fold|wire)/) return 3
		return name ~ /^(cmd_.*|command|devkafka|findings|main|reading|serve.*)$/ ? 4 : 1
	}
	function edge(name) { return name ~ /^es_/ ? "event" : substr(name, 1, 5) }
	{ from = stem($1); to = stem($2) }
	layer(from) < layer(to) || (layer(from) == 1 && to == "log") ||
	(layer(from) == 2 && layer(to) == 2 && edge(from) != edge(to) && to != "http_client") {
		print $1 " must not include " $2; bad = 1
	}
	END { exit bad }'
