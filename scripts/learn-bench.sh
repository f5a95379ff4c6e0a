#!/usr/bin/env bash
# The logistic solver beside scikit-learn's lbfgs, on a million rows of synthetic features and a
# million of the travel domain, to the same largest gradient. Prints both times, their ratio and the
# difference of the objectives. The two take turns; each figure is the median of five fits. A goal
# that is missed is said in the table and is no failure.
#
#   scripts/learn-bench.sh             takes a Python with scikit-learn from MLP_LEARN_PYTHON, or
#                                      installs one from PyPI, once
#   LEARN_BENCH_ROWS=100000 scripts/learn-bench.sh     fewer rows
#   LEARN_BENCH_REPEATS=3 scripts/learn-bench.sh       fewer fits
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
on_failure() {
    say "learn-bench.sh: FAILED"
}

pin=scikit-learn==1.9.1
place=${XDG_CACHE_HOME:-$HOME/.cache}/mlp/$pin

reachable_sklearn() {
    venv_has MLP_LEARN_PYTHON "$place" sklearn
}

start_sklearn() {
    make_venv "$place" MLP_LEARN_PYTHON "$pin" && reachable_sklearn
}

require_cargo
provide sklearn python3 python3-venv
stage "build" cargo bench -p mlp-data --bench learn --locked --no-run
stage "measure" cargo bench -q -p mlp-data --bench learn --locked
