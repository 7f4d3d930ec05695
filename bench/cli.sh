#!/bin/sh
# Times virga's commands beside docker's CLI on one and the same Virga daemon: what differs is the client alone.
#
#   bench/cli.sh [-n RUNS] ROOT
#
# Needs hyperfine, the docker CLI, an image `virga-bench` (bench/latency.ts makes it; or: virga import busybox.tar
# virga-bench) and a daemon for ROOT. Prints the median and the least time, and the CPU time of the client: the figure
# that says something on a busy machine too.
set -eu
runs=40
[ "${1:-}" != -n ] || { runs=$2; shift 2; }
root=${1:?usage: bench/cli.sh [-n RUNS] ROOT}
home=$(dirname -- "$(dirname -- "$(readlink -f -- "$0")")")
socket=$root/run/docker.sock
[ "$root" != /var/lib/virga ] || socket=/run/virga/docker.sock
export VIRGA_ROOT="$root" DOCKER_HOST="unix://$socket"
result=$(mktemp)
trap 'rm -f "$result"' EXIT
container=$("$home/virga" run -d virga-bench sleep 1000)
for command in "ps" "ps -a" "images" "inspect $container" "exec $container true" "run --rm virga-bench true"; do
  hyperfine -N -w 3 -r "$runs" --export-json "$result" "$home/virga $command" "docker $command" >/dev/null 2>&1
  "$home/node_modules/bun/bin/bun.exe" -e '
    const [file, command] = process.argv.slice(1);
    const { results } = await Bun.file(file).json();
    const shown = results.map((one) => {
      const cpu = one.user + one.system;
      return `${(one.median * 1e3).toFixed(1)} (${(one.min * 1e3).toFixed(1)}; cpu ${(cpu * 1e3).toFixed(1)})`;
    });
    console.log(`| ${command.replace(/[0-9a-f]{64}/, "ID")} | ${shown.join(" | ")} |`);
  ' "$result" "$command"
done
"$home/virga" rm -f "$container" >/dev/null
