#!/bin/bash
# Starts dockerd, podman's service and Virga, each with a folder of its own, runs a command with
# `dockerd=unix://… podman=unix://… virga=unix://…` as its last arguments, and stops them again.
#
#   bench/peers.sh [-p PEERS] COMMAND [ARGUMENT...]      PEERS: dockerd,podman (default), dockerd, podman or none
#
# Needs root and the packages docker.io and podman. The peers run in network namespaces of their own, since they
# would change the host's packet filter; containers of theirs reach nothing outside.
set -eu
peers=dockerd,podman
while getopts p: option; do case $option in p) peers=$OPTARG ;; *) exit 2 ;; esac; done
shift $((OPTIND - 1))
[ $# -gt 0 ] || { sed -n '2,9p' "$0"; exit 2; }
home=$(dirname "$(dirname "$(readlink -f "$0")")")
work=$(mktemp -d /tmp/virga-bench-XXXXXX)
pids=() namespaces=() engines=()

stop() {
  "$home/virga" system stop --root "$work/virga" >/dev/null 2>&1 || true
  for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null && wait "$pid" 2>/dev/null || true; done
  for namespace in "${namespaces[@]}"; do ip netns delete "$namespace" || true; done
  awk -v w="$work/" 'index($5, w) == 1 { print $5 }' /proc/self/mountinfo | sort -r | xargs -r umount -l
  rm -rf --one-file-system "$work"
}
trap stop EXIT

namespace() {
  namespaces+=("$1")
  ip netns add "$1"
  ip -n "$1" link set lo up
  nsenter --net="/run/netns/$1" sysctl -qw net.ipv4.ip_forward=1
}

await() { for _ in $(seq 300); do [ -S "$1" ] && docker -H "unix://$1" version >/dev/null 2>&1 && return; sleep 0.1; done
  echo "peers.sh: nothing answers at $1" >&2; cat "$work"/*.log >&2; exit 1; }

case ,$peers, in *,dockerd,*)
  namespace "vb-dockerd-$$"
  nsenter --net="/run/netns/vb-dockerd-$$" dockerd --data-root "$work/dockerd" --exec-root "$work/dockerd-run" \
    -H "unix://$work/dockerd.sock" --pidfile "$work/dockerd.pid" >"$work/dockerd.log" 2>&1 &
  pids+=($!); engines+=("dockerd=unix://$work/dockerd.sock"); await "$work/dockerd.sock" ;;
esac
case ,$peers, in *,podman,*)
  namespace "vb-podman-$$"
  nsenter --net="/run/netns/vb-podman-$$" podman --root "$work/podman" --runroot "$work/podman-run" \
    system service --time 0 "unix://$work/podman.sock" >"$work/podman.log" 2>&1 &
  pids+=($!); engines+=("podman=unix://$work/podman.sock"); await "$work/podman.sock" ;;
esac
mkdir "$work/virga"
"$home/virga" serve --root "$work/virga" >"$work/virga.log" 2>&1 &
pids+=($!)
engines+=("virga=unix://$work/virga/run/docker.sock"); await "$work/virga/run/docker.sock"

"$@" "${engines[@]}"
