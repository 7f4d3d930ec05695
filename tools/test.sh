#!/bin/sh
# npm test: installs what is missing, checks the code, runs every test; ends with "N passed, N failed".
#   tools/test.sh [--no-check] [FILE...]
set -eu
home=$(dirname -- "$(dirname -- "$(readlink -f -- "$0")")")
. "$home/tools/install.sh"
install_packages dev
cd "$home"
exec node_modules/bun/bin/bun.exe tools/test.ts "$@"
