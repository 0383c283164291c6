#!/bin/sh
# cluster.sh start -- a PostgreSQL cluster for one test program: prints its folder.
# cluster.sh tls FOLDER PORT -- it listens on 127.0.0.1 too then, with TLS: as localhost, by FOLDER/ca.pem;
#                               FOLDER/other.pem is an authority that knows nothing of it.
# cluster.sh restart FOLDER MODE -- fast or immediate.
# cluster.sh standby FOLDER -- it follows another server then, which never says anything.
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

authority() { # authority FILE
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj "/CN=$1" \
        -keyout "$1.key" -out "$1.pem" 2>/dev/null
}

tls() {
    cd "$1"
    authority ca
    authority other
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=localhost \
        -keyout server.key -out server.csr 2>/dev/null
    openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -out server.pem 2>/dev/null
    chmod 600 server.key
    if [ "$(id -u)" = 0 ]; then chown postgres:postgres server.key server.pem; fi
    as_server "$bin/pg_ctl" -D "$1/data" -w -s -l "$1/server.log" -o "-c listen_addresses=127.0.0.1 -c port=$2 \
        -c unix_socket_directories='$1' -c fsync=off -c ssl=on -c ssl_cert_file='$1/server.pem' \
        -c ssl_key_file='$1/server.key'" restart >/dev/null 2>&1
}

restart() {
    cd /
    as_server "$bin/pg_ctl" -D "$1/data" -w -s -l "$1/server.log" -m "$2" restart >/dev/null 2>&1
}

standby() {
    as_server touch "$1/data/standby.signal"
    as_server "$bin/pg_ctl" -D "$1/data" -w -s -l "$1/server.log" -o "-c listen_addresses='' \
        -c unix_socket_directories='$1' -c fsync=off -c max_connections=60 -c max_wal_senders=0" restart >/dev/null 2>&1
}

stop() {
    case $1 in /tmp/rille-pg.*) ;; *) exit 2 ;; esac
    cd /
    as_server "$bin/pg_ctl" -D "$1/data" -w -s -m immediate stop >/dev/null 2>&1 || true
    rm -rf "$1"
}

"$@"
