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
    [[ -n ${MLP_DRIFT_PYTHON:-} ]] || MLP_DRIFT_PYTHON=$place/bin/python
    "$MLP_DRIFT_PYTHON" -c 'import scipy' 2>/dev/null || {
        unset MLP_DRIFT_PYTHON
        return 1
    }
    export MLP_DRIFT_PYTHON
}

# Whole or not at all: it is made beside its place.
start_scipy() {
    have python3 && python3 -c 'import ensurepip, venv' 2>/dev/null || return 1
    say "installing $pin from PyPI in $place"
    rm -rf "$place.$$"
    if ! { mkdir -p "${place%/*}" && python3 -m venv "$place.$$" &&
        "$place.$$/bin/python" -m pip install -q "$pin"; } >&2; then
        rm -rf "$place.$$"
        die "$pin could not be installed from PyPI; or let MLP_DRIFT_PYTHON be a Python that has it"
    fi
    rm -rf "$place"
    mv -T "$place.$$" "$place" 2>/dev/null || rm -rf "$place.$$"
    reachable_scipy
}

require_cargo
provide scipy python3 python3-venv
stage "build" cargo bench -p mlp-core --bench drift --locked --no-run
stage "measure" cargo bench -q -p mlp-core --bench drift --locked
