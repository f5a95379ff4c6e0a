# shellcheck shell=bash
# Functions for the scripts beside this file and for .ci/run, which source it.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root" || exit 1

say() {
    printf '%s\n' "$*" >&2
}

die() {
    say "error: $*"
    exit 1
}

have() {
    command -v "$1" >/dev/null 2>&1
}

# stage NAME COMMAND...: runs it between two lines, the second with its duration. Where it fails the
# script ends: a caller that writes `stage ... ||` would turn off `set -e` within COMMAND.
stage() {
    open_stage=$1
    local start=$SECONDS
    shift
    say "==> $open_stage"
    "$@"
    say "==> $open_stage: $((SECONDS - start)) s"
    open_stage=
}

open_stage=
scratch=
postgres_pid=

# A directory for this run, in $scratch, gone when it ends; the same at every call.
make_scratch() {
    [[ -n $scratch ]] || scratch=$(mktemp -d)
}

# A script that defines on_failure has the last word where it fails.
at_exit() {
    if (($1 != 0)); then
        [[ -z $open_stage ]] || say "==> $open_stage: FAILED after $SECONDS s in all"
        if declare -F on_failure >/dev/null; then on_failure; fi
    fi
    [[ -z $postgres_pid ]] || stop_postgres
    [[ -z $scratch ]] || rm -rf "$scratch"
}
trap 'at_exit $?' EXIT

# install_packages PACKAGE...: from Debian, when we may.
install_packages() {
    ((EUID == 0)) && have apt-get || return 1
    say "installing $*"
    DEBIAN_FRONTEND=noninteractive apt-get update -q >&2 &&
        DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "$@" >&2
}

# provide NAME PACKAGE...: makes NAME usable or dies saying what to install. In this order:
#   reachable_NAME  what is there already, on this machine or where the environment points;
#   start_NAME      a private instance from installed programs, where NAME is a service;
#   the packages, installed when root, and then the two again.
provide() {
    local name=$1
    shift
    "reachable_$name" && return
    try_start "$name" && return
    if install_packages "$@"; then
        "reachable_$name" && return
        try_start "$name" && return
    fi
    die "$name is missing; as root: apt-get install $*"
}

try_start() {
    declare -F "start_$1" >/dev/null && "start_$1"
}

# The linker, and the compiler of the SQLite that is bundled.
reachable_cc() {
    have cc && have "${CC:-cc}"
}

# postgres_directory: prints where the programs of the newest PostgreSQL server are. Debian leaves them
# out of PATH.
postgres_directory() {
    local found=() place
    found+=("$(dirname "$(command -v initdb || echo none/none)")")
    if have pg_config; then found+=("$(pg_config --bindir)"); fi
    while IFS= read -r place; do
        found+=("$place")
    done < <(printf '%s\n' /usr/lib/postgresql/*/bin | sort -t / -k 5 -rV)
    for place in "${found[@]}"; do
        if [[ -x $place/initdb && -x $place/postgres ]]; then
            printf '%s' "$place"
            return
        fi
    done
    return 1
}

# The tests start servers of their own, wherever another may be reachable.
reachable_postgres_programs() {
    postgres_directory >/dev/null
}

# Whether a server answers where the environment points, or at the default of the tests. One that was
# named and does not answer ends the script: the tests must not run against another.
reachable_postgres() {
    local url=${MLP_TEST_POSTGRES:-postgres://postgres@127.0.0.1:5432/postgres} said
    # What is not libpq's goes; the rest it knows.
    url=$(sed -E 's/([?&])pooler=[^&]*&?/\1/; s/[?&]$//' <<<"$url")
    said=$(PGCONNECT_TIMEOUT=5 "$(postgres_client)" -X -w -q -At -d "$url" -c 'SELECT 1' 2>&1) &&
        return
    [[ -n ${MLP_TEST_POSTGRES:-} ]] || return 1
    die "MLP_TEST_POSTGRES names a PostgreSQL that does not answer: ${said:-no message};" \
        "start it, or unset the variable for another"
}

postgres_client() {
    command -v psql || printf '%s/psql' "$(postgres_directory)"
}

# A server for this run, in $scratch and on a free port; MLP_TEST_POSTGRES is its URL.
start_postgres() {
    local programs data port as=() tries
    programs=$(postgres_directory) || return 1
    make_scratch
    data=$scratch/postgres
    mkdir -p "$data"
    if ((EUID == 0)); then
        # It refuses to be root, and its user has to get through to its directory.
        as=(setpriv --reuid=postgres --regid=postgres --init-groups --)
        chmod 711 "$scratch"
        chown postgres: "$data"
    fi
    (cd "$data" && "${as[@]}" "$programs/initdb" -D "$data/data" --no-sync --auth=trust \
        --username=postgres --encoding=UTF8 --locale=C) >"$data.log" 2>&1 ||
        die "initdb failed: $(tail -n 5 "$data.log")"
    for tries in 1 2 3 4 5; do
        port=$((RANDOM % 20000 + 12000))
        # Within a subshell, which takes the descriptor with it; the server's own try decides.
        ! (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || continue
        "${as[@]}" "$programs/postgres" -D "$data/data" -p "$port" -k "$data" \
            -c listen_addresses=127.0.0.1 </dev/null >>"$data.log" 2>&1 &
        postgres_pid=$!
        export MLP_TEST_POSTGRES="postgres://postgres@127.0.0.1:$port/postgres"
        if postgres_answers "$data/data"; then
            say "a PostgreSQL for this run is at $MLP_TEST_POSTGRES"
            return
        fi
        stop_postgres
    done
    die "the PostgreSQL of this run does not start ($tries attempts): $(tail -n 5 "$data.log")"
}

# postgres_answers DATA: waits until the server says that it is ready, by the file in which it tells
# pg_ctl; false where it ended instead.
postgres_answers() {
    local i
    for ((i = 0; i < 600; i++)); do
        kill -0 "$postgres_pid" 2>/dev/null || return 1
        if [[ $(sed -n 8p "$1/postmaster.pid" 2>/dev/null) == ready* ]]; then return; fi
        sleep 0.05
    done
    return 1
}

stop_postgres() {
    kill -INT "$postgres_pid" 2>/dev/null || true
    wait "$postgres_pid" 2>/dev/null || true
    postgres_pid=
    unset MLP_TEST_POSTGRES
}

# Not from Debian, whose Rust may be older than the workspace's rust-version.
require_cargo() {
    have cargo && return
    local env="${CARGO_HOME:-$HOME/.cargo}/env"
    # shellcheck disable=SC1090
    [[ -r $env ]] && . "$env"
    have cargo || die "cargo is missing; install Rust from https://rustup.rs"
}

# What building and testing needs. Services for the tests are provided here too.
prepare() {
    require_cargo
    provide cc gcc libc6-dev
    provide postgres_programs postgresql
    provide postgres postgresql
}
