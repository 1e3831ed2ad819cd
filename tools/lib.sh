# Shared by the Makefile's commands: what the build needs, a private copy of PostgreSQL under target/ that takes
# the extension without touching the machine's installation, and throw-away clusters. Source it from bash.

set -euo pipefail

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
TARGET=$ROOT/target
PGRX_VERSION=0.18.1
PG_CONFIG=${PG_CONFIG:-pg_config}
PG_MAJOR=${PG_MAJOR:-15}
export PGRX_HOME=$TARGET/pgrx CARGO_TARGET_DIR=$TARGET PATH=$TARGET/tools/bin:$PATH
unset PGHOST PGPORT PGUSER PGDATABASE PGPASSWORD PGSERVICE PGOPTIONS RUST_BACKTRACE RUST_LIB_BACKTRACE

say() { printf '%s\n' "$*" >&2; }
fail() { say "pg_segment: $*"; exit 1; }

# Debian packages, installed where they are missing: package and a file that shows it is there.
need_packages() {
  local missing=() entry
  for entry in "$@"; do
    compgen -G "${entry#*=}" > /dev/null || command -v "${entry#*=}" > /dev/null || missing+=("${entry%%=*}")
  done
  [ ${#missing[@]} -eq 0 ] && return
  [ "$(id -u)" -eq 0 ] || fail "these packages are missing: ${missing[*]}. Run 'apt-get install ${missing[*]}' as root once, then this command again as yourself."
  command -v apt-get > /dev/null || fail "these packages are missing and apt-get is not here to install them: ${missing[*]}."
  say "installing packages: ${missing[*]}"
  local log=$TARGET/apt.log
  mkdir -p "$TARGET"
  { apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "${missing[@]}"; } > "$log" 2>&1 \
    || fail "the packages ${missing[*]} could not be installed; is there a network? Details are in $log."
}

# The toolchain, PostgreSQL with its headers, and cargo-pgrx.
need_build_tools() {
  command -v cargo > /dev/null || fail "cargo was not found; install a Rust toolchain with rustup first."
  if [ "$PG_CONFIG" = pg_config ]; then
    need_packages "postgresql-$PG_MAJOR=/usr/lib/postgresql/$PG_MAJOR/bin/postgres" \
      "postgresql-server-dev-$PG_MAJOR=/usr/include/postgresql/$PG_MAJOR/server/postgres.h"
    [ -x "/usr/lib/postgresql/$PG_MAJOR/bin/pg_config" ] && PG_CONFIG=/usr/lib/postgresql/$PG_MAJOR/bin/pg_config
  fi
  need_packages "clang=clang" "libclang-dev=/usr/lib/*/libclang-*.so*" "gcc=cc" "make=make" "util-linux=setpriv"
  check_pg_config
  mkdir -p "$TARGET"
  if [ "$(cargo pgrx --version 2> /dev/null || true)" != "cargo-pgrx $PGRX_VERSION" ]; then
    say "installing cargo-pgrx $PGRX_VERSION into target/tools (about 4 minutes)"
    cargo install cargo-pgrx --version "$PGRX_VERSION" --locked --root "$TARGET/tools" > "$TARGET/cargo-pgrx.log" 2>&1 \
      || fail "cargo-pgrx could not be installed; is there a network? Details are in $TARGET/cargo-pgrx.log."
  fi
}

check_pg_config() {
  command -v "$PG_CONFIG" > /dev/null || fail "PG_CONFIG is '$PG_CONFIG', which is not a program; set it to the pg_config of PostgreSQL 15 to 18."
  local version
  version=$("$PG_CONFIG" --version 2> /dev/null | head -n 1) || fail "PG_CONFIG is '$PG_CONFIG', which is not a pg_config."
  PG_MAJOR=$(sed -nE 's/^PostgreSQL ([0-9]+).*/\1/p' <<< "$version")
  case "$PG_MAJOR" in
    15 | 16 | 17 | 18) ;;
    *) fail "PG_CONFIG is '$PG_CONFIG' of '$version'; PostgreSQL 15 to 18 is needed." ;;
  esac
  [ -f "$("$PG_CONFIG" --includedir-server)/postgres.h" ] || fail "the server headers of $version are missing; install its development package."
  [ -x "$("$PG_CONFIG" --bindir)/postgres" ] || fail "the server of $version is missing; install its server package."
}

# Tells pgrx which PostgreSQL to build for. Only a change is written: the file's time would make pgrx build anew.
configure_pgrx() {
  local wanted
  wanted=$(printf '[configs]\npg%s = "%s"' "$PG_MAJOR" "$1")
  mkdir -p "$PGRX_HOME"
  [ "$(cat "$PGRX_HOME/config.toml" 2> /dev/null)" = "$wanted" ] || printf '%s\n' "$wanted" > "$PGRX_HOME/config.toml"
}

build_failed() {
  if grep -qE 'failed to (download|get|query|fetch)|[Cc]ould not resolve' "$TARGET/build.log"; then
    fail "the crates could not be fetched; is there a network? Details are in $TARGET/build.log."
  fi
  tail -n 30 "$TARGET/build.log" >&2
  fail "the build failed; details are in $TARGET/build.log."
}

# Where servers run: below target/. A checkout below a closed directory such as /root cannot be reached by the
# unprivileged user that a server needs, so then target/ links to a directory outside.
run_directory() {
  RUN=$TARGET
  [ "$(id -u)" -eq 0 ] || return 0
  as_server_user test -r "$ROOT/Cargo.toml" 2> /dev/null && return
  RUN=/var/tmp/pg_segment-$(md5sum <<< "$ROOT" | cut -c 1-12)
  mkdir -p "$RUN" "$TARGET"
  [ "$(stat -c %u "$RUN")" -eq 0 ] || fail "$RUN exists and is not root's; remove it and try again."
  chmod 755 "$RUN"
  ln -sfn "$RUN" "$TARGET/outside"
}

# PostgreSQL finds its files relative to its programs, so a copy that keeps their places is an installation.
private_copy() {
  run_directory
  PRIVATE=${PRIVATE:-$RUN/postgresql-$PG_MAJOR}
  local bindir directory
  bindir=$("$PG_CONFIG" --bindir)
  [[ $bindir != "$PRIVATE"/* ]] || fail "PG_CONFIG is '$PG_CONFIG', that of the copy itself; set it to the pg_config of an installed PostgreSQL."
  if [ ! -x "$PRIVATE$bindir/postgres" ] || [ "$("$PRIVATE$bindir/postgres" --version)" != "$("$bindir/postgres" --version)" ]; then
    say "copying $("$PG_CONFIG" --version) into target/"
    rm -rf "$PRIVATE"
    for directory in "$bindir" "$("$PG_CONFIG" --pkglibdir)" "$("$PG_CONFIG" --sharedir)"; do
      mkdir -p "$PRIVATE$directory"
      cp -a "$directory/." "$PRIVATE$directory/"
    done
    directory=$("$PG_CONFIG" --includedir-server)
    mkdir -p "$(dirname "$PRIVATE$directory")"
    ln -sfn "$directory" "$PRIVATE$directory"
  fi
  BIN=$PRIVATE$bindir
  # Debian's server package has pg_config beside the server; elsewhere it lies where PG_CONFIG says.
  [ -x "$BIN/pg_config" ] || cp "$(command -v "$PG_CONFIG")" "$BIN/pg_config"
}

# Builds the extension and puts it into the private copy.
install_privately() {
  need_build_tools
  private_copy
  configure_pgrx "$BIN/pg_config"
  say "building pg_segment for PostgreSQL $PG_MAJOR"
  (cd "$ROOT" && cargo pgrx install --release --no-default-features --features "pg$PG_MAJOR" --pg-config "$BIN/pg_config") \
    > "$TARGET/build.log" 2>&1 || build_failed
}

# Runs a program as the unprivileged user that a server insists on.
as_server_user() {
  local user=nobody
  id postgres > /dev/null 2>&1 && user=postgres
  (cd / && HOME=/tmp setpriv --reuid "$user" --regid "$(id -g "$user")" --clear-groups "$@")
}

unprivileged() {
  if [ "$(id -u)" -eq 0 ]; then as_server_user "$@"; else "$@"; fi
}

owned_by_server() {
  if [ "$(id -u)" -eq 0 ]; then
    id postgres > /dev/null 2>&1 && chown -R postgres "$@" || chown -R nobody "$@"
  fi
}

# start_cluster NAME [SETTING ...]: a new cluster in the run directory. Sets PGDATA, PGHOST and PGUSER.
start_cluster() {
  local name=$1 setting
  shift
  stop_cluster "$name"
  export PGDATA=$RUN/cluster-$name PGUSER=postgres PGDATABASE=postgres
  PGHOST=$(mktemp -d /tmp/pg_segment.XXXXXX)
  export PGHOST
  mkdir -p "$PGDATA"
  owned_by_server "$PGDATA" "$PGHOST"
  chmod 700 "$PGDATA"
  unprivileged "$BIN/initdb" -D "$PGDATA" -U postgres -A trust -E UTF8 --locale=C.UTF-8 --no-instructions > "$TARGET/initdb-$name.log" 2>&1 \
    || fail "the cluster could not be made; details are in $TARGET/initdb-$name.log."
  {
    printf "listen_addresses = ''\nunix_socket_directories = '%s'\n" "$PGHOST"
    printf "max_connections = 40\nshared_buffers = 256MB\nmax_wal_size = 2GB\nlog_min_messages = warning\n"
    for setting in "$@"; do printf '%s\n' "$setting"; done
  } >> "$PGDATA/postgresql.conf"
  printf '%s\n' "$PGHOST" > "$TARGET/socket-$name"
  start_server
}

start_server() {
  unprivileged "$BIN/pg_ctl" -D "$PGDATA" -l "$PGDATA/server.log" -w -t 120 start > /dev/null 2>&1 \
    || { tail -n 20 "$PGDATA/server.log" >&2; fail "the server did not start; see $PGDATA/server.log."; }
}

stop_cluster() {
  local data=$RUN/cluster-$1
  # In a copy of a checkout, what lies here may be about the other one's server.
  if [ "$(sed -n 2p "$data/postmaster.pid" 2> /dev/null)" = "$data" ]; then
    PGDATA=$data unprivileged "$BIN/pg_ctl" -D "$data" -m immediate -w stop > /dev/null 2>&1 || true
    [ -f "$TARGET/socket-$1" ] && rm -rf "$(cat "$TARGET/socket-$1")"
  fi
  rm -rf "$TARGET/socket-$1" "$data"
}

psql() { "$BIN/psql" -X -v ON_ERROR_STOP=1 "$@"; }

# Python with pip and venv, for what comes from PyPI.
need_python() {
  need_packages "python3=python3"
  if ! python3 -c 'import venv, ensurepip, pip' 2> /dev/null; then
    need_packages "python3-pip=/usr/lib/python3/dist-packages/pip" "python3-venv=/usr/lib/python3*/ensurepip"
  fi
}

# A Python with scikit-learn and psycopg, in PYTHON; false where it cannot be had.
with_scikit_learn() {
  local packages=(scikit-learn==1.9.1 "psycopg[binary]==3.3.2")
  need_python
  PYTHON=$TARGET/venv-scikit-learn/bin/python
  [ "$(cat "$TARGET/venv-scikit-learn/packages" 2> /dev/null)" = "${packages[*]}" ] && return
  python3 -m venv "$TARGET/venv-scikit-learn" && "$PYTHON" -m pip install --quiet "${packages[@]}" > "$TARGET/pip.log" 2>&1 \
    && echo "${packages[*]}" > "$TARGET/venv-scikit-learn/packages"
}

# Sets CDNOW to a file from PyPI with the purchases of CDNOW's customers, fetched once.
fetch_cdnow() {
  local digest=261e3dc89977c2b60767ca6728aaa29d429de0c814635070a749c36555895da8
  need_python
  CDNOW=$TARGET/Lifetimes-0.11.3-py3-none-any.whl
  if [ ! -f "$CDNOW" ]; then
    say "fetching CDNOW (PyPI: lifetimes 0.11.3)"
    python3 -m pip download --quiet --disable-pip-version-check --no-deps --dest "$TARGET" lifetimes==0.11.3 > "$TARGET/pip.log" 2>&1 \
      || fail "the data could not be fetched; is there a network? Details are in $TARGET/pip.log."
  fi
  echo "$digest  $CDNOW" | sha256sum --check --quiet 2> /dev/null \
    || fail "$CDNOW is not the file that was expected; remove it and try again."
}
