#!/bin/sh
# One check of the code itself: format, lint with the layer rule, types, generated files.
set -eu
home=$(dirname -- "$(dirname -- "$(readlink -f -- "$0")")")
. "$home/tools/install.sh"
install_packages dev
cd "$home"
bin=node_modules/.bin
"$bin/oxfmt" --check src test tools bench
"$bin/oxlint" --type-aware
"$bin/tsc" -p .
"$bin/tsc" -p src/web
node_modules/bun/bin/bun.exe tools/generate.ts --check
