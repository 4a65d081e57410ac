# shellcheck shell=bash
# What every script needs: the checkout's root, messages, processes and free ports. To be sourced.

TB_ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
export TB_ROOT

say() {
    printf '%s\n' "$*" >&2
}

die() {
    say "$(basename "$0"): $*"
    exit 1
}

# short_hash TEXT: eight characters that stand for a text in a file's name.
short_hash() {
    printf '%s' "$1" | sha256sum | cut -c 1-8
}

# A password made of characters that need no escape in a URL.
random_secret() {
    od -An -N 12 -t x1 /dev/urandom | tr -d ' \n'
}

# is_gone PID: no such process, or one that only waits for its parent to notice.
is_gone() {
    local state
    [[ -n ${1:-} ]] || return 0
    state=$(sed -n 's/^State:[[:space:]]*//p' "/proc/$1/status" 2>/dev/null) || return 0
    [[ -z $state || $state == [ZX]* ]]
}

# has_variable PID NAME=VALUE: what a process was started with. A server that we started carries a mark there.
has_variable() {
    { tr '\0' '\n' <"/proc/$1/environ" | grep -qxF -- "$2"; } 2>/dev/null
}

# wait_until SECONDS COMMAND...: whether the command succeeded in time.
wait_until() {
    local end=$((SECONDS + $1))
    shift
    until "$@"; do
        ((SECONDS < end)) || return 1
        sleep 0.05
    done
}

# answers PORT: somebody listens there on the loopback.
answers() {
    (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null
}

# free_ports COUNT: as many different ports that nobody listens on, one a line. They lie below those that Linux gives to
# outgoing connections, so that one which is kept in a file stays free while its server is down.
free_ports() {
    local port
    local -A taken=()
    while ((${#taken[@]} < $1)); do
        port=$((10240 + (RANDOM * 32768 + RANDOM) % 22000))
        if [[ -z ${taken[$port]:-} ]] && ! answers "$port"; then
            taken[$port]=1
            printf '%s\n' "$port"
        fi
    done
}
