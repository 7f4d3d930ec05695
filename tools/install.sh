# Sourced by the launcher and the test command, with $home set to the checkout.
#
# install_packages [dev]   installs what package-lock.json pins, unless it is there already. A stamp in node_modules
# holds the checksum of the lock file and is written last, so an interrupted install is done again.

say() { printf 'virga: %s\n' "$*" >&2; }

install_packages() {
  stamp="$home/node_modules/.virga-installed"
  wanted="$(cksum <"$home/package-lock.json") ${1:-run}"
  installed=$(cat "$stamp" 2>/dev/null || true)
  case "$installed" in
  "$wanted" | "${wanted% run} dev") return 0 ;;
  esac
  if ! command -v npm >/dev/null 2>&1; then
    say "installing Debian's npm: it fetches the pinned JavaScript runtime and libraries"
    [ "$(id -u)" = 0 ] || { say "this needs root; run it again with sudo"; exit 1; }
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq && apt-get install -y -qq --no-install-recommends npm >/dev/null
  fi
  omit=--omit=dev
  [ "${1:-}" != dev ] || omit=--include=dev
  say "installing the pinned npm packages"
  rm -f "$stamp"
  (
    cd "$home"
    npm install --ignore-scripts --no-save --no-audit --no-fund --loglevel=error "$omit" >&2
    node node_modules/bun/install.js >&2
  ) || { say "npm could not install them; try: (cd $home && npm ci --ignore-scripts)"; exit 1; }
  printf '%s' "$wanted" >"$stamp"
}
