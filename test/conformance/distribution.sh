#!/bin/sh
# Runs the conformance suite of the OCI Distribution Specification against a daemon of its own. Needs root, Go 1.24 or
# later with its module proxy, and a checkout of github.com/opencontainers/distribution-spec.
#   test/conformance/distribution.sh CHECKOUT [FOLDER FOR THE REPORTS]
set -eu
[ $# -gt 0 ] || { sed -n '2,5p' "$0"; exit 2; }
home=$(dirname "$(dirname "$(dirname "$(readlink -f "$0")")")")
results=$(readlink -f "${2:-$(mktemp -d /tmp/virga-conformance-results-XXXXXX)}")
root=$(mktemp -d /tmp/virga-conformance-XXXXXX)
(cd "$1/conformance" && go build -o "$root/suite" .)
port=${PORT:-5577}
"$home/node_modules/.bin/bun" "$home/src/main.ts" serve --root "$root" --registry "127.0.0.1:$port" &
daemon=$!
trap 'kill $daemon; wait $daemon || true; rm -rf "$root"' EXIT
until curl -sf "http://127.0.0.1:$port/v2/" >/dev/null; do kill -0 $daemon; sleep 0.2; done

# Images whose layers are missing may be refused, and are: no OCI_DATA_SPARSE.
export OCI_REGISTRY="127.0.0.1:$port" OCI_TLS=disabled OCI_VERSION=1.1 OCI_RESULTS_DIR="$results" \
  OCI_API_BLOBS_DIGEST_HEADER=true OCI_API_BLOBS_UPLOAD_CANCEL=true OCI_API_MANIFESTS_DIGEST_HEADER=true \
  OCI_API_MANIFESTS_TAG_PARAM=true
"$root/suite"
echo "reports: $results"
