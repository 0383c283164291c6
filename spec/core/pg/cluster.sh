#!/bin/sh
# cluster.sh start -- a PostgreSQL cluster for one test program: prints its folder. It is a copy of the one in
#                     SPEC_CLUSTER, where that is set: initdb takes a second of a processor.
# cluster.sh tls FOLDER PORT -- it listens on 127.0.0.1 too then, with TLS: as localhost, by FOLDER/ca.pem;
#                               FOLDER/other.pem is an authority that knows nothing of it.
# cluster.sh restart FOLDER MODE -- fast or immediate.
# cluster.sh standby FOLDER -- it follows another server then, which never says anything.
# cluster.sh replica FOLDER -- another one, which follows the first and is open for reads: prints its folder.
# cluster.sh kill FOLDER -- as by a crash. cluster.sh begin FOLDER -- it runs again then.
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

new_folder() {
    dir=$(mktemp -d /tmp/rille-pg.XXXXXX)
    if [ "$(id -u)" = 0 ]; then chown postgres:postgres "$dir"; fi
    cd "$dir"
}

begin() { # also after a crash, as soon as the last of its processes has gone
    cd "$1"
    for _ in $(seq 100); do
        as_server "$bin/pg_ctl" -D "$1/data" -w -s -l "$1/server.log" -o "-c listen_addresses='' \
            -c unix_socket_directories='$1' -c fsync=off -c max_connections=60" start >/dev/null 2>&1 && return
        sleep 0.2
    done
    return 1
}

start() {
    new_folder
    if [ -n "${SPEC_CLUSTER:-}" ]; then
        cp -a "$SPEC_CLUSTER/data" data
        as_server sed -i s/scram-sha-256/trust/ data/pg_hba.conf
    else
        as_server "$bin/initdb" -D "$dir/data" -U rille -A trust -E UTF8 --locale=C.UTF-8 --no-sync >"$dir/initdb.log" 2>&1
    fi
    begin "$dir"
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
    restart "$1" fast
}

replica() {
    new_folder
    as_server "$bin/pg_basebackup" -h "$1" -U rille -D "$dir/data" -R -c fast --no-sync >"$dir/basebackup.log" 2>&1
    # Whatever is read there gives way at once to what the primary has done.
    echo "max_standby_streaming_delay = 0" >>"$dir/data/postgresql.auto.conf"
    begin "$dir"
    echo "$dir"
}

kill() {
    command kill -9 "$(head -n 1 "$1/data/postmaster.pid")"
}

stop() {
    case $1 in /tmp/rille-pg.*) ;; *) exit 2 ;; esac
    cd /
    as_server "$bin/pg_ctl" -D "$1/data" -w -s -m immediate stop >/dev/null 2>&1 || true
    rm -rf "$1"
}

"$@"
