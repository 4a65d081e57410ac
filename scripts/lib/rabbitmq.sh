# shellcheck shell=bash
# The stack's RabbitMQ: a node that shares nothing with the system's, neither its name, cookie, directories and
# configuration nor its epmd. To be sourced after base.sh, with STACK set and the ports loaded.

RABBITMQ_BIN=/usr/lib/rabbitmq/bin
RABBITMQ_NODE=taskbridge@localhost

rabbitmq_home() {
    printf '%s/rabbitmq' "$STACK"
}

# The mark by which a process is known to be this stack's; no program of a test carries it.
rabbitmq_mark() {
    printf 'TASKBRIDGE_STACK_MARK=%s' "$STACK"
}

# What the node, its epmd and rabbitmqctl see of the environment: this and nothing else.
rabbitmq_environment() {
    local home
    home=$(rabbitmq_home)
    cat <<TEXT
$(rabbitmq_mark)
PATH=/usr/sbin:/usr/bin:/sbin:/bin
LANG=C.UTF-8
HOME=$home
ERL_EPMD_PORT=$EPMD_PORT
ERL_EPMD_ADDRESS=127.0.0.1
ERL_EPMD_RELAXED_COMMAND_CHECK=1
ERL_MAX_PORTS=16384
ERL_CRASH_DUMP=$home/log/erl_crash.dump
ERL_CRASH_DUMP_SECONDS=0
RABBITMQ_NODENAME=$RABBITMQ_NODE
RABBITMQ_CONF_ENV_FILE=$home/none
RABBITMQ_CONFIG_FILE=$home/rabbitmq.conf
RABBITMQ_ADVANCED_CONFIG_FILE=$home/none.config
RABBITMQ_ENABLED_PLUGINS_FILE=$home/enabled_plugins
RABBITMQ_MNESIA_BASE=$home/mnesia
RABBITMQ_LOG_BASE=$home/log
RABBITMQ_LOGS=$home/log/rabbitmq.log
RABBITMQ_SCHEMA_DIR=$home/schema
RABBITMQ_GENERATED_CONFIG_DIR=$home/generated
RABBITMQ_PID_FILE=$home/node.pid
RABBITMQ_DIST_PORT=$DIST_PORT
RABBITMQ_CTL_DIST_PORT_MIN=33000
RABBITMQ_CTL_DIST_PORT_MAX=60000
RABBITMQ_ALLOW_INPUT=1
RABBITMQ_SERVER_ERL_ARGS=+P 262144 +t 1048576 +stbt db +zdbbl 32000 +sbwt none +sbwtdcpu none +sbwtdio none +S 2:2
RABBITMQ_SERVER_START_ARGS=-noinput -start_epmd false -kernel inet_dist_use_interface {127,0,0,1}
RABBITMQ_CTL_ERL_ARGS=-start_epmd false
TEXT
}

# rabbitmq_exec COMMAND...: in the node's environment, in place of this shell.
rabbitmq_exec() {
    local -a variables
    mapfile -t variables < <(rabbitmq_environment)
    exec env -i "${variables[@]}" "$@"
}

rabbitmqctl() (
    cd /
    rabbitmq_exec "$RABBITMQ_BIN/rabbitmqctl" "$@"
)

# rabbitmq_configure: writes what a node needs; a second time the same.
rabbitmq_configure() {
    local home
    home=$(rabbitmq_home)
    mkdir -p "$home"/{mnesia,log,schema,generated}
    [[ -f $home/.erlang.cookie ]] || (umask 377 && random_secret >"$home/.erlang.cookie")
    printf '[].\n' >"$home/enabled_plugins"
    # A nearly full disk must not block a test broker. RabbitMQ 4 takes no messages above 16 MiB by itself; the tests
    # send the largest that 3 takes. The write-ahead log is held in memory, hence its size.
    (umask 077 && cat >"$home/rabbitmq.conf") <<TEXT
listeners.tcp.1 = 127.0.0.1:$AMQP_PORT
loopback_users = none
default_user = taskbridge
default_pass = $SECRET
num_acceptors.tcp = 2
disk_free_limit.absolute = 50MB
max_message_size = 134217728
vm_memory_high_watermark.absolute = 4GiB
raft.wal_max_size_bytes = 67108864
collect_statistics_interval = 60000
log.file.level = info
TEXT
}

# rabbitmq_pid_of FILE: the process whose number that file holds, if it is this stack's.
rabbitmq_pid_of() {
    local pid
    pid=$(cat "$(rabbitmq_home)/$1" 2>/dev/null) || return 0
    ! is_gone "$pid" && has_variable "$pid" "$(rabbitmq_mark)" || return 0
    printf '%s' "$pid"
}

rabbitmq_pid() {
    rabbitmq_pid_of server.pid
}

rabbitmq_answers() {
    answers "$AMQP_PORT"
}

# For a pid that is known to be ours: one that was just started is not yet to be told by its environment.
rabbitmq_is_up_or_dead() {
    rabbitmq_answers || is_gone "$(cat "$(rabbitmq_home)/server.pid" 2>/dev/null)"
}

rabbitmq_is_up() {
    [[ -n $(rabbitmq_pid) ]] && rabbitmq_answers
}

# rabbitmq_spawn FILE COMMAND...: in the background, its number in that file, its output in the log.
rabbitmq_spawn() {
    local home file=$1
    home=$(rabbitmq_home)
    shift
    (cd / && rabbitmq_exec setsid "$@" </dev/null >>"$home/log/output.log" 2>&1 9>&-) &
    printf '%s\n' "$!" >"$home/$file"
}

rabbitmq_start() {
    rabbitmq_is_up && return 0
    rabbitmq_configure
    [[ -n $(rabbitmq_pid_of epmd.pid) ]] || rabbitmq_spawn epmd.pid epmd -relaxed_command_check
    wait_until 10 answers "$EPMD_PORT" || die "epmd does not answer on port $EPMD_PORT: see $(rabbitmq_home)/log"
    [[ -n $(rabbitmq_pid) ]] || rabbitmq_spawn server.pid "$RABBITMQ_BIN/rabbitmq-server"
    wait_until 120 rabbitmq_is_up_or_dead || true
    rabbitmq_is_up && return 0
    rabbitmq_log_tail
    die "RabbitMQ does not start"
}

# end_process PID SIGNAL SECONDS: whether it was gone in time.
end_process() {
    [[ -n $1 ]] || return 0
    kill -"$2" "$1" 2>/dev/null || true
    wait_until "$3" is_gone "$1"
}

# Its epmd goes with it: nothing is left running.
rabbitmq_stop() {
    end_process "$(rabbitmq_pid)" TERM 60 || rabbitmq_kill
    end_process "$(rabbitmq_pid_of epmd.pid)" TERM 10 || end_process "$(rabbitmq_pid_of epmd.pid)" KILL 10
}

rabbitmq_kill() {
    end_process "$(rabbitmq_pid)" KILL 10
}

rabbitmq_log_tail() {
    tail -n 25 "$(rabbitmq_home)/log/output.log" "$(rabbitmq_home)/log/rabbitmq.log" >&2 2>/dev/null || true
}
