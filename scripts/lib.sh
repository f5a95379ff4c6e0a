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
# Other servers of this run, by process id.
server_pids=()

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
    ((${#server_pids[@]} == 0)) || stop_servers
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

# host_and_port URL PORT: prints both, with a space between; PORT where the URL has none.
host_and_port() {
    local place
    place=$(sed -E 's#^[a-z]+://([^@/]*@)?([^/?]*).*#\2#' <<<"$1")
    [[ $place == *:* ]] || place=$place:$2
    printf '%s %s' "${place%:*}" "${place##*:}"
}

# answers HOST PORT GREETING PATTERN: whether the first bytes that come back match, within 5 s. Octal
# escapes in GREETING; in what comes back, bytes that are no text are dots.
answers() {
    local said
    # shellcheck disable=SC2016
    said=$(timeout 5 bash -c 'exec 3<>"/dev/tcp/$1/$2" && printf "$3" >&3 && head -c 7 <&3' \
        _ "$1" "$2" "$3" 2>/dev/null | tr -c '[:print:]' .) || return 1
    [[ $said == $4 ]]
}

# reachable_at VARIABLE DEFAULT PORT GREETING PATTERN: whether a server answers where the variable
# points, or at the default of the tests. One that was named and does not answer ends the script.
reachable_at() {
    local named=${!1:-} url=${!1:-$2} host port
    read -r host port < <(host_and_port "$url" "$3"; echo)
    answers "$host" "$port" "$4" "$5" && return
    [[ -n $named ]] || return 1
    die "$1 names a server that does not answer: start it, or unset the variable for another"
}

# It answers with its first frame; with its own header to who speaks another version.
reachable_rabbitmq() {
    reachable_at MLP_TEST_AMQP amqp://127.0.0.1 5672 'AMQP\000\000\011\001' '...*'
}

# With a password it says so, which is an answer too.
reachable_redis() {
    reachable_at MLP_TEST_REDIS redis://127.0.0.1 6379 'PING\r\n' '[+-][PN]O*'
}

# Tests start servers of their own, wherever another may be reachable.
reachable_rabbitmq_programs() {
    rabbitmq_program >/dev/null && have epmd
}

reachable_redis_programs() {
    have redis-server
}

# What is in PATH on Debian is a script that runs it as another user.
rabbitmq_program() {
    local place=/usr/lib/rabbitmq/bin/rabbitmq-server
    if [[ -x $place ]]; then printf '%s' "$place"; else command -v rabbitmq-server; fi
}

# start_server NAME PORT GREETING PATTERN COMMAND...: runs it for this run, within a directory of its
# own, and waits until it answers; false where it ended instead.
start_server() {
    local place=$scratch/$1 port=$2 greeting=$3 pattern=$4 pid i
    shift 4
    (cd "$place" && exec "$@") </dev/null >>"$place/out" 2>&1 &
    pid=$!
    server_pids+=("$pid")
    for ((i = 0; i < 900; i++)); do
        kill -0 "$pid" 2>/dev/null || return 1
        if answers 127.0.0.1 "$port" "$greeting" "$pattern"; then return; fi
        sleep 0.1
    done
    return 1
}

stop_servers() {
    kill -KILL "${server_pids[@]}" 2>/dev/null || true
    wait "${server_pids[@]}" 2>/dev/null || true
    server_pids=()
}

start_redis() {
    local port=$((RANDOM % 20000 + 12000))
    have redis-server || return 1
    make_scratch
    mkdir -p "$scratch/redis"
    start_server redis "$port" 'PING\r\n' '+PO*' redis-server --bind 127.0.0.1 --port "$port" \
        --save '' || die "the Redis of this run does not start: $(tail -n 5 "$scratch/redis/out")"
    export MLP_TEST_REDIS=redis://127.0.0.1:$port/0
    say "a Redis for this run is at $MLP_TEST_REDIS"
}

# With a port mapper of its own, so that none stays behind.
start_rabbitmq() {
    local port=$((RANDOM % 20000 + 12000)) place program
    program=$(rabbitmq_program) && have epmd || return 1
    make_scratch
    place=$scratch/rabbitmq
    mkdir -p "$place"
    : >"$place/env" >"$place/plugins"
    printf '%s\n' "listeners.tcp.1 = 127.0.0.1:$port" 'log.console = false' \
        'vm_memory_high_watermark.absolute = 512MB' 'disk_free_limit.absolute = 1MB' \
        >"$place/rabbitmq.conf"
    epmd -address 127.0.0.1 -port $((port + 1)) </dev/null >/dev/null 2>&1 &
    server_pids+=($!)
    start_server rabbitmq "$port" 'AMQP\000\000\011\001' '...*' env HOME="$place" \
        RABBITMQ_CONF_ENV_FILE="$place/env" RABBITMQ_CONFIG_FILE="$place/rabbitmq" \
        RABBITMQ_ENABLED_PLUGINS_FILE="$place/plugins" RABBITMQ_MNESIA_BASE="$place/mnesia" \
        RABBITMQ_LOG_BASE="$place" RABBITMQ_LOGS="$place/log" RABBITMQ_PID_FILE="$place/pid" \
        RABBITMQ_FEATURE_FLAGS_FILE="$place/feature_flags" \
        RABBITMQ_GENERATED_CONFIG_DIR="$place/generated" RABBITMQ_NODENAME="mlp$port@localhost" \
        RABBITMQ_DIST_PORT=$((port + 2)) ERL_EPMD_PORT=$((port + 1)) ERL_EPMD_ADDRESS=127.0.0.1 \
        RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS='-kernel inet_dist_use_interface {127,0,0,1}' \
        RUNNING_UNDER_SYSTEMD=true "$program" ||
        die "the RabbitMQ of this run does not start: $(tail -n 5 "$place/out" "$place/log")"
    export MLP_TEST_AMQP=amqp://guest:guest@127.0.0.1:$port//
    say "a RabbitMQ for this run is at $MLP_TEST_AMQP"
}

celery_pins=mlp-tools/tests/it/celery/requirements.txt

# Where the tests look for a Python with Celery where MLP_TEST_PYTHON names none.
celery_place() {
    printf '%s/mlp/celery-%s' "${XDG_CACHE_HOME:-$HOME/.cache}" \
        "$(python3 -c 'import hashlib, sys
print(hashlib.sha256(open(sys.argv[1], "rb").read()).hexdigest()[:12])' "$celery_pins")"
}

reachable_celery() {
    local python
    have python3 || [[ -n ${MLP_TEST_PYTHON:-} ]] || return 1
    python=${MLP_TEST_PYTHON:-$(celery_place)/bin/python}
    "$python" -c 'import celery, redis' 2>/dev/null && return
    [[ -n ${MLP_TEST_PYTHON:-} ]] || return 1
    die "MLP_TEST_PYTHON names no Python with Celery: pip install -r $celery_pins, or unset it"
}

# make_venv PLACE VARIABLE PIP_ARGUMENT...: a Python environment with these packages from PyPI. Made
# once, outside the repository; whole or not at all, since another run may be making it too. False
# where Python cannot; where PyPI does not give them it dies, and says that VARIABLE can name a Python.
make_venv() {
    local place=$1 variable=$2 made=$1.$$
    shift 2
    have python3 && python3 -c 'import ensurepip, venv' 2>/dev/null || return 1
    say "installing $* from PyPI in $place"
    rm -rf "$made"
    if ! { mkdir -p "${place%/*}" && python3 -m venv "$made" &&
        "$made/bin/python" -m pip install -q "$@"; } >&2; then
        rm -rf "$made"
        die "$* could not be installed from PyPI; or let $variable be a Python that has it"
    fi
    # What another run finished meanwhile, or left half, gives way.
    rm -rf "$place"
    mv -T "$made" "$place" 2>/dev/null || rm -rf "$made"
}

# venv_has VARIABLE PLACE MODULE: whether the Python that VARIABLE names, else the one in PLACE, has the
# module; VARIABLE then names it, for what is started. One that was named and has it not ends the script.
venv_has() {
    local python=${!1:-$2/bin/python}
    if "$python" -c "import $3" 2>/dev/null; then
        export "$1=$python"
        return
    fi
    [[ -z ${!1:-} ]] || die "$1 names no Python with $3: install it there, or unset the variable"
    return 1
}

start_celery() {
    make_venv "$(celery_place)" MLP_TEST_PYTHON -r "$celery_pins" && reachable_celery
}

# Not from Debian, whose Rust may be older than the workspace's rust-version.
require_cargo() {
    have cargo && return
    local env="${CARGO_HOME:-$HOME/.cargo}/env"
    # shellcheck disable=SC1090
    [[ -r $env ]] && . "$env"
    have cargo || die "cargo is missing; install Rust from https://rustup.rs"
}

# The tests start one of their own.
reachable_prometheus() {
    have prometheus && have promtool
}

# The tests drive it over WebDriver.
reachable_chromium() {
    have chromedriver && { have chromium || have chromium-browser || have google-chrome; }
}

# What building and testing needs. Services for the tests are provided here too.
prepare() {
    require_cargo
    provide cc gcc libc6-dev
    provide postgres_programs postgresql
    provide postgres postgresql
    provide prometheus prometheus
    provide rabbitmq rabbitmq-server
    provide redis redis-server
    provide redis_programs redis-server
    provide celery python3 python3-venv
    provide chromium chromium chromium-driver
}
