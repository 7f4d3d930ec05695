# Sourced by the launcher and the test command, with $home set to the checkout.
#
# install_packages [dev]   installs what package-lock.json pins, unless it is there already. A stamp in node_modules
# holds the checksum of the lock file and is written last, so an interrupted install is done again.

say() { printf 'virga: %s\n' "$*" >&2; }

install_packages() {
  stamp="$home/node_modules/.virga-installed"
  kind=${1:-run}
  # A checkout that has the development packages keeps them: npm removes what it is told to omit.
  [ ! -d "$home/node_modules/typescript" ] || kind=dev
  wanted="$(cksum <"$home/package-lock.json") $kind"
  [ "$(cat "$stamp" 2>/dev/null)" != "$wanted" ] || return 0
  if ! command -v npm >/dev/null 2>&1; then
    say "installing Debian's npm: it fetches the pinned JavaScript runtime and libraries"
    [ "$(id -u)" = 0 ] || { say "this needs root; run it again with sudo"; exit 1; }
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq && apt-get install -y -qq --no-install-recommends npm >/dev/null
  fi
  say "installing the pinned npm packages"
  rm -f "$stamp"
  # What an interrupted npm has left can be in its own way.
  fetch_packages "$kind" || { rm -rf "$home/node_modules" && fetch_packages "$kind"; } || { say "npm could not install them; see: (cd $home && npm install --ignore-scripts)"; exit 1; }
  printf '%s' "$wanted" >"$stamp"
}

# No package's own script runs but Bun's, which puts its program in place.
fetch_packages() (
  cd "$home" || return
  omit=--include=dev
  [ "$1" = dev ] || omit=--omit=dev
  npm install --ignore-scripts --no-save --no-audit --no-fund --loglevel=error "$omit" >&2 || return
  node_modules/bun/bin/bun.exe --version >/dev/null 2>&1 || node node_modules/bun/install.js >&2
)
