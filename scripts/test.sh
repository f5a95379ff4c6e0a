#!/usr/bin/env bash
# Runs every test of the workspace, doc tests and the build of the examples included, and brings up
# what they need. Stops at the first crate that fails.
#
#   scripts/test.sh                 everything
#   scripts/test.sh -- NAME         the tests whose name contains NAME
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

make_scratch
log=$scratch/log

# logged COMMAND...: shows its output and keeps it. pipefail hands on its status.
logged() {
    "$@" 2>&1 | tee -a "$log"
}

# Cargo stops at the first crate that fails; says which, from the last of its complaints.
on_failure() {
    local found=
    # shellcheck disable=SC2016
    [[ ! -e $log ]] || found=$(sed -nE \
        -e 's/^error: (test|doctest) failed, to rerun pass `(.*)`.*/tests failed, rerun: cargo test \2/p' \
        -e 's/^error: could not compile `([^`]*)`.*/`\1` does not compile/p' \
        "$log" | tail -n 1)
    say "test.sh: FAILED: ${found:-see above}"
}

prepare
stage "build" logged cargo test --workspace --features celery --locked --no-run
stage "examples" logged cargo build --workspace --features celery --locked --examples --bins
stage "tests" logged cargo test --workspace --features celery --locked "$@"

awk -v seconds="$SECONDS" '
    /^test result: ok\./ { sets++; passed += $4; ignored += $8 }
    END {
        if (passed == 0) { print "no test ran"; exit 1 }
        printf "test.sh: ok: %d passed, %d ignored, in %d sets of tests, %d s\n",
            passed, ignored, sets, seconds
    }' "$log" >&2
