#!/bin/bash
# Starts dockerd, podman's service and Virga, each with a folder of its own, runs a command with
# `dockerd=unix://… podman=unix://… virga=unix://…` as its last arguments, and stops them again.
#
#   bench/peers.sh [-p PEERS] COMMAND [ARGUMENT...]      PEERS: dockerd,podman (default), dockerd, podman or none
#
# Needs root and the packages docker.io and podman. A peer gets namespaces of its own (network, mounts, processes) and
# an empty /run and /var/lib: it changes neither the host's packet filter nor its files, and ends as a whole with its
# first process. Its containers reach nothing outside.
set -eu
peers=dockerd,podman
while getopts p: option; do case $option in p) peers=$OPTARG ;; *) exit 2 ;; esac; done
shift $((OPTIND - 1))
[ $# -gt 0 ] || { sed -n '2,10p' "$0"; exit 2; }
home=$(dirname "$(dirname "$(readlink -f "$0")")")
work=$(mktemp -d /tmp/virga-bench-XXXXXX)
virga=unix://$work/virga/run/docker.sock
pids=() engines=()

# Cgroups are the one thing of a peer that namespaces do not take away. Those that were there before stay.
peer_cgroups() { find /sys/fs/cgroup -mindepth 1 -maxdepth 2 -type d \( -name docker -o -name libpod_parent \) | sort; }
cgroups_before=$(peer_cgroups)

stop() {
  docker -H "$virga" ps -aq 2>/dev/null | xargs -r docker -H "$virga" rm -f -v >/dev/null || true
  "$home/virga" system stop --root "$work/virga" >/dev/null 2>&1 || true
  # `--kill-child` ends the first process of the namespace with `unshare`, and the kernel all others with that one.
  for pid in "${pids[@]}"; do kill -KILL "$pid" 2>/dev/null || true; wait "$pid" 2>/dev/null || true; done
  comm -13 <(echo "$cgroups_before") <(peer_cgroups) | while read -r folder; do
    for _ in $(seq 50); do # a process that has just ended holds its cgroup for a moment
      find "$folder" -depth -type d -exec rmdir {} + 2>/dev/null && break
      sleep 0.1
    done
  done
  rm -rf --one-file-system "$work"
}
trap stop EXIT
trap 'exit 130' INT TERM

# peer NAME COMMAND...: starts a service that is to listen at $work/NAME.sock.
peer() {
  local name=$1; shift
  unshare --net --mount --pid --fork --kill-child --mount-proc bash -c '
    set -eu
    ip link set lo up
    sysctl -qw net.ipv4.ip_forward=1
    for folder in /run /var/lib /var/cache /dev/shm; do mount -t tmpfs tmpfs "$folder"; done
    # crun, which podman uses, refuses to work where controllers are on both versions of cgroups.
    [ "$1" != podman ] || ! mountpoint -q /sys/fs/cgroup/unified || umount /sys/fs/cgroup/unified
    shift
    "$@" & wait' bash "$name" "$@" >"$work/$name.log" 2>&1 &
  pids+=($!); engines+=("$name=unix://$work/$name.sock"); await "$work/$name.sock"
}

await() { for _ in $(seq 300); do [ -S "$1" ] && docker -H "unix://$1" version >/dev/null 2>&1 && return; sleep 0.1; done
  echo "peers.sh: nothing answers at $1" >&2; tail -n 30 "$work"/*.log >&2; exit 1; }

case ,$peers, in *,dockerd,*)
  peer dockerd dockerd --data-root "$work/dockerd" --exec-root "$work/dockerd-run" -H "unix://$work/dockerd.sock" ;;
esac
case ,$peers, in *,podman,*)
  peer podman podman --cgroup-manager cgroupfs --events-backend file --root "$work/podman" --runroot "$work/podman-run" \
    --tmpdir "$work/podman-tmp" --volumepath "$work/podman-volumes" --network-config-dir "$work/podman-networks" \
    system service --time 0 "unix://$work/podman.sock" ;;
esac
mkdir "$work/virga"
"$home/virga" serve --root "$work/virga" >"$work/virga.log" 2>&1 &
pids+=($!)
engines+=("virga=$virga"); await "${virga#unix://}"

"$@" "${engines[@]}"
