#!/bin/sh
# Writes the secrets into files, each readable by the group of those who need it, and by nobody else.
# What the environment does not bring is made once, at random, and kept.
#
#   secrets.sh DIRECTORY
set -eu
directory=$1
umask 0377

# secret NAME GROUP VALUE
secret() {
    file=$directory/$1
    if [ -z "$3" ] && [ -s "$file" ]; then
        echo "secrets: $1 stays as it is"
        return
    fi
    value=$3
    if [ -z "$value" ]; then
        value=$(od -An -tx1 -N32 /dev/urandom | tr -d ' \n')
        echo "secrets: $1 is not set, so a random one was made"
    else
        echo "secrets: $1 is the one of the environment"
    fi
    # Whoever reads meanwhile finds the old file or the new one, whole.
    rm -f "$file.new"
    printf '%s\n' "$value" >"$file.new"
    chgrp "$2" "$file.new"
    chmod 0440 "$file.new"
    mv -f "$file.new" "$file"
}

secret database_pass 4701 "${DATABASE_PASS:-}"
secret mlp_token 4702 "${MLP_TOKEN:-}"
secret grafana_admin_pass 4703 "${GRAFANA_ADMIN_PASS:-}"
