# shellcheck shell=bash
# The real servers on this machine, for trying things by hand. Sourced by ./dev, which sets `checkout`.

# shellcheck disable=SC2154  # set by the caller
servers_home="$checkout/.dev/servers"
servers_env="$checkout/.dev/env"

# free_ports N: as many ports of 127.0.0.1 that nobody listens on, each with the one 10,000 above.
free_ports() {
    python3 - "$1" <<'EOF'
import random, socket, sys

def is_free(port):
    with socket.socket() as tried:
        tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        return tried.connect_ex(("127.0.0.1", port)) != 0

wanted = int(sys.argv[1])
print(*[port for port in random.sample(range(20_000, 29_000), 200) if is_free(port) and is_free(port + 10_000)][:wanted])
EOF
}

# answers PORT PATH STATUS: whether the server on that port answers GET with that status.
answers() {
    python3 - "$@" 2>/dev/null <<'EOF'
import sys, urllib.error, urllib.request

port, path, expected = sys.argv[1:]
try:
    status = urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5).status
except urllib.error.HTTPError as error:
    status = error.code
sys.exit(status != int(expected))
EOF
}

# listens PORT: whether something accepts connections there.
listens() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# is_up NAME: whether the process that was started for that server still is that server.
is_up() {
    local pid
    pid=$(cat "$servers_home/$1.pid" 2>/dev/null) && grep -qsF "$servers_home/$1" "/proc/$pid/cmdline"
}

# serve NAME ARGUMENT...: starts a server in a process group of its own.
serve() {
    local name=$1
    shift
    mkdir -p "$servers_home/$name"
    setsid scripts/serve "$name" "$servers_home/$name" "$@" </dev/null >"$servers_home/$name.log" 2>&1 &
    echo $! >"$servers_home/$name.pid"
}

# await NAME COMMAND...: waits until the command succeeds.
await() {
    local name=$1 deadline=$((SECONDS + 120))
    shift
    until "$@"; do
        if [ "$SECONDS" -ge "$deadline" ] || ! kill -0 "$(cat "$servers_home/$name.pid")" 2>/dev/null; then
            tail -n 20 "$servers_home/$name.log" >&2
            down
            fail 69 "$name did not start" "the lines above say why; all of them are in $servers_home/$name.log"
        fi
        sleep 0.2
    done
}

up() {
    local s3 master volume filer admin mongodb mlflow secret
    if is_up seaweedfs && is_up secantusdb && is_up mlflow; then
        note "the servers are up; load their addresses: . .dev/env"
        return
    fi
    down
    packages "have python3:python3" "python3 -m pip --version:python3-pip" "python3 -c 'import ensurepip':python3-venv"
    note "fetching the servers"
    scripts/fetch-test-servers >/dev/null
    read -r s3 master volume filer admin mongodb mlflow < <(free_ports 7)
    mkdir -p "$servers_home/seaweedfs"
    (umask 077 && mkdir -p "$servers_home" && : >"$servers_env" && : >"$servers_home/seaweedfs/s3.json")
    # The data outlive `./dev down`; the key is new each time.
    secret=$(head -c 24 /dev/urandom | base64 | tr '+/' 'ab')
    cat >"$servers_home/seaweedfs/s3.json" <<EOF
{"identities": [{"name": "faultline", "credentials": [{"accessKey": "faultline", "secretKey": "$secret"}],
  "actions": ["Admin", "Read", "Write", "List", "Tagging"]}]}
EOF
    note "starting SeaweedFS, SecantusDB and MLflow"
    serve seaweedfs "$s3" "$master" "$volume" "$filer" "$admin"
    serve secantusdb "$mongodb"
    serve mlflow "$mlflow"
    await seaweedfs answers "$filer" /buckets/faultline/ 200
    await seaweedfs answers "$s3" /faultline 403
    await secantusdb listens "$mongodb"
    await mlflow answers "$mlflow" /health 200
    cat >"$servers_env" <<EOF
export AWS_ENDPOINT_URL_S3=http://127.0.0.1:$s3
export AWS_REGION=us-east-1
export AWS_ACCESS_KEY_ID=faultline
export AWS_SECRET_ACCESS_KEY=$secret
export FAULTLINE_ROOT_URI=s3://faultline/dev
export FAULTLINE_RECORDS_URI=mongodb://127.0.0.1:$mongodb/faultline
export FAULTLINE_TRACKING_URI=http://127.0.0.1:$mlflow
EOF
    note "the servers are up; load their addresses: . .dev/env"
    note "MLflow's pages: http://127.0.0.1:$mlflow"
}

# down: ends what `up` has started, politely and then not. The data stay in .dev/servers.
down() {
    local name pid deadline
    for name in seaweedfs secantusdb mlflow; do
        if is_up "$name"; then
            pid=$(cat "$servers_home/$name.pid")
            kill -TERM -- "-$pid" 2>/dev/null || true
            deadline=$((SECONDS + 15))
            while kill -0 -- "-$pid" 2>/dev/null; do
                [ "$SECONDS" -lt "$deadline" ] || kill -KILL -- "-$pid" 2>/dev/null || true
                sleep 0.1
            done
            note "$name is down"
        fi
        rm -f "$servers_home/$name.pid"
    done
    rm -f "$servers_env"
}
