#!/usr/bin/env bash
# Two API processes and three workers on a private PostgreSQL, under traffic, while all of them are
# killed, stopped and cut off at random; then the database is compared with what the clients were told.
# Ends with a table, and fails where a count that must be 0 is not. The short form of the same test is
# part of scripts/test.sh.
#
#   scripts/chaos.sh                                        10 minutes, at least 60 faults
#   scripts/chaos.sh [--minutes 10] [--faults 60] [--seed N]
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

minutes=10
faults=60
seed=$((RANDOM * 32768 + RANDOM))

usage() {
    sed -nE '/^#!/d; /^#/!q; s/^# ?//p' "${BASH_SOURCE[0]}"
}

while (($#)); do
    case $1 in
        -h | --help)
            usage
            exit 0
            ;;
        --minutes | --faults | --seed)
            [[ ${2:-} =~ ^[0-9]+$ ]] || die "$1 is \`${2:-}\`, must be a whole number"
            declare "${1#--}=$2"
            shift 2
            ;;
        *) die "\`$1\` is not known: --minutes, --faults and --seed are" ;;
    esac
done
((minutes > 0 && faults > 0)) || die "minutes and faults must be at least 1"

require_cargo
provide cc gcc libc6-dev
provide postgres_programs postgresql
say "chaos.sh: $minutes minutes, at least $faults faults; again with --seed $seed"
MLP_CHAOS_SECONDS=$((minutes * 60)) MLP_CHAOS_FAULTS=$faults MLP_CHAOS_SEED=$seed \
    cargo test --locked -p mlp-tools --test it -- --exact --nocapture \
    chaos::nothing_is_lost_done_twice_or_stuck
