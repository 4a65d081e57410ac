# shellcheck shell=bash
# The parts of scripts/test: what each needs, whether the checkout has it, and how it is run. To be sourced after base.sh
# and packages.sh, with RUN set to the run's directory.

PYTHON=/usr/bin/python3
# What is run in a root of another Debian, of which these are the names.
declare -A ROOT_PARTS=(
    [debian12]="unit property integration"
    [debian13]="unit property integration"
    [sid]="unit test_captures.py test_capture_rows.py test_capture_workers.py"
)
# As many at once as there are processors.
JOBS=$(nproc)
# The programs that pytest drives: as they are shipped, or those of another preset, such as asan-ubsan.
PRESET=${TASKBRIDGE_TEST_PRESET:-release}
# The build that watches memory and arithmetic.
SANITIZED=$TB_ROOT/build/asan-ubsan

packages_of() {
    # Who may make no root needs nothing for it.
    [[ -z ${ROOT_PARTS[$1]:-} ]] || ((EUID == 0)) || return 0
    printf '%s\n' "${PACKAGES_BUILD[@]}"
    case $1 in
    debian* | sid) printf '%s\n' "${PACKAGES_ROOT[@]}" "${PACKAGES_TEST[@]}" "${PACKAGES_SERVERS[@]}" ;;
    check) printf '%s\n' "${PACKAGES_CHECK[@]}" ;;
    valgrind) printf '%s\n' valgrind ;;
    property | integration | chaos | cluster) printf '%s\n' "${PACKAGES_TEST[@]}" "${PACKAGES_SERVERS[@]}" ;;
    browser) printf '%s\n' "${PACKAGES_TEST[@]}" "${PACKAGES_SERVERS[@]}" "${PACKAGES_BROWSER[@]}" ;;
    esac
}

# has_part NAME: whether there is anything of that kind.
has_part() {
    case $1 in
    check | debian* | sid) true ;;
    unit | valgrind) compgen -G "$TB_ROOT/tests/unit/*/test_*.c" >/dev/null ;;
    *) compgen -G "$TB_ROOT/tests/$1/test_*.py" >/dev/null ;;
    esac
}

# result NAME PASSED FAILED
result() {
    printf '%s %s %s\n' "$@" >>"$RUN/results"
}

# for_each FUNCTION: of these scripts, on each line of the input, as many at once as there are processors.
for_each() {
    xargs -r -d '\n' -P "$JOBS" -n 1 "$BASH" "$TB_ROOT/scripts/test" --run-function "$RUN" "$1"
}

# build PRESET [TARGET...]
build() {
    local preset=$1
    shift
    (cd "$TB_ROOT" && cmake --preset "$preset" >"$RUN/configure-$preset.log" 2>&1) ||
        { cat "$RUN/configure-$preset.log"; return 1; }
    (cd "$TB_ROOT" && cmake --build --preset "$preset" -j "$JOBS" ${@:+--target "$@"}) >"$RUN/build-$preset.log" 2>&1 ||
        { tail -n 60 "$RUN/build-$preset.log"; return 1; }
}

# What a check returns that can't judge here.
NOT_ASKED=77

# check NAME COMMAND...: one check; its output is shown when it fails.
check() {
    local name=$1 start=$SECONDS code=0
    shift
    "$@" >"$RUN/check-$name.log" 2>&1 || code=$?
    if ((code == 0)); then
        printf 'ok      %s (%s s)\n' "$name" "$((SECONDS - start))"
        CHECKS_PASSED=$((CHECKS_PASSED + 1))
    elif ((code == NOT_ASKED)); then
        printf 'NOT RUN %s: the version that judges is not the one that is installed\n' "$name"
    else
        printf 'FAILED  %s\n' "$name"
        grep -m 40 'error:' "$RUN/check-$name.log" || tail -n 60 "$RUN/check-$name.log"
        CHECKS_FAILED=$((CHECKS_FAILED + 1))
    fi
}

part_check() {
    CHECKS_PASSED=0
    CHECKS_FAILED=0
    cd "$TB_ROOT" || return 1
    check includes "$PYTHON" tests/check_includes.py
    check style "$PYTHON" tests/check_style.py
    check shellcheck check_shell
    check clang-format check_format
    check clang-tidy check_tidy
    check symbols check_symbols
    result check "$CHECKS_PASSED" "$CHECKS_FAILED"
    ((CHECKS_FAILED == 0))
}

check_shell() {
    local -a files
    mapfile -t files < <(git ls-files -co --exclude-standard scripts .ci |
        xargs grep -lE '^#!.*bash|^# shellcheck shell=bash')
    shellcheck -x "${files[@]}"
}

c_files() {
    git ls-files -co --exclude-standard -- '*.c' '*.h'
}

# judges TOOL: whether the version is installed that its settings name.
judges() {
    local version
    version=$(sed -n "s/^# Judged by $1 \([0-9]*\).*/\1/p" ".$1")
    [[ $("$1" --version) == *" version $version."* ]]
}

check_format() {
    judges clang-format || return "$NOT_ASKED"
    c_files | xargs -r -P "$JOBS" -n 20 clang-format --dry-run -Werror
}

# On each source file whose own text, headers or settings changed since it was clean; the rest is remembered.
check_tidy() {
    judges clang-tidy || return "$NOT_ASKED"
    build release || return 1
    git ls-files -co --exclude-standard -- 'src/*.c' |
        for_each tidy_file
}

# A name is one function's: of two in different layers the linker silently takes the first.
check_symbols() {
    local twice
    twice=$(nm --defined-only --extern-only --quiet build/release/libtb_*.a | awk 'NF == 3 { print $3 }' | sort | uniq -d)
    [[ -z $twice ]] || { printf 'error: defined twice: %s\n' "$twice"; return 1; }
}

tidy_file() {
    local stamp output
    mkdir -p build/tidy
    stamp=build/tidy/$({ cat .clang-tidy "$1" && git ls-files -co --exclude-standard -- '*.h' | xargs cat; } |
        sha256sum | cut -c 1-32)
    [[ ! -f $stamp ]] || return 0
    if output=$(clang-tidy --quiet -p build/release "$1" 2>/dev/null); then
        touch "$stamp"
    else
        printf '%s\n' "$output"
        return 1
    fi
}

# unit NAME BUILD CTEST-ARGS...: each of cmocka's tests counts, not each program.
unit() {
    local name=$1 directory=$2 code=0
    shift 2
    (cd "$directory" && CMOCKA_MESSAGE_OUTPUT=TAP ctest -j "$JOBS" --no-tests=error --output-junit "$RUN/$name.xml" \
        --test-output-size-passed 10000000 --test-output-size-failed 10000000 "$@") >"$RUN/$name.log" 2>&1 || code=1
    "$PYTHON" "$TB_ROOT/tests/count.py" "$name" "$RUN/$name.xml" "$RUN/results" || code=1
    return "$code"
}

# Also the corpora of the fuzz targets.
part_unit() {
    build asan-ubsan || return 1
    unit unit "$SANITIZED"
}

# The programs as they are shipped, for what the sanitizers do not see: uninitialised memory.
part_valgrind() {
    build release || return 1
    unit_programs "$TB_ROOT/build/release" | for_each valgrind_program >"$RUN/valgrind.log" 2>&1 || true
    grep -v '^ok ' "$RUN/valgrind.log" || true
    result valgrind "$(grep -c '^ok ' "$RUN/valgrind.log")" "$(grep -c '^FAILED ' "$RUN/valgrind.log")"
    ! grep -q '^FAILED ' "$RUN/valgrind.log"
}

# unit_programs BUILD: those that CTest knows; a build keeps programs whose source is gone.
unit_programs() {
    ctest --test-dir "$1" --show-only=json-v1 | "$PYTHON" -c 'import json, sys
for test in json.load(sys.stdin)["tests"]:
    if "/unit_" in test.get("command", [""])[0]:
        print(test["command"][0])'
}

valgrind_program() {
    local name output
    name=$(basename "$1")
    if output=$(timeout 300 valgrind -q --error-exitcode=99 --leak-check=full --errors-for-leak-kinds=definite \
        --suppressions="$TB_ROOT/tests/valgrind.supp" "$1" 2>&1); then
        printf 'ok %s\n' "$name"
    else
        printf '%s\nFAILED %s\n' "$(tail -n 60 <<<"$output")" "$name"
    fi
}

# pytest_once NAME REPORT ARGS...
pytest_once() {
    local name=$1 report=$2
    shift 2
    TASKBRIDGE_PROGRAMS=$TB_ROOT/build/$PRESET TASKBRIDGE_SANITIZED_PROGRAMS=$SANITIZED \
        LSAN_OPTIONS=suppressions=$TB_ROOT/tests/lsan.supp:print_suppressions=0 TASKBRIDGE_STACK_DIR=$RUN/stack-$name \
        "$PYTHON" -m pytest -q -o cache_dir="$RUN/cache-$name" --basetemp="$RUN/tmp-$name" --junitxml="$report" "$@"
}

# run_pytest NAME ARGS... A test that fails has failed, but for those that tests/again.txt names with the reason: they are
# tried once more, alone. The second attempt counts, and is told.
run_pytest() {
    local name=$1 code=0
    local -a again=() tests=()
    shift
    build "$PRESET" || return 1
    pytest_once "$name" "$RUN/$name.xml" "$@" || code=$?
    ((code != 1)) || mapfile -t tests < <("$PYTHON" "$TB_ROOT/tests/again.py" "$RUN/$name.xml")
    if ((${#tests[@]} > 0)); then
        code=0
        again=("$RUN/$name-again.xml")
        pytest_once "$name" "${again[@]}" "${tests[@]}" || code=$?
    fi
    "$PYTHON" "$TB_ROOT/tests/count.py" "$name" "$RUN/$name.xml" "$RUN/results" "${again[@]}" || code=1
    return "$code"
}

part_property() {
    run_pytest property "$TB_ROOT/tests/property" --numprocesses 2 --dist loadfile
}

# Most tests wait most of their time. Two processes a processor, each with servers of its own, share the files out.
part_integration() {
    build asan-ubsan || return 1
    run_pytest integration "$TB_ROOT/tests/integration" --numprocesses "$((2 * JOBS))" --dist loadfile
}

part_cluster() {
    run_pytest cluster "$TB_ROOT/tests/cluster" -n 0
}

part_chaos() {
    run_pytest chaos "$TB_ROOT/tests/chaos"
}

part_browser() {
    run_pytest browser "$TB_ROOT/tests/browser"
}

# part_root NAME: as on a new machine with that Debian: what scripts/run says to a user who may not install, what it does
# for root and then for that user, and the tests as that user. What it prints of numbers is not this run's last word.
part_root() {
    local name=$1 root=$ROOTS/$1 reason code=0
    mkdir -p "$ROOTS"
    exec 7>"$ROOTS/$name.lock"
    flock -n 7 || { say "another run works in ${root#"$TB_ROOT/"}"; return 1; }
    reason=$(no_root_because "$name")
    if [[ -z $reason ]] && ! root_make "$name" "$root" >"$RUN/$name-make.log" 2>&1; then
        tail -n 15 "$RUN/$name-make.log"
        reason='debootstrap failed'
    fi
    if [[ -n $reason ]]; then
        printf '%s: NOT RUN, for no root of that Debian can be made here: %s\n' "$name" "$reason"
        return
    fi
    CHECKS_PASSED=0
    CHECKS_FAILED=0
    check "$name-prepare" root_prepare "$name" "$root" || return 1
    check "$name-user-without-rights" root_run_refused "$root"
    check "$name-run-once-as-root" root_run_once "$root" root
    check "$name-test-packages" root_install_for_tests "$name" "$root" || return 1
    check "$name-run-once-as-user" root_run_once "$root" "$ROOT_USER"
    check "$name-old-dump" root_old_dump "$root"
    result "$name" "$CHECKS_PASSED" "$CHECKS_FAILED"
    # shellcheck disable=SC2086
    root_enter "$root" "$ROOT_USER" env TASKBRIDGE_OLD_DUMP="$(root_old_dump_place "$root")" \
        "$(root_checkout "$ROOT_USER")/scripts/test" ${ROOT_PARTS[$name]} 2>&1 7>&- |
        sed -u "s/^/$name | /" || code=1
    sed "s/^/$name-/" "$root$(root_checkout "$ROOT_USER")/build/test-results" >>"$RUN/results" || code=1
    root_keep "$name" "$root"
    ((code == 0 && CHECKS_FAILED == 0))
}

# A user with the checkout and its tools, as everybody has them before the first command of the README.
root_prepare() {
    local name=$1 root=$2
    root_enter "$root" root apt-get update -q &&
        root_enter "$root" root apt-get install -q -y --no-install-recommends git ca-certificates ccache &&
        root_enter "$root" root useradd --create-home --shell /bin/bash "$ROOT_USER" &&
        root_copy_checkout "$root" root &&
        root_copy_checkout "$root" "$ROOT_USER"
}

root_run_refused() {
    local said
    ! said=$(root_enter "$1" "$ROOT_USER" "$(root_checkout "$ROOT_USER")/scripts/run" --once 2>&1) || return 1
    printf '%s\n' "$said"
    grep -q 'root has to run: apt-get install .*cmake' <<<"$said"
}

# root_old_dump ROOT: what this machine's PostgreSQL dumps of a living installation, to be restored by the root's.
root_old_dump() {
    build release || return 1
    TASKBRIDGE_PROGRAMS=$TB_ROOT/build/release TASKBRIDGE_STACK_DIR=$RUN/stack-old \
        "$PYTHON" "$TB_ROOT/tests/integration/upgrade.py" "$1/srv/dump"
}

# root_old_dump_place ROOT: where the root has it; nothing if it is not of an older version than the root's.
root_old_dump_place() {
    local newest
    newest=$(cd "$1" && printf '%s\n' usr/lib/postgresql/*/bin/initdb | cut -d / -f 4 | sort -n | tail -n 1)
    ((newest <= $(cat "$1/srv/dump/version"))) || printf /srv/dump
}

# root_run_once ROOT USER: the document must be one of a finished onboarding.
root_run_once() {
    root_enter "$1" "$2" "$(root_checkout "$2")/scripts/run" --once | tee "$RUN/document.json" || return 1
    "$PYTHON" -c 'import json, sys
document = json.load(open(sys.argv[1]))
assert document["all_completed"] and document["summary"]["completed_count"] == 4' "$RUN/document.json"
}

# What root is asked to install when a user's scripts/test says so.
root_install_for_tests() {
    # shellcheck disable=SC2016
    root_enter "$2" root "$BASH" -ec 'cd "$1"
        . scripts/lib/base.sh; . scripts/lib/packages.sh; . scripts/lib/parts.sh
        install_packages $(for name in unit integration; do packages_of "$name"; done | sort -u)' install "$(root_checkout root)"
}

# Each of TB_TEST_NAMES is looked for among the unit tests, then among pytest's files; else pytest selects by it.
part_names() {
    local name code=0
    local -a names files
    read -r -a names <<<"$TB_TEST_NAMES"
    for name in "${names[@]}"; do
        mapfile -t files < <(cd "$TB_ROOT" && git ls-files -co --exclude-standard -- "tests/unit/*/${name%.c}.c" \
            "${name%%::*}" "tests/*/${name%%::*}" "tests/*/$name.py")
        case ${files[0]:-} in
        *.c) build asan-ubsan && unit "$name" "$SANITIZED" -R "/${name%.c}\$" || code=1 ;;
        *.py) run_pytest "names" "$TB_ROOT/${files[0]}${name#"${name%%::*}"}" || code=1 ;;
        *) run_pytest "names" "$TB_ROOT/tests" -k "$name" || code=1 ;;
        esac
    done
    return "$code"
}
