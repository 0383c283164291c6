#!/bin/bash
# activated -- start a command as systemd's socket activation does: bash activated.sh "FD FD..." "NAME:NAME..." COMMAND...
# Its descriptors are 3, 4, ..., and it is told so in its environment, with the number of its own process.
set -eu
fds=$1 LISTEN_FDNAMES=$2
shift 2
LISTEN_FDS=0
for fd in $fds; do
    eval "exec $((LISTEN_FDS + 3))<&$fd"
    LISTEN_FDS=$((LISTEN_FDS + 1))
done
LISTEN_PID=$$
export LISTEN_FDNAMES LISTEN_FDS LISTEN_PID
exec "$@"
