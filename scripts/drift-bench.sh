#!/usr/bin/env bash
# The statistics of drift beside SciPy's on the same arrays, and the streaming detectors. Prints each
# value, its peer, their ratio and the goal. A goal that is missed is said in the table and is no
# failure.
#
#   scripts/drift-bench.sh             takes a Python with SciPy from MLP_DRIFT_PYTHON, or installs
#                                      one from PyPI, once
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
on_failure() {
    say "drift-bench.sh: FAILED"
}

pin=scipy==1.17.1
place=${XDG_CACHE_HOME:-$HOME/.cache}/mlp/$pin

reachable_scipy() {
    venv_has MLP_DRIFT_PYTHON "$place" scipy
}

start_scipy() {
    make_venv "$place" MLP_DRIFT_PYTHON "$pin" && reachable_scipy
}

require_cargo
provide scipy python3 python3-venv
stage "build" cargo bench -p mlp-core --bench drift --locked --no-run
stage "measure" cargo bench -q -p mlp-core --bench drift --locked
