#!/usr/bin/env bash
# Proves that mlp-core is values in, values out: nothing in its dependencies that talks to the
# world, no such call in its own code, and a check that would notice one.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
on_failure() {
    say "check-pure.sh: FAILED: mlp-core is not shown to be pure"
}

prepare

# Would come before mlp-core/clippy.toml.
unset CLIPPY_CONF_DIR

# Crates that do I/O, keep time, wait, read the environment or write to a terminal.
denied=(
    async-io async-std futures-executor mio polling smol socket2 tokio
    h2 hyper hyper-util lapin reqwest tower ureq
    diesel libsqlite3-sys postgres redis rusqlite sqlx tokio-postgres
    native-tls openssl rustls
    chrono iana-time-zone time
    clap console crossterm indicatif tracing-subscriber env_logger
    ctrlc dirs dotenvy memmap2 notify num_cpus signal-hook tempfile walkdir
)

# These bring rand 0.8 and 0.9 with getrandom, and argmin with web-time. We call the solver only,
# which draws no random number; nothing else may bring them.
excused=(linfa linfa-logistic)
denied_outside=(getrandom web-time)

# Features that would put the operating system's randomness, clock or time zone within reach.
denied_features='default|std|std_rng|sys_rng|os_rng|thread_rng|getrandom|tz-system'
bare=(rand rand_chacha jiff)

# tree FORMAT ARGUMENT...: one crate a line.
tree() {
    local format=$1
    shift
    cargo tree --locked -p mlp-core -e normal --target all --prefix none -f "$format" "$@"
}

# among NAME...: those of standard input's first words that are NAMEs.
among() {
    awk '{ print $1 }' | sort -u | grep -Fx -f <(printf '%s\n' "$@") || true
}

dependencies() {
    local all found prune=()
    all=$(tree '{p}')
    # Else an empty tree would be pure.
    grep -q '^linfa-logistic ' <<<"$all" || die "cargo tree does not list what mlp-core rests on"
    found=$(among "${denied[@]}" <<<"$all")
    [[ -z $found ]] || die "mlp-core depends on ${found//$'\n'/, }"

    for name in "${excused[@]}"; do prune+=(--prune "$name"); done
    all=$(tree '{p}' "${prune[@]}")
    found=$(among "${denied_outside[@]}" <<<"$all")
    [[ -z $found ]] || die "mlp-core depends on ${found//$'\n'/, } by others than ${excused[*]}"
}

features() {
    local direct line name
    direct=$(tree '{p} {f}' --depth 1)
    for name in "${bare[@]}"; do
        line=$(grep "^$name v" <<<"$direct") || continue
        if grep -Eq "[ ,]($denied_features)(,|\$)" <<<"$line"; then
            die "mlp-core must not have these features: $line"
        fi
    done
}

# Forbidden and not denied, so that the code cannot excuse itself with `allow`.
lints() {
    cargo clippy --locked -p mlp-core --lib -- -D warnings \
        -F clippy::disallowed_methods -F clippy::disallowed_types \
        -F clippy::print_stdout -F clippy::print_stderr
}

# A crate with one fault of each kind, held to the same clippy.toml: every one must be found.
planted() {
    local dir faults found
    make_scratch
    dir=$scratch
    mkdir "$dir/src"
    printf '[package]\nname = "planted"\nedition = "2024"\n[workspace]\n' >"$dir/Cargo.toml"
    cat >"$dir/src/lib.rs" <<'RUST'
#![allow(unused)]
fn a() { let _ = std::fs::read_to_string("x"); }
fn b() { let _ = std::env::var("HOME"); }
fn c() { let _ = std::time::SystemTime::now(); }
fn d() { let _ = std::time::Instant::now(); }
fn e() { let _ = std::thread::spawn(|| ()); }
fn f() { std::thread::sleep(std::time::Duration::ZERO); }
fn g() { std::process::Command::new("x"); }
fn h() { let _ = std::net::TcpStream::connect("x"); }
fn i() { let _ = std::fs::File::open("x"); }
fn j() { let _ = std::io::stdout(); }
fn k() { let _ = std::hash::RandomState::new(); }
fn l() { let _ = std::path::Path::new("x").exists(); }
RUST
    faults=$(grep -c '^fn' "$dir/src/lib.rs")
    found=$(cd "$dir" && CLIPPY_CONF_DIR="$root/mlp-core" CARGO_TARGET_DIR="$dir/target" \
        cargo clippy -q --offline --message-format short 2>&1 |
        grep 'use of a disallowed' | cut -d: -f2 | sort -u | wc -l)
    ((found == faults)) || die "clippy finds $found of $faults planted faults"
}

stage "pure: dependencies" dependencies
stage "pure: features" features
stage "pure: lints" lints
stage "pure: planted faults are found" planted
say "check-pure.sh: ok: mlp-core is values in, values out"
