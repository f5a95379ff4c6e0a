#!/bin/sh
# What a container of ours begins with: the program, with the environment put right.
set -eu

# An `.env` of the old stack names the broker `rabbitmq`, which docker-compose.yaml starts only with its
# profile `celery`. Without it nobody would answer there; PostgreSQL is the queue then. A broker of any
# other name is somebody else's, and meant.
case ",${COMPOSE_PROFILES:-}," in
    *,celery,*) ;;
    *)
        host=${CELERY_BROKER_URL:-}
        host=${host#*://}
        host=${host%%/*}
        host=${host##*@}
        if [ "${host%%:*}" = rabbitmq ]; then
            echo "entrypoint: CELERY_BROKER_URL names \`rabbitmq\`, which is not started: tasks go" \
                "through PostgreSQL; COMPOSE_PROFILES=celery in .env starts it" >&2
            unset CELERY_BROKER_URL CELERY_BACKEND_URL CELERY_QUEUE
        fi
        ;;
esac

exec mlp "$@"
