#!/bin/sh
# Gives this container's user a name where the image has none, as under `--user 12345`: Java, Spark and PostgreSQL's
# client ask for one. The root is read-only, so the name lies in /tmp, where libnss-extrausers finds it by a link.
set -eu
if ! getent passwd "$(id -u)" >/dev/null; then
    line="nightshift:x:$(id -u):50000::/tmp:/usr/sbin/nologin"
    if ! { echo "$line" >/tmp/.nightshift-passwd; } 2>/dev/null; then
        echo "nightshift: user $(id -u) has no name here, and /tmp can't be written: give the container a tmpfs there" >&2
        exit 1
    fi
fi
# Docker mounts a tmpfs noexec unless it is told otherwise, and Java's compression libraries are unpacked in /tmp.
if grep -q '^[^ ]* /tmp [^ ]* [^ ]*noexec' /proc/mounts; then
    echo "nightshift: /tmp is mounted noexec, where Spark can't read or write Parquet: mount it as /tmp:exec" >&2
fi
exec "$@"
