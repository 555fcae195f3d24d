# Sourced by scripts that need servers of their own, in a temporary folder that is gone at the end.
# shellcheck shell=bash

say() { printf '\n==> %s\n' "$*"; }
die() {
    printf '\nerror: %s\n' "$*" >&2
    exit 1
}

# --- cleaning up -----------------------------------------------------------------------------

folder=
job=
pg_ctl=
server_user=

# Also after Ctrl-C: the tests first, then the servers, then their folder.
clean_up() {
    status=$?
    trap - EXIT
    trap '' INT TERM HUP
    if [ -n "$job" ]; then
        kill -- "-$job" 2>/dev/null || true
        wait "$job" 2>/dev/null || true
    fi
    if [ -n "$folder" ]; then
        if [ -f "$folder/postgres/data/postmaster.pid" ]; then
            as_server "$pg_ctl" stop -D "$folder/postgres/data" -m immediate >/dev/null || true
        fi
        if [ -f "$folder/redis/pid" ]; then
            local redis
            redis=$(cat "$folder/redis/pid")
            while kill "$redis" 2>/dev/null; do sleep 0.05; done
        fi
        rm -rf "$folder" || true
    fi
    exit "$status"
}
trap clean_up EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

# In a process group of its own, so that an interruption ends all of it and never waits for it.
run() {
    set -m
    "$@" &
    job=$!
    set +m
    local code=0
    wait "$job" || code=$?
    job=
    return "$code"
}

# --- servers ---------------------------------------------------------------------------------

# install COMMAND-NAME then the package's name for apt, dnf, apk, pacman, zypper, brew
install() {
    local what=$1 sudo=()
    say "$what is missing: installing it"
    if [ "$EUID" -ne 0 ] && ! command -v brew >/dev/null; then
        command -v sudo >/dev/null || die "install $what, or run this as root or where sudo works"
        sudo=(sudo)
    fi
    if command -v apt-get >/dev/null; then
        local apt=("${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq)
        "${apt[@]}" install -y --no-install-recommends "$2" >/dev/null 2>&1 || {
            "${apt[@]}" update
            "${apt[@]}" install -y --no-install-recommends "$2" >/dev/null
        }
    elif command -v dnf >/dev/null; then
        "${sudo[@]}" dnf install -y -q "$3"
    elif command -v apk >/dev/null; then
        "${sudo[@]}" apk add -q "$4"
    elif command -v pacman >/dev/null; then
        "${sudo[@]}" pacman -S --noconfirm --needed "$5"
    elif command -v zypper >/dev/null; then
        "${sudo[@]}" zypper -nq install "$6"
    elif command -v brew >/dev/null; then
        brew install -q "$7"
    else
        die "no package manager that this script knows: install $what yourself"
    fi
    hash -r
}

# The folder of initdb, pg_ctl and postgres; distributions keep it off the PATH.
postgres_binaries() {
    local candidate
    for candidate in "$(dirname "$(command -v initdb || echo /none)")" \
        $(printf '%s\n' /usr/lib/postgresql/*/bin /usr/pgsql-*/bin /usr/lib/postgresql*/bin \
            /usr/libexec/postgresql* /opt/homebrew/opt/postgresql*/bin | sort -rV); do
        if [ -x "$candidate/initdb" ] && [ -x "$candidate/postgres" ]; then
            echo "$candidate"
            return
        fi
    done
    return 1
}

redis_binary() { command -v redis-server || command -v valkey-server; }

# Postgres refuses to run as root, and Redis should not.
as_server() {
    if [ -n "$server_user" ]; then
        (cd / && exec runuser -u "$server_user" -- "$@")
    else
        "$@"
    fi
}

make_folder() {
    [ -z "$folder" ] || return 0
    folder=$(mktemp -d "${TMPDIR:-/tmp}/auth-tests.XXXXXX")
    if [ "$EUID" -eq 0 ]; then
        server_user=$(id -un postgres 2>/dev/null || echo nobody)
        command -v runuser >/dev/null || die "runuser (of util-linux) is missing"
        chmod 711 "$folder"
        as_server test -x "$folder" ||
            die "the user $server_user cannot reach $folder: set TMPDIR to a folder that it can"
    fi
}

# A folder that only the servers' user may look into.
server_folder() {
    mkdir -m 700 "$folder/$1"
    [ -z "$server_user" ] || chown "$server_user" "$folder/$1"
}

answers() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# Below the range from which the system takes the ports of outgoing connections.
free_port() {
    local port
    while port=$((15000 + RANDOM % 15000)) && answers "$port"; do :; done
    echo "$port"
}

new_password() { od -An -N24 -tx1 /dev/urandom | tr -d ' \n'; }

# start_postgres SETTING...: sets DATABASE_URL; the settings are lines of postgresql.conf.
start_postgres() {
    local binaries port password attempt
    postgres_binaries >/dev/null ||
        install PostgreSQL postgresql postgresql-server postgresql postgresql postgresql-server postgresql
    binaries=$(postgres_binaries) || die "PostgreSQL's initdb is nowhere to be found"
    make_folder
    pg_ctl=$binaries/pg_ctl
    server_folder postgres
    password=$(new_password)
    (umask 077 && echo "$password" >"$folder/postgres/password")
    [ -z "$server_user" ] || chown "$server_user" "$folder/postgres/password"
    as_server "$binaries/initdb" -D "$folder/postgres/data" -U postgres -A password \
        --pwfile="$folder/postgres/password" -E UTF8 --locale=C --no-sync >/dev/null
    {
        echo "listen_addresses = '127.0.0.1'"
        echo "unix_socket_directories = ''"
        printf '%s\n' "$@"
    } >>"$folder/postgres/data/postgresql.conf"
    for attempt in 1 2 3 4 5; do
        port=$(free_port)
        if as_server "$pg_ctl" start -w -t 60 -D "$folder/postgres/data" -o "-p $port" \
            -l "$folder/postgres/log" >/dev/null; then
            export DATABASE_URL="postgres://postgres:$password@127.0.0.1:$port/postgres"
            say "$("$binaries/postgres" --version) runs on port $port"
            return
        fi
    done
    cat "$folder/postgres/log" >&2
    die "PostgreSQL did not start in $attempt attempts"
}

# Sets REDIS_URL.
start_redis() {
    local binary port password attempt
    redis_binary >/dev/null || install Redis redis-server redis redis redis redis redis
    binary=$(redis_binary) || die "redis-server is nowhere to be found"
    make_folder
    server_folder redis
    password=$(new_password)
    for attempt in 1 2 3 4 5; do
        port=$(free_port)
        as_server "$binary" - >/dev/null <<CONF
bind 127.0.0.1
port $port
requirepass $password
daemonize yes
dir $folder/redis
pidfile $folder/redis/pid
logfile $folder/redis/log
save ""
appendonly no
CONF
        for _ in {1..100}; do
            if [ -s "$folder/redis/pid" ] && answers "$port"; then
                export REDIS_URL="redis://:$password@127.0.0.1:$port"
                say "$("$binary" --version | cut -d' ' -f1-3) runs on port $port"
                return
            fi
            sleep 0.1
        done
    done
    cat "$folder/redis/log" >&2
    die "Redis did not start in $attempt attempts"
}
