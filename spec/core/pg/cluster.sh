#!/bin/sh
# cluster.sh start -- a PostgreSQL cluster for one test program: prints its folder.
# cluster.sh stop FOLDER -- ends it and removes the folder.
# It is reached by a unix socket in that folder only. As root the server runs as
# the user postgres, because it refuses to be root.
set -eu

bin=$(ls -d /usr/lib/postgresql/*/bin | sort -V | tail -n 1)

as_server() {
    if [ "$(id -u)" = 0 ]; then
        setpriv --reuid=postgres --regid=postgres --clear-groups "$@"
    else
        "$@"
    fi
}

start() {
    dir=$(mktemp -d /tmp/rille-pg.XXXXXX)
    if [ "$(id -u)" = 0 ]; then chown postgres:postgres "$dir"; fi
    cd "$dir"
    as_server "$bin/initdb" -D "$dir/data" -U rille -A trust -E UTF8 --locale=C --no-sync >"$dir/initdb.log" 2>&1
    as_server "$bin/pg_ctl" -D "$dir/data" -w -s -l "$dir/server.log" -o "-c listen_addresses='' \
        -c unix_socket_directories='$dir' -c fsync=off -c max_connections=60 -c max_wal_senders=0" start >/dev/null 2>&1
    echo "$dir"
}

stop() {
    case $1 in /tmp/rille-pg.*) ;; *) exit 2 ;; esac
    cd /
    as_server "$bin/pg_ctl" -D "$1/data" -w -s -m immediate stop >/dev/null 2>&1 || true
    rm -rf "$1"
}

"$@"
