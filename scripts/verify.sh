#!/usr/bin/env bash
# The full counts: what is too long, or too dependent on a quiet machine, for scripts/test.sh.
# Runs every check, whatever the others say, and ends with a line for each.
#
#   scripts/verify.sh               every check
#   scripts/verify.sh NAME...       those whose name contains a NAME
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

make_scratch
wanted=("$@")
results=()
failed=0

is_wanted() {
    local part
    ((${#wanted[@]})) || return 0
    for part in "${wanted[@]}"; do
        [[ $1 != *"$part"* ]] || return 0
    done
    return 1
}

# check NAME COMMAND...: runs it and goes on. Not within a condition, which would turn off `set -e`
# in COMMAND.
check() {
    local name=$1 start=$SECONDS status
    shift
    is_wanted "$name" || return 0
    say "==> $name"
    set +e
    (
        set -e
        "$@"
    )
    status=$?
    set -e
    ((status != 130)) || exit 130
    if ((status == 0)); then
        results+=("PASS  $name, $((SECONDS - start)) s")
    else
        results+=("FAIL  $name, $((SECONDS - start)) s")
        failed=1
    fi
}

mlp() {
    cargo run --release --locked -q -p mlp-tools --bin mlp -- "$@"
}

# number FILE KEY: KEY's first number in a JSON file with a line for each number.
number() {
    local found
    found=$(sed -nE "s/^ *\"$2\": *(-?[0-9][0-9.eE+-]*),?\$/\1/p" "$1" | sed -n 1p)
    [[ -n $found ]] || die "$1 has no number \`$2\`"
    printf '%s' "$found"
}

# at_least NAME VALUE LIMIT
at_least() {
    say "    $1 = $2, at least $3 is wanted"
    awk -v value="$2" -v limit="$3" 'BEGIN { exit !(value >= limit) }' || die "$1 is too low"
}

# at_most NAME VALUE LIMIT
at_most() {
    say "    $1 = $2, at most $3 is wanted"
    awk -v value="$2" -v limit="$3" 'BEGIN { exit !(value <= limit) }' || die "$1 is too high"
}

crashes() {
    MLP_CRASHES=20 cargo test --locked -p mlp-tools --test it -- --nocapture crash::
}

chaos() {
    scripts/chaos.sh
}

# told FILE TEXT: the number after TEXT in a table.
told() {
    local found
    found=$(sed -nE "s/^(.*[ ,])?$2 +([0-9]*\.[0-9]+).*/\2/p" "$1" | sed -n 1p)
    [[ -n $found ]] || die "$1 does not tell \`$2\`"
    printf '%s' "$found"
}

# Ten seeds that nothing was chosen on: how far both families are from the truth on the same draws.
quality() {
    local table=$scratch/evaluate
    mlp evaluate --simulated --seeds 10 --seed 101 | tee "$table" >&2
    sed -n '/^gap/p' "$table" >"$table.gap"
    at_most "gap of the ROC AUC" "$(told "$table.gap" 'ROC AUC')" 0.014
    at_most "gap of the log loss" "$(told "$table.gap" 'log loss')" 0.021
    at_most "gap of precision@1" "$(told "$table.gap" 'precision@1')" 0.075
    at_least "NDCG of all" "$(told "$table" "users' own scores:")" 0.990
    mlp evaluate --simulated --sessions 10000 --seeds 10 --seed 101 | tee "$table" >&2
    sed -n '/^gap/p' "$table" >"$table.gap"
    at_most "gap of precision@1" "$(told "$table.gap" 'precision@1')" 0.035
    mlp evaluate --simulated --family logistic --seeds 10 --seed 101 | tee "$table" >&2
    at_least "ROC AUC" "$(told "$table" 'ROC AUC')" 0.888
    at_most "log loss" "$(told "$table" 'log loss')" 0.193
    at_least "precision@1" "$(told "$table" 'precision@1')" 0.57
    at_least "NDCG of all" "$(told "$table" "users' own scores:")" 0.990
}

# A published estimate, from the file that MLP_SWISSMETRO names (swissmetro.csv.gz): it is not ours to
# hand on.
swissmetro() {
    local file=${MLP_SWISSMETRO:-} found=$scratch/swissmetro line
    [[ -r $file ]] || die "MLP_SWISSMETRO must name the survey, swissmetro.csv.gz, not \`$file\`"
    gzip -dc "$file" |
        cargo run --release --locked -q -p mlp-examples --example swissmetro | tee "$found" >&2
    tr -s ' ' <"$found" >"$found.plain"
    for line in "choices 6768" "log-likelihood -5331.252" "train -0.7012 0.0549" \
        "car -0.1546 0.0432" "time, 100 min -1.2779 0.0569" "cost, 100 CHF -1.0838 0.0518"; do
        grep -q -- "^$line\b" "$found.plain" || die "there is no \`$line\`"
    done
}

# 400 runs each of what the gate and the guard promise; prints the counts.
gate() {
    cargo test --locked -p mlp-core --test it -- --ignored --nocapture 400_runs
}

# drift_test NAME: a simulation of what the drift policies promise; prints its table.
drift_test() {
    cargo test --release --locked -p mlp-core --test it -- --nocapture --test-threads 1 --ignored \
        "drift::$1"
}

# False alarms: of single tests and of one look in 10,000 runs a cell, of watching in 200.
drift_calibration() {
    drift_test calibration::
}

# How soon drift is found, beside other rules, in 2,000 runs a cell.
drift_power() {
    drift_test power::
}

# Twenty rounds of the loop with five seeds, once for each way to retrain; prints the table.
closed_loop() {
    cargo test --locked -p mlp-tools --features celery --test it -- --exact --nocapture --ignored \
        closed_loop::the_loop_learns_and_does_not_degenerate
}

# Replay's 95 % intervals over 400 simulated logs of each size, against the known truth.
replay() {
    cargo test --release --locked -p mlp-data --test it -- --exact --nocapture --ignored \
        replay::intervals_cover_the_truth_in_full
}

# The conformance suite through a PgBouncer of its own in transaction mode.
pooler() {
    local url=${MLP_TEST_POSTGRES:-postgres://postgres@127.0.0.1:5432/postgres} place port as=()
    provide pgbouncer pgbouncer
    place=$(sed -E 's#^[a-z]+://([^@/]*@)?([^/?]+).*#\2#' <<<"$url")
    port=$((RANDOM % 20000 + 12000))
    mkdir -p "$scratch/pooler"
    cat >"$scratch/pooler/ini" <<END
[databases]
* = host=${place%%:*} port=${place##*:} user=postgres
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = $port
unix_socket_dir =
auth_type = any
pool_mode = transaction
max_client_conn = 500
default_pool_size = 10
server_idle_timeout = 5
END
    if ((EUID == 0)); then
        # It refuses to be root.
        as=(setpriv --reuid=postgres --regid=postgres --init-groups --)
        chmod 711 "$scratch" && chmod -R a+rX "$scratch/pooler"
    fi
    "${as[@]}" "$(command -v pgbouncer || echo /usr/sbin/pgbouncer)" -q "$scratch/pooler/ini" \
        </dev/null >"$scratch/pooler/log" 2>&1 &
    pooler_pid=$!
    # The function's shell is its own: so is its end.
    trap 'kill "$pooler_pid" 2>/dev/null || true' EXIT
    MLP_TEST_POSTGRES="postgres://postgres@127.0.0.1:$port/postgres?pooler=transaction" \
        cargo test --locked -p mlp-store --test it -- conformance::on_postgres
}

reachable_pgbouncer() {
    have pgbouncer || [[ -x /usr/sbin/pgbouncer ]]
}

reachable_node() {
    have node && have npm
}

# The dashboards against the types that Grafana publishes, those of the version in the compose file and
# newer ones, and a field that no type has as a proof that it is looked at. Needs npm's registry.
grafana() {
    local place version
    provide node nodejs npm
    for version in 11.4.0 13.2.3; do
        place=$scratch/grafana-$version
        mkdir -p "$place"
        npm install --prefix "$place" --no-audit --no-fund --loglevel error \
            "@grafana/schema@$version" @grafana/grafana-foundation-sdk@0.0.21 typescript@7.0.2 >&2
        node scripts/grafana-types.mjs "$place" docker/grafana/dashboards/*.json
    done
    sed 's/"noValue"/"noValues"/' docker/grafana/dashboards/overview.json >"$place/wrong.json"
    if node scripts/grafana-types.mjs "$place" "$place/wrong.json" >"$place/log" 2>&1; then
        die "a field that does not exist was not found"
    fi
    grep -q '"noValues"' "$place/log" || die "$(cat "$place/log")"
}

# Small disks that are full; mounting them needs root.
full_disks() {
    ((EUID == 0)) || die "to mount a small disk one has to be root"
    cargo test --locked -p mlp-store --features celery --test it -- --exact --ignored \
        running::a_full_disk_is_said_and_recovered_from
    cargo test --locked -p mlp-tools --features celery --test it -- --exact --ignored \
        doctor::faults::a_full_disk_is_told
}

# celery_test NAME: a test with servers of its own, which takes minutes.
celery_test() {
    provide rabbitmq_programs rabbitmq-server
    cargo test --locked -p mlp-tools --features celery --test it -- --exact --nocapture --ignored \
        "celery::$1"
}

# Publisher, worker and outcome, ours and Python's; prints the matrix.
celery() {
    celery_test both_sides_see_what_became_of_a_task_in_every_case
}

# RabbitMQ and Redis over TLS.
celery_tls() {
    provide rabbitmq_programs rabbitmq-server
    cargo test --locked -p mlp-store --features celery --test it -- --exact --ignored \
        celery::tls::who_names_the_authority_is_served_and_nobody_else
    cargo test --locked -p mlp-store --features celery --lib -- --exact --ignored \
        conformance::services::tests::a_rabbitmq_speaks_tls_and_starts_again
}

# The broker and Redis killed and restarted under traffic, for three minutes.
celery_chaos() {
    MLP_CHAOS_SECONDS=${MLP_CHAOS_SECONDS:-180} MLP_CHAOS_SEED=${MLP_CHAOS_SEED:-$RANDOM} \
        celery_test chaos::a_broker_and_a_redis_that_die_lose_and_double_nothing
}

# goals NAME...: benchmarks, all of whose goals must be met.
goals() {
    local missed
    scripts/bench.sh --json "$scratch/goals.json" "$@"
    missed=$(grep -c '"met": false' "$scratch/goals.json" || true)
    ((missed == 0)) || die "$missed goals are missed: see the table"
}

# A transaction that stays open for ten minutes, under load.
held() {
    BENCH_HELD_SECONDS=600 goals postgres_held
}

# Ten million inferences; 25 GB of disk for a while.
large() {
    goals postgres_large
}

# demo SEED
demo() {
    local file=$scratch/demo-$1.json
    mlp demo --exit --seed "$1" --data-dir "$scratch/demo" --bind 127.0.0.1:0 --json "$file"
    (($(number "$file" sessions) > 0)) || die "no sessions"
    (($(number "$file" errors) == 0)) || die "there were errors"
    (($(number "$file" lost) == 0)) || die "sessions were lost"
    (($(number "$file" false_alarms) == 0)) || die "there was an alarm before the drift"
    # null, and so no number, where it was not noticed.
    (($(number "$file" drift_detected_requests) <= 500)) || die "the drift was noticed late"
    grep -q '"retrained": true' "$file" || die "no model was trained after the alarm"
    awk -v seconds="$(number "$file" seconds)" 'BEGIN { exit !(seconds < 180) }' ||
        die "the story took three minutes"
}

prepare
check "crashes" crashes
check "chaos" chaos
check "full_disks" full_disks
check "gate" gate
check "pooler" pooler
check "grafana" grafana
check "celery" celery
check "celery tls" celery_tls
check "celery_chaos" celery_chaos
check "quality" quality
check "swissmetro" swissmetro
check "replay" replay
check "drift_calibration" drift_calibration
check "drift_power" drift_power
check "closed_loop" closed_loop
for seed in 1 2 3 4 5 6 7 8 9 10; do
    check "demo $seed" demo "$seed"
done
check "tour" scripts/tour.sh
check "tour celery" scripts/tour.sh --celery
check "benchmarks" goals
check "held" held
check "large" large

((${#results[@]})) || die "no check has such a name"
printf '%s\n' "${results[@]}"
((failed == 0))
