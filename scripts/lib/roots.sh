# shellcheck shell=bash
# Roots of other Debians, in which the tests run as they would on a new machine of that kind. To be sourced after base.sh.
#
# A root is a directory under build/roots that debootstrap fills; a bare one is made for each run, and only what cannot
# change a result is kept between runs: downloaded packages and the compiler's cache. The checkout is COPIED into it.
# Nothing is ever mounted in a root outside of a mount namespace that ends with the process that it was made for, and a
# root is not removed while anything is mounted below it: what was removed through a mount would be gone everywhere.

ROOTS=$TB_ROOT/build/roots
# The user of a root who is not root.
# shellcheck disable=SC2034
ROOT_USER=tester
# Where a root has the compiler's cache.
ROOT_CACHE=/var/cache/taskbridge

# suite_of NAME: Debian's own word for it, which is also what its mirrors call the directory.
suite_of() {
    case $1 in
    debian12) printf bookworm ;;
    debian13) printf trixie ;;
    sid) printf sid ;;
    *) return 1 ;;
    esac
}

# debian_mirror: the one that apt is configured with on this machine; nothing where it has none.
debian_mirror() {
    # shellcheck disable=SC2016 # apt-get expands it
    apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Origin: Debian' 'Label: Debian' \
        'Component: main' 2>/dev/null | head -n 1
}

# no_root_because NAME: why no root of that Debian can be made on this machine, or nothing.
no_root_because() {
    local mirror suite
    suite=$(suite_of "$1")
    if ((EUID != 0)); then
        printf 'only root may make one'
    elif ! unshare --mount --pid --fork --kill-child -- mount -t tmpfs none /mnt 2>/dev/null; then
        printf 'namespaces and mounts are not allowed here'
    elif mirror=$(debian_mirror) && [[ -z $mirror ]]; then
        printf 'apt is configured with no mirror of Debian'
    elif ! /usr/lib/apt/apt-helper download-file "${mirror}dists/$suite/InRelease" "$RUN/InRelease" >"$RUN/mirror.log" 2>&1; then
        printf "apt's mirror of Debian does not answer for %s" "$suite"
    fi
}

# mounts_below DIRECTORY: what is mounted there or deeper, as this process sees it.
mounts_below() {
    awk -v place="$(realpath -m "$1")" '$5 == place || index($5, place "/") == 1 { print $5 }' /proc/self/mountinfo
}

# root_remove ROOT
root_remove() {
    local root
    root=$(realpath -m "$1")
    [[ $root == "$(realpath -m "$ROOTS")"/?* ]] || die "$root is no root of ours: it is not removed"
    [[ -e $root ]] || return 0
    [[ -z $(mounts_below "$root") ]] || die "something is mounted below $root: it is not removed"
    rm -rf --one-file-system "$root"
}

# root_make NAME ROOT: a bare one, with this machine's way to the mirror.
root_make() {
    local cache=$ROOTS/cache/$1 root=$2
    root_remove "$root"
    mkdir -p "$cache/debs" "$cache/ccache"
    http_proxy=$(apt_setting Acquire::http::Proxy) debootstrap --variant=minbase --cache-dir="$cache/debs" \
        "$(suite_of "$1")" "$root" "$(debian_mirror)" || return 1
    {
        apt-config dump | grep -E '^Acquire::(Check|http|https|ftp)[^ ]* "' || true
        printf 'Acquire::Retries "3";\nAcquire::Languages "none";\n'
    } >"$root/etc/apt/apt.conf.d/90machine"
    printf '127.0.0.1 localhost %s\n::1 ip6-localhost ip6-loopback\n' "$(uname -n)" >"$root/etc/hosts"
    cp -L /etc/resolv.conf "$root/etc/resolv.conf" &&
        find "$cache/debs" -name '*.deb' -exec cp -t "$root/var/cache/apt/archives" {} + &&
        mkdir -p "$root$ROOT_CACHE" &&
        cp -R "$cache/ccache" "$root$ROOT_CACHE/ccache" &&
        chmod -R a+rwX "$root$ROOT_CACHE"
}

apt_setting() {
    local value
    eval "$(apt-config shell value "$1")"
    printf '%s' "${value:-}"
}

# root_keep NAME ROOT: what the next run need not fetch and compile again.
root_keep() {
    local cache=$ROOTS/cache/$1 root=$2
    find "$root/var/cache/apt/archives" -maxdepth 1 -name '*.deb' -exec cp -n -t "$cache/debs" {} +
    rm -rf --one-file-system "$cache/ccache"
    cp -R "$root$ROOT_CACHE/ccache" "$cache/ccache"
}

# root_checkout USER: where a user of a root has the checkout.
root_checkout() {
    printf '/srv/%s/taskbridge' "$1"
}

# root_copy_checkout ROOT USER: the files that git knows or would take, as a repository of that user's.
root_copy_checkout() {
    local root=$1 owner=$2 directory
    directory=$(root_checkout "$owner")
    mkdir -p "$root$directory" || return 1
    (cd "$TB_ROOT" && git ls-files -co --exclude-standard -z | while IFS= read -r -d '' file; do
        [[ ! -e $file ]] || printf '%s\0' "$file"
    done | tar --null --files-from=- --create) | tar --extract --no-same-owner --directory "$root$directory" &&
        root_enter "$root" root chown -R "$owner:" "$directory" &&
        root_enter "$root" "$owner" git -C "$directory" init -q
}

# root_enter ROOT USER COMMAND...: in a namespace of its own, in which nothing outlives the command.
root_enter() {
    # shellcheck disable=SC2016
    unshare --mount --pid --fork --kill-child --ipc --uts --propagation private -- \
        "$BASH" -c '. "$1/scripts/lib/base.sh"; . "$1/scripts/lib/roots.sh"; shift; root_inside "$@"' \
        root_enter "$TB_ROOT" "$@"
}

# root_inside ROOT USER COMMAND...: the first process of that namespace. It waits for the orphans of the others, as an
# init does.
root_inside() {
    set -e
    local root=$1 user=$2 home
    shift 2
    mount -t proc proc "$root/proc"
    mount -t sysfs -o ro,nosuid,nodev,noexec sysfs "$root/sys"
    root_devices "$root/dev"
    home=$(awk -F : -v user="$user" '$1 == user { print $6 }' "$root/etc/passwd")
    set +e
    chroot "$root" /usr/bin/env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 \
        HOME="$home" USER="$user" LOGNAME="$user" CCACHE_DIR="$ROOT_CACHE/ccache" CCACHE_UMASK=000 \
        /usr/sbin/runuser -u "$user" -- "$@"
    exit "$?"
}

root_devices() {
    local name
    mount -t tmpfs -o mode=755,nosuid tmpfs "$1"
    for name in null zero full random urandom tty; do
        mknod -m 666 "$1/$name" c $((16#$(stat -c %t "/dev/$name"))) $((16#$(stat -c %T "/dev/$name")))
    done
    mkdir "$1/pts" "$1/shm"
    mount -t devpts -o newinstance,ptmxmode=666,mode=620,gid=5 devpts "$1/pts"
    mount -t tmpfs -o mode=1777,nosuid,nodev tmpfs "$1/shm"
    ln -s pts/ptmx "$1/ptmx"
    ln -s /proc/self/fd "$1/fd"
    ln -s fd/0 "$1/stdin"
    ln -s fd/1 "$1/stdout"
    ln -s fd/2 "$1/stderr"
}
