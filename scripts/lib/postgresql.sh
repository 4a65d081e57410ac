# shellcheck shell=bash
# The stack's PostgreSQL: a cluster of its own with default durability. PostgreSQL refuses to run as root, which
# therefore runs it as the user postgres. To be sourced after base.sh, with STACK set and the ports loaded.

# newest_postgresql: where the programs of the newest version are that is installed.
newest_postgresql() {
    local place
    for place in /usr/lib/postgresql/*/bin/initdb; do
        [[ ! -x $place ]] || printf '%s\n' "${place%/initdb}"
    done | sort --version-sort | tail -n 1
}

# postgresql_bin: of the version that made the cluster, for no other one may open it.
postgresql_bin() {
    local place version
    if [[ -n ${TASKBRIDGE_POSTGRESQL_BIN:-} ]]; then
        printf '%s' "$TASKBRIDGE_POSTGRESQL_BIN"
        return
    fi
    version=$(cat "$(postgresql_home)/data/PG_VERSION" 2>/dev/null) || version=
    place=/usr/lib/postgresql/$version/bin
    if [[ -n $version && -x $place/postgres ]]; then printf '%s' "$place"; else newest_postgresql; fi
}

# as_postgresql COMMAND...: as the user that owns the data.
as_postgresql() {
    if ((EUID == 0)); then
        runuser -u postgres -- "$@"
    else
        "$@"
    fi
}

# Beside the rest of the stack; elsewhere if that user may not go there, or if a socket's name would grow too long.
postgresql_home() {
    if [[ ! -f $STACK/postgresql.home ]]; then
        if ((${#STACK} < 75)) && as_postgresql test -x "$STACK" 2>/dev/null; then
            printf '%s/postgresql' "$STACK" >"$STACK/postgresql.home"
        else
            printf '/var/tmp/taskbridge-%s-%s' "$EUID" "$(short_hash "$STACK")" >"$STACK/postgresql.home"
        fi
    fi
    cat "$STACK/postgresql.home"
}

# The postmaster's number, if it is this stack's: it works in its data directory.
postgresql_pid() {
    local pid data
    data=$(postgresql_home)/data
    pid=$(head -n 1 "$data/postmaster.pid" 2>/dev/null) || return 0
    ! is_gone "$pid" && [[ $(readlink "/proc/$pid/cwd") == "$data" ]] || return 0
    printf '%s' "$pid"
}

postgresql_is_up() {
    [[ -n $(postgresql_pid) ]] && "$(postgresql_bin)/pg_isready" -q -t 1 -h 127.0.0.1 -p "$POSTGRESQL_PORT"
}

# postgresql_psql DATABASE ARGS...: as its superuser, over the socket that only the owner of the data may reach.
postgresql_psql() (
    cd /
    as_postgresql "$(postgresql_bin)/psql" -X -q -v ON_ERROR_STOP=1 -h "$(postgresql_home)/run" \
        -p "$POSTGRESQL_PORT" -U postgres "$@"
)

# postgresql_create: once. The cluster appears under its name when it is complete.
postgresql_create() {
    local home
    home=$(postgresql_home)
    [[ ! -d $home/data ]] || return 0
    mkdir -p "$home"
    ((EUID != 0)) || chown postgres: "$home"
    rm -rf "$home/new"
    as_postgresql mkdir -p -m 700 "$home/run"
    (cd / && as_postgresql "$(postgresql_bin)/initdb" -D "$home/new" -U postgres -E UTF8 --locale=C.UTF-8 \
        --auth-local=trust --auth-host=scram-sha-256 --no-sync --no-instructions >"$STACK/initdb.log" 2>&1) ||
        die "initdb failed: see $STACK/initdb.log"
    as_postgresql tee -a "$home/new/postgresql.conf" >/dev/null <<TEXT
listen_addresses = '127.0.0.1'
port = $POSTGRESQL_PORT
unix_socket_directories = '$home/run'
max_connections = 200
log_line_prefix = '%m [%p] %q%u@%d '
timezone = 'UTC'
TEXT
    as_postgresql mv "$home/new" "$home/data"
}

# postgresql_prepare: the role and the database of the programs, which own no more than that.
postgresql_prepare() {
    if [[ -z $(postgresql_psql -At -d postgres -c "SELECT 1 FROM pg_roles WHERE rolname = 'taskbridge'") ]]; then
        postgresql_psql -d postgres <<<"ALTER ROLE postgres PASSWORD '$SECRET';
            CREATE ROLE taskbridge LOGIN CREATEROLE PASSWORD '$SECRET'"
    fi
    if [[ -z $(postgresql_psql -At -d postgres -c "SELECT 1 FROM pg_database WHERE datname = 'taskbridge'") ]]; then
        postgresql_psql -d postgres -c 'CREATE DATABASE taskbridge OWNER taskbridge'
    fi
}

# postgresql_forget_killed: PostgreSQL refuses to start while a file names a process that can be signalled, be it a dead one that
# nobody has waited for.
postgresql_forget_killed() {
    local file home
    home=$(postgresql_home)
    for file in "$home/data/postmaster.pid" "$home/run/.s.PGSQL.$POSTGRESQL_PORT.lock"; do
        [[ ! -f $file ]] || ! is_gone "$(head -n 1 "$file")" || rm -f "$file"
    done
}

# postgresql_start: waits for its recovery too, if it was killed.
postgresql_start() {
    local home
    home=$(postgresql_home)
    postgresql_create
    if [[ -z $(postgresql_pid) ]]; then
        postgresql_forget_killed
        (cd / && as_postgresql "$(postgresql_bin)/pg_ctl" -D "$home/data" -l "$home/postgresql.log" -W start \
            </dev/null >/dev/null 9>&-) || true
    fi
    if ! wait_until 120 postgresql_is_up_or_dead || ! postgresql_is_up; then
        postgresql_log_tail
        die "PostgreSQL does not start"
    fi
    [[ -f $STACK/postgresql.prepared ]] || { postgresql_prepare && touch "$STACK/postgresql.prepared"; }
}

# One that was just started has written its number before pg_ctl ends; the moment until then counts as neither.
postgresql_is_up_or_dead() {
    postgresql_is_up && return 0
    [[ -n $(postgresql_pid) ]] && return 1
    sleep 0.5
    [[ -z $(postgresql_pid) ]]
}

# postgresql_stop: fast. Asked to stop in the middle of its recovery PostgreSQL 15 has been seen to wait for ever; then
# it is stopped as a crash would.
postgresql_stop() {
    local home mode
    home=$(postgresql_home)
    for mode in fast immediate; do
        [[ -n $(postgresql_pid) ]] || return 0
        ! (cd / && as_postgresql "$(postgresql_bin)/pg_ctl" -D "$home/data" -m "$mode" -w -t 30 stop >/dev/null) ||
            return 0
    done
    postgresql_kill
}

# The children too: the next start would be refused while one of them holds the shared memory.
postgresql_kill() {
    local pid
    local -a all
    pid=$(postgresql_pid)
    [[ -n $pid ]] || return 0
    mapfile -t all < <(printf '%s\n' "$pid" && { pgrep -P "$pid" || true; })
    kill -KILL "${all[@]}" 2>/dev/null || true
    for pid in "${all[@]}"; do
        wait_until 10 is_gone "$pid"
    done
}

postgresql_log_tail() {
    tail -n 25 "$(postgresql_home)/postgresql.log" >&2 2>/dev/null || true
}
