#!/usr/bin/env bash
# The deployment of docker/docker-compose.yaml without containers: starts the same processes with the
# same variables, commands, ports, users and order, as `docker-compose config` prints them, behind a
# real proxy (nginx) whose host rules are made from the Traefik labels, and goes through all of it:
# start, status, results, select, rank; what the token opens; what the proxy hides; simulated people;
# Prometheus's targets; the dashboards' queries; a stop under load, after which nothing may be missing.
#
#   scripts/tour.sh                 with a .env of the old stack, which names a broker that is not
#                                   started
#   scripts/tour.sh --celery        with the profile `celery`: RabbitMQ and Redis are started and used
#   scripts/tour.sh --env FILE      with a .env of yours
#
# It needs root, and runs in its own network, mount and process namespaces: so ports are those of the
# file, service names are answered by a name server (dnsmasq, as Docker does it), each by an address of
# its own, and nothing is left behind.
#
# What differs from containers: PostgreSQL, Prometheus, RabbitMQ and Redis are Debian's, in its versions;
# nginx stands for Traefik, and something that says "stand-in" for Grafana, whose queries are asked
# without it; the root file system is not read-only, no limit of memory or processes is set, and all
# services share one network. Capabilities, users, groups and no-new-privileges are as in the file.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

profiles=
env_file=
while (($#)); do
    case $1 in
        -h | --help)
            sed -nE '/^#!/d; /^#/!q; s/^# ?//p' "${BASH_SOURCE[0]}"
            exit 0
            ;;
        --celery) profiles=celery ;;
        --env)
            [[ -r ${2:-} ]] || die "\`${2:-}\` cannot be read"
            env_file=$(realpath "$2")
            shift
            ;;
        *) die "\`$1\` is not known: --celery and --env FILE are" ;;
    esac
    shift
done

# Compose 2 prints the same; neither needs an engine for that.
compose() {
    if have docker-compose; then docker-compose "$@"; else docker compose "$@"; fi
}

reachable_compose() {
    have docker-compose || docker compose version >/dev/null 2>&1
}

reachable_yaml() {
    python=$(yaml_python)
}

yaml_python() {
    local one
    for one in python3 /usr/bin/python3; do
        if "$one" -c 'import yaml' 2>/dev/null; then
            printf '%s' "$one"
            return
        fi
    done
    return 1
}

reachable_programs() {
    local one
    for one in "${wanted[@]}"; do
        PATH=$PATH:/usr/sbin have "$one" || return 1
    done
}

# An .env as the old stack had them: its names, its values, a password that needs care.
old_env() {
    cat <<'END'
DOMAIN="tour.example"
CELERY_BROKER_URL="pyamqp://rabbitmq:5672"
CELERY_BACKEND_URL="redis://redis:6379/0"
CELERY_QUEUE=""
DATABASE_SCHEMA="mlprod"
DATABASE_USER="mlprod"
DATABASE_PASS="p@ss/w%rd:'with' all"
DATABASE_HOST="database"
DATABASE_URL="postgresql+psycopg2://mlprod:secret@database/mlprod"
GRAFANA_ADMIN_PASS="of-the-old-stack"
END
}

((EUID == 0)) || die "the tour needs root, for namespaces of its own: sudo $0"
require_cargo
provide cc gcc libc6-dev
provide postgres_programs postgresql
provide compose docker-compose
provide yaml python3-yaml
wanted=(nginx prometheus dnsmasq ip wget setpriv unshare)
packages=(nginx-light prometheus dnsmasq-base iproute2 wget util-linux)
if [[ $profiles ]]; then
    wanted+=(rabbitmq-server redis-server)
    packages+=(rabbitmq-server redis-server)
fi
provide programs "${packages[@]}"

make_scratch
chmod 711 "$scratch"
if [[ -z $env_file ]]; then
    env_file=$scratch/env
    old_env >"$env_file"
fi
cp "$env_file" "$scratch/.env"
[[ -z $profiles ]] || printf '\nCOMPOSE_PROFILES="%s"\n' "$profiles" >>"$scratch/.env"
profiles=$(sed -nE 's/^COMPOSE_PROFILES="?([^"]*)"?$/\1/p' "$scratch/.env" | tail -n 1)

# config FILE PROJECT: as Compose understands it; with nothing of this shell's own, which would win over
# the .env.
config() {
    env -i PATH="$PATH" HOME="${HOME:-/root}" bash -c "$(declare -f compose have); compose \"\$@\"" - \
        --env-file "$scratch/.env" -f "docker/$1" -p "$2" config
}

config docker-compose.yaml mlprod >"$scratch/config.yaml"
config docker-compose.traefik.yaml traefik >"$scratch/traefik.yaml"

stage "build" cargo build --locked -p mlp-tools --features celery --bins
test_program=
if grep -rqs live_dashboards mlp-tools/tests; then
    test_program=$(cargo test --locked -p mlp-tools --features celery --test it --no-run \
        --message-format=json 2>/dev/null |
        sed -nE '/"kind":\["test"\]/s/.*"executable":"([^"]+)".*/\1/p' | tail -n 1)
    [[ $test_program ]] || die "the tests do not compile"
fi

programs=$(realpath "${CARGO_TARGET_DIR:-target}/debug")
stage "tour" unshare --net --mount --pid --fork --kill-child --mount-proc -- \
    "$python" -B scripts/tour/main.py --root "$root" --config "$scratch/config.yaml" \
    --programs "$programs" --postgres "$(postgres_directory)" --scratch "$scratch" \
    --profiles "$profiles" --test "$test_program"
say "tour: ok, $SECONDS s"
