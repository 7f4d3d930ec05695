#!/bin/sh
# Runs the conformance suite of the OCI Distribution Specification, a program that its project publishes the source of,
# against a daemon of its own. Needs root.
#   test/conformance/distribution.sh PROGRAM [FOLDER FOR THE REPORTS]
set -eu
[ $# -gt 0 ] || { sed -n '2,4p' "$0"; exit 2; }
home=$(dirname "$(dirname "$(dirname "$(readlink -f "$0")")")")
suite=$(readlink -f "$1")
results=$(readlink -f "${2:-$(mktemp -d /tmp/virga-conformance-results-XXXXXX)}")
root=$(mktemp -d /tmp/virga-conformance-XXXXXX)
port=${PORT:-5577}
"$home/node_modules/.bin/bun" "$home/src/main.ts" serve --root "$root" --registry "127.0.0.1:$port" &
daemon=$!
trap 'kill $daemon; wait $daemon || true; rm -rf "$root"' EXIT
until curl -sf "http://127.0.0.1:$port/v2/" >/dev/null; do kill -0 $daemon; sleep 0.2; done

# Images whose layers are missing may be refused, and are: no OCI_DATA_SPARSE.
export OCI_REGISTRY="127.0.0.1:$port" OCI_TLS=disabled OCI_VERSION=1.1 OCI_RESULTS_DIR="$results" \
  OCI_API_BLOBS_DIGEST_HEADER=true OCI_API_BLOBS_UPLOAD_CANCEL=true OCI_API_MANIFESTS_DIGEST_HEADER=true \
  OCI_API_MANIFESTS_TAG_PARAM=true
"$suite"
echo "reports: $results"
