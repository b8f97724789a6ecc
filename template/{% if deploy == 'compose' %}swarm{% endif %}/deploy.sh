#!/usr/bin/env bash
# Brings the service to a Docker Swarm. To be run where `docker` speaks to a manager:
#
#   swarm/deploy.sh database   the database, once and after a change of its file
#   swarm/deploy.sh release    the release that IMAGE names: its migrations, then its replicas, one
#                              at a time. Fails where that does not come to be, and the release
#                              before goes on.
#
#   IMAGE           the image, in a registry that every node reaches
#   STACK           the stack's name; by default that of the Compose project
#   REPLICAS        how many replicas there are (3)
#   HTTP_PORT       the port of the proxy on each node (8000)
#   HEALTH_INTERVAL the time after which a replica is asked, again and again, whether it lives (5s)
#   TIMEOUT         seconds that the migrations, or the roll-out of one service, may take (600)
#   RESOLVE_IMAGE   `never` where the nodes have the images and no registry does (always)

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

STACK=${STACK:-$(sed -n 's/^name: //p' ../compose.yaml)}
TIMEOUT=${TIMEOUT:-600}
export STACK

main() {
    case ${1:-} in
        database)
            name_versions
            deploy database
            ;;
        release)
            [[ -n ${IMAGE:-} ]] || fail "IMAGE has to name the image of the release"
            name_versions
            migrate
            if [[ -e valkey.yaml ]]; then deploy valkey app; else deploy app; fi
            deploy proxy
            ;;
        *)
            sed -n '2,/^$/s/^# \{0,1\}//p' deploy.sh >&2
            exit 2
            ;;
    esac
}

# What can't be changed in a swarm has another name when it is another. A secret's is the time at
# which its file was written: a digest would help to guess a password that can be guessed.
name_versions() {
    local file name
    for file in ../secrets/*; do
        name=$(basename "$file")
        [[ $name =~ ^[a-z_]+$ ]] || continue
        export "${name^^}_VERSION=$(date -u -r "$file" +%Y%m%dT%H%M%S)"
    done
    DATABASE_SQL_VERSION=$(sha256sum ../compose.database.sql | cut -c 1-12)
    NGINX_VERSION=$(sha256sum nginx.conf | cut -c 1-12)
    export DATABASE_SQL_VERSION NGINX_VERSION
}

# Run the migrations of the image, and leave no container of theirs.
migrate() {
    local service=${STACK}_migration
    if [[ -n $(spec_of "$service") ]]; then
        fail "$service is there: either a deployment is running, or one was cut off; then run" \
            "\`docker service rm $service\`"
    fi
    trap 'docker service rm "${STACK}_migration" > /dev/null 2>&1 || true' EXIT
    stack migration
    wait_until is_over "$service" || fail_for "$service" "has not ended within $TIMEOUT seconds"
    docker service logs --raw "$service"
    [[ $(state_of "$service") == Complete* ]] || fail_for "$service" "has failed"
    docker service rm "$service" > /dev/null
    trap - EXIT
}

# Whether the migrations have ended, well or not.
is_over() {
    case $(state_of "$1") in
        Complete* | Failed* | Rejected* | Orphaned* | Shutdown* | Remove*) ;;
        *) return 1 ;;
    esac
}

state_of() {
    docker service ps --format '{{.CurrentState}}' "$1"
}

# Give the swarm the files of services, and wait until all replicas are as those say.
deploy() {
    local name before=()
    for name; do before+=("$(spec_of "${STACK}_$name")"); done
    stack "$@"
    for name; do
        settle "${STACK}_$name" "${before[0]}"
        before=("${before[@]:1}")
    done
}

# Wait for a service, which was to be as the second argument says.
settle() {
    IS_CHANGED=
    if [[ -n $2 && $2 != "$(spec_of "$1")" ]]; then IS_CHANGED=yes; fi
    wait_until is_settled "$1" || fail_for "$1" "does not run within $TIMEOUT seconds"
    case $(update_of "$1") in
        paused | rollback_*) fail_for "$1" "was not updated" ;;
    esac
    echo "$1 runs"
}

# Whether there is nothing more to wait for, for better or worse.
is_settled() {
    case $(update_of "$1") in
        '') [[ -z $IS_CHANGED ]] && is_whole "$1" ;;
        completed) is_whole "$1" ;;
        updating | rollback_started) return 1 ;;
    esac
}

# Whether as many replicas are healthy as shall be.
is_whole() {
    local replicas
    # The filter takes names that begin alike, too.
    replicas=$(docker service ls --filter "name=$1" --format '{{.Name}} {{.Replicas}}' |
        sed -n "s/^$1 //p")
    [[ -n $replicas && ${replicas%/*} == "${replicas#*/}" ]]
}

# How far the roll-out of a changed service is; nothing where none has begun.
update_of() {
    docker service inspect --format '{{with .UpdateStatus}}{{.State}}{{end}}' "$1"
}

# What the replicas of a service are to be; nothing where there is no such service.
spec_of() {
    docker service inspect --format '{{json .Spec.TaskTemplate}}' "$1" 2> /dev/null || true
}

stack() {
    local name files=(--compose-file common.yaml) detach=()
    for name; do files+=(--compose-file "$name.yaml"); done
    # Where Docker knows it, it wants to be told: it would wait, too, and say less.
    if docker stack deploy --help | grep -q -e --detach; then detach=(--detach); fi
    docker stack deploy "${detach[@]}" --with-registry-auth \
        --resolve-image "${RESOLVE_IMAGE:-always}" "${files[@]}" "$STACK"
}

wait_until() {
    local end=$((SECONDS + TIMEOUT))
    until "$@"; do
        ((SECONDS < end)) || return 1
        sleep 1
    done
}

fail() {
    echo "error: $*" >&2
    exit 1
}

# Fail, with what the swarm says of the containers of a service.
fail_for() {
    docker service ps --no-trunc --format '{{.Name}}: {{.CurrentState}}: {{.Error}}' "$1" |
        sed -n '/: ./p' >&2
    fail "$*"
}

main "$@"
