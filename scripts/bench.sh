#!/usr/bin/env bash
# Runs the benchmarks and prints one row for each: what was measured, what it is held against in
# the same run, and its goal. A goal that is missed is said in the table and is no failure.
#
#   scripts/bench.sh                     every benchmark, but for postgres_large: that is named
#   scripts/bench.sh NAME...             those whose name contains a NAME
#   scripts/bench.sh --json FILE ...     writes the rows to FILE as well
set -euo pipefail
BENCH_CALLED_FROM=$PWD
export BENCH_CALLED_FROM
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
on_failure() {
    say "bench.sh: FAILED"
}

prepare
export MLP_TEST_PYTHON=${MLP_TEST_PYTHON:-$(celery_place)/bin/python}
# Builds the binaries too, for the benchmark to find.
stage "build" cargo bench -p mlp-tools --features celery --bench all --locked --no-run
stage "measure" cargo bench -q -p mlp-tools --features celery --bench all --locked -- "$@"
