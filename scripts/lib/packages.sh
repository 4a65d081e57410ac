# shellcheck shell=bash
# Debian packages: which ones a script needs, and their installation without the servers that Debian would start.
# To be sourced after base.sh.

# shellcheck disable=SC2034
PACKAGES_BUILD=(build-essential cmake ninja-build pkg-config librabbitmq-dev libpq-dev libjansson-dev libyaml-dev
    libcmocka-dev libwslay-dev libcurl4-openssl-dev libcjose-dev libsystemd-dev libssl-dev zlib1g-dev libbz2-dev)
# shellcheck disable=SC2034
PACKAGES_SERVERS=(rabbitmq-server postgresql)
# shellcheck disable=SC2034
PACKAGES_CELERY=(python3-celery python3-amqp python3-django python3-djangorestframework python3-psycopg2)
# shellcheck disable=SC2034
PACKAGES_CHECK=(clang clang-tidy clang-format shellcheck valgrind)
# shellcheck disable=SC2034
PACKAGES_TEST=(python3-pytest python3-pytest-xdist python3-yaml python3-psycopg2 python3-cryptography python3-amqp python3-celery
    python3-django python3-djangorestframework python3-gevent python3-eventlet pgbouncer)
# shellcheck disable=SC2034
PACKAGES_BENCH=(wrk nginx-light gunicorn python3-djangorestframework)
# shellcheck disable=SC2034
PACKAGES_ROOT=(debootstrap)
# shellcheck disable=SC2034
PACKAGES_BROWSER=(chromium chromium-driver python3-selenium)

# What Debian asks before it starts a server that it installed, and before it makes a database cluster.
POLICY=/usr/sbin/policy-rc.d
CREATE_CLUSTER=/etc/postgresql-common/createcluster.conf
# Two installations at once would each take the other's settings for those of the machine.
INSTALL_LOCK=/run/lock/taskbridge-install.lock

# install_packages NAME...: installs those that are missing, and says so first. Needs root only for that.
install_packages() {
    local -a missing
    mapfile -t missing < <(missing_packages "$@")
    ((${#missing[@]} > 0)) || return 0
    say "installing Debian packages: ${missing[*]}"
    if ((EUID == 0)); then
        install_as_root "${missing[@]}"
    elif command -v sudo >/dev/null; then
        sudo "$BASH" -c '. "$1/scripts/lib/base.sh"; . "$1/scripts/lib/packages.sh"; shift; install_as_root "$@"' \
            install "$TB_ROOT" "${missing[@]}"
    else
        die "root has to run: apt-get install ${missing[*]}"
    fi
}

missing_packages() {
    local name
    for name in "$@"; do
        is_installed "$name" || printf '%s\n' "$name"
    done
}

# is_installed NAME. Of PostgreSQL any version that is there will do.
is_installed() {
    [[ $1 != postgresql ]] || ! compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null || return 0
    [[ $(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null) == installed ]]
}

# In a shell of its own, whose end puts back what was there.
install_as_root() (
    export DEBIAN_FRONTEND=noninteractive
    mkdir -p "$(dirname "$INSTALL_LOCK")"
    exec 8>"$INSTALL_LOCK"
    flock -w 1200 8 || die "another installation has been running for 20 minutes"
    trap 'put_back "$CREATE_CLUSTER"; put_back "$POLICY"' EXIT
    trap 'exit 1' INT TERM
    set_aside "$POLICY"
    printf '#!/bin/sh\nexit 101\n' >"$POLICY"
    chmod 755 "$POLICY"
    apt-get update -q >&2 8>&-
    if [[ " $* " == *" postgresql"* ]]; then
        apt_install postgresql-common
        set_aside "$CREATE_CLUSTER"
        printf 'create_main_cluster = false\n' >"$CREATE_CLUSTER"
    fi
    apt_install "$@"
)

apt_install() {
    apt-get install -q -y --no-install-recommends -o Dpkg::Options::=--force-confold -o DPkg::Lock::Timeout=600 \
        -o Acquire::Retries=3 "$@" >&2 8>&-
}

# set_aside FILE: until put_back, be it in a later run because this one was killed. What stands there while something is
# set aside is ours, so it is never taken for the machine's own. A mark stands for a file that was not there.
set_aside() {
    put_back "$1"
    if [[ -e $1 ]]; then
        mv "$1" "$1.taskbridge-kept"
    else
        touch "$1.taskbridge-none"
    fi
}

put_back() {
    if [[ -e $1.taskbridge-kept ]]; then
        mv "$1.taskbridge-kept" "$1"
    elif [[ -e $1.taskbridge-none ]]; then
        rm -f "$1" "$1.taskbridge-none"
    fi
}
