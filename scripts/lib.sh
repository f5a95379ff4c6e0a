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

# A directory for this run, in $scratch, gone when it ends.
make_scratch() {
    scratch=$(mktemp -d)
}

# A script that defines on_failure has the last word where it fails.
at_exit() {
    if (($1 != 0)); then
        [[ -z $open_stage ]] || say "==> $open_stage: FAILED after $SECONDS s in all"
        if declare -F on_failure >/dev/null; then on_failure; fi
    fi
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
}
