#!/usr/bin/env bash
# Run a command with a Docker engine at hand that holds the image postgres:15.
#
#   tests/engine.sh make test
#
# An engine that answers and holds the image is used as it is. Else, as root on Debian, a private one is started for this
# command alone, and is gone with everything that it made when the command ends: its own socket and folder, published ports
# on 127.0.0.1 only, the packet filter of the machine untouched. Its image is made from the PostgreSQL files of this
# machine, so no registry has to be reachable. Missing packages are installed.
#
# The command gets DOCKER_HOST, what testcontainers has to know, and ENGINE_REQUIRED=1: tests that find no container fail.
# Where no engine can be had, one line says so and the command runs without; with ENGINE_REQUIRED=1 it does not run.
set -euo pipefail
shopt -s extglob

IMAGE=postgres:15
POSTGRES=/usr/lib/postgresql/15
SHARE=/usr/share/postgresql/15
PACKAGES=(docker.io busybox-static postgresql-15 iproute2 procps)

main() {
  [ $# -gt 0 ] || { sed -n '2,13s/^# \{0,1\}//p' "$0" >&2; exit 2; }
  if docker image inspect "$IMAGE" >/dev/null 2>&1; then
    export ENGINE_REQUIRED=1
    exec "$@"
  fi
  can_start || without "$PROBLEM" "$@"
  STATE=$(mktemp -d /tmp/balados-db-engine.XXXXXX)
  LOG=$STATE/engine.log
  trap stop_engine EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM
  if ! { install_packages && start_engine && make_image; } >>"$LOG" 2>&1; then
    tail -n 20 "$LOG" >&2
    without "the private one did not start (its last words are above)" "$@"
  fi
  echo "engine: a private Docker engine with the image $IMAGE, made from $POSTGRES" >&2
  export ENGINE_REQUIRED=1
  "$@"
}

can_start() {
  PROBLEM=
  if docker version >/dev/null 2>&1; then
    PROBLEM="the one that answers has no image $IMAGE (docker pull $IMAGE)"
  elif [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    PROBLEM="none answers, and a private one needs root on Debian"
  fi
  [ -z "$PROBLEM" ]
}

# Say that there is none, and run the command on whatever PostgreSQL is at hand, unless that will not do.
without() {
  local problem=$1
  shift
  if [ "${ENGINE_REQUIRED:-}" = 1 ]; then
    echo "NO DOCKER ENGINE: $problem. ENGINE_REQUIRED=1, so this is an error." >&2
    exit 1
  fi
  echo "NO DOCKER ENGINE: $problem. NOTHING IS TESTED IN A CONTAINER; going on without." >&2
  "$@"
  exit
}

install_packages() {
  if command -v dockerd && command -v busybox && command -v ip && command -v ps && [ -x "$POSTGRES/bin/postgres" ]; then
    return
  fi
  # The package of the server would make and start a cluster that nobody asked for.
  if [ ! -e /etc/postgresql-common/createcluster.conf ]; then
    mkdir -p /etc/postgresql-common
    echo 'create_main_cluster = false' >/etc/postgresql-common/createcluster.conf
  fi
  apt-get -o DPkg::Lock::Timeout=300 -q update &&
    DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 -o DPkg::Options::=--force-confold -q install -y \
      --no-install-recommends --no-upgrade "${PACKAGES[@]}"
}

# ── the engine ──────────────────────────────────────────────────────────────────────────────────────────

start_engine() {
  export DOCKER_HOST=unix://$STATE/docker.sock
  # Its clean-up container is one that only a registry has; the engine itself goes, and all containers with it.
  export TESTCONTAINERS_RYUK_DISABLED=true
  # testcontainers takes /.dockerenv for a sign that it must ask the bridge: published ports are on loopback.
  export TESTCONTAINERS_HOST_OVERRIDE=127.0.0.1 TESTCONTAINERS_CONNECTION_MODE=docker_host
  # A bridge of its own: docker0 belongs to whichever engine made it.
  BRIDGE=balados$$
  ip link add "$BRIDGE" type bridge && ip address add "10.213.$(($$ % 256)).1/24" dev "$BRIDGE" &&
    ip link set "$BRIDGE" up || return 1
  # A session of its own, so that a Ctrl-C lets the tests end first; and it dies with this script, however that dies.
  setsid setpriv --pdeathsig TERM dockerd --host "$DOCKER_HOST" --pidfile "$STATE/pid" \
    --data-root "$STATE/data" --exec-root "$STATE/exec" --bridge "$BRIDGE" \
    --ip 127.0.0.1 --iptables=false --ip6tables=false --ip-forward=false --ip-masq=false </dev/null &
  ENGINE=$!
  for _ in $(seq 300); do
    if docker version; then return; fi
    kill -0 "$ENGINE" || return 1
    sleep 0.1
  done
  return 1
}

stop_engine() {
  local status=$?
  trap '' INT TERM
  if [ -n "${ENGINE:-}" ]; then
    # shellcheck disable=SC2046 # ids hold no blanks
    docker rm --force $(docker ps --all --quiet) >/dev/null 2>&1 || true
    kill "$ENGINE" 2>/dev/null || true
    wait "$ENGINE" 2>/dev/null || true
  fi
  [ -z "${BRIDGE:-}" ] || ip link delete "$BRIDGE" 2>/dev/null || true
  grep -oE " $STATE/[^ ]+" /proc/mounts | sort --reverse | xargs --no-run-if-empty umount --lazy 2>/dev/null || true
  rm -rf "$STATE"
  exit "$status"
}

# ── the image ───────────────────────────────────────────────────────────────────────────────────────────

# The files keep their paths; beside them a shell, an account, and what makes a cluster at the first start.
make_image() {
  local root=$STATE/image programs files
  mkdir -p "$root"/{bin,etc,tmp,run/postgresql,var/lib/postgresql/data,usr/bin}
  ln -s /run "$root/var/run"
  chmod 755 "$root"
  chmod 1777 "$root/tmp"
  cp "$(command -v busybox)" "$root/bin/busybox"
  chroot "$root" /bin/busybox --install -s /bin
  printf '%s\n' 'root:x:0:0::/:/bin/sh' 'postgres:x:999:999::/var/lib/postgresql:/bin/sh' >"$root/etc/passwd"
  printf '%s\n' 'root:x:0:' 'postgres:x:999:' >"$root/etc/group"
    programs=("$POSTGRES"/bin/{postgres,initdb,psql} "$POSTGRES"/lib/!(llvmjit*).so "$(command -v setpriv)")
  files=("${programs[@]}" "$SHARE" /usr/share/zoneinfo /usr/lib/locale/C.utf8)
  mapfile -t -O ${#files[@]} files < <(ldd "${programs[@]}" | grep -oE '/[^ )]+\.so[^ )]*' | grep -v ':$' | sort -u)
  cp --recursive --dereference --parents "${files[@]}" "$root"
  ln -s "$POSTGRES"/bin/{postgres,initdb,psql} "$root/usr/bin/"
  entrypoint >"$root/entrypoint"
  chmod 755 "$root/entrypoint"
  tar --directory "$root" --numeric-owner --create . | docker import \
    --change 'ENTRYPOINT ["/entrypoint"]' --change 'CMD ["postgres"]' --change 'EXPOSE 5432' - "$IMAGE"
  rm -rf "$root"
  docker run --rm --pull never --entrypoint "$POSTGRES/bin/postgres" "$IMAGE" --version  # the proof of all that
}

# What testcontainers expects of an image of PostgreSQL: POSTGRES_USER, POSTGRES_PASSWORD, POSTGRES_DB, server options.
entrypoint() {
  cat <<'ENTRYPOINT'
#!/bin/sh
set -eu
data=/var/lib/postgresql/data
as_postgres() { /usr/bin/setpriv --reuid=999 --regid=999 --clear-groups "$@"; }
if [ ! -s "$data/PG_VERSION" ]; then
  chown 999:999 "$data" /run/postgresql
  (umask 077; echo "${POSTGRES_PASSWORD:?}" >/tmp/password; chown 999 /tmp/password)
  as_postgres initdb --pgdata "$data" --username "${POSTGRES_USER:=postgres}" --pwfile /tmp/password --auth-local trust \
    --auth-host scram-sha-256 --encoding UTF8 --locale C.UTF-8 --no-sync
  rm /tmp/password
  echo 'host all all all scram-sha-256' >>"$data/pg_hba.conf"
  if [ "${POSTGRES_DB:=$POSTGRES_USER}" != postgres ]; then
    echo "CREATE DATABASE \"$POSTGRES_DB\"" | as_postgres postgres --single -D "$data" postgres >/dev/null
  fi
fi
[ "${1:-}" != postgres ] || shift
exec /usr/bin/setpriv --reuid=999 --regid=999 --clear-groups postgres -D "$data" -c 'listen_addresses=*' "$@"
ENTRYPOINT
}

main "$@"
