# shellcheck shell=bash
# Debian packages: which ones a script needs, and their installation without the servers that Debian would start.
# To be sourced after base.sh.

# shellcheck disable=SC2034
PACKAGES_BUILD=(build-essential cmake ninja-build pkg-config librabbitmq-dev libpq-dev libjansson-dev libyaml-dev
    libcmocka-dev libmicrohttpd-dev libsystemd-dev libssl-dev zlib1g-dev libbz2-dev)
# shellcheck disable=SC2034
PACKAGES_SERVERS=(rabbitmq-server postgresql-15)
# shellcheck disable=SC2034
PACKAGES_CELERY=(python3-celery python3-amqp)
# shellcheck disable=SC2034
PACKAGES_CHECK=(clang clang-tidy clang-format shellcheck valgrind)
# shellcheck disable=SC2034
PACKAGES_TEST=(python3-pytest python3-pytest-xdist python3-yaml python3-psycopg2 python3-amqp python3-celery
    python3-django)
# shellcheck disable=SC2034
PACKAGES_BROWSER=(chromium chromium-driver python3-selenium)

POLICY=/usr/sbin/policy-rc.d
CREATE_CLUSTER=/etc/postgresql-common/createcluster.conf

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
        [[ $(dpkg-query -W -f '${db:Status-Status}' "$name" 2>/dev/null) == installed ]] || printf '%s\n' "$name"
    done
}

# In a shell of its own, whose end puts back what was there.
install_as_root() (
    export DEBIAN_FRONTEND=noninteractive
    saved=$(mktemp -d)
    trap 'restore_settings "$saved"' EXIT
    trap 'exit 1' INT TERM
    save_settings "$saved"
    apt-get update -q >&2
    if [[ " $* " == *" postgresql"* ]]; then
        apt_install postgresql-common
        [[ -f $saved/createcluster.conf ]] || cp -p "$CREATE_CLUSTER" "$saved/createcluster.conf"
        printf 'create_main_cluster = false\n' >>"$CREATE_CLUSTER"
    fi
    apt_install "$@"
)

apt_install() {
    apt-get install -q -y --no-install-recommends -o Dpkg::Options::=--force-confold "$@" >&2
}

# save_settings DIRECTORY: from here on Debian starts no server that it installs.
save_settings() {
    [[ ! -e $POLICY ]] || cp -p "$POLICY" "$1/policy-rc.d"
    [[ ! -e $CREATE_CLUSTER ]] || cp -p "$CREATE_CLUSTER" "$1/createcluster.conf"
    printf '#!/bin/sh\nexit 101\n' >"$POLICY"
    chmod 755 "$POLICY"
}

restore_settings() {
    rm -f "$POLICY"
    [[ ! -e $1/policy-rc.d ]] || cp -p "$1/policy-rc.d" "$POLICY"
    [[ ! -e $1/createcluster.conf ]] || cp -p "$1/createcluster.conf" "$CREATE_CLUSTER"
    rm -rf "$1"
}
