# What cannot work ends with one clear sentence and a non-zero exit.
suite_setup() {
  refused "no pg_config" "which is not a program" PG_CONFIG=/nonexistent need_build_tools
  refused "a program that is no pg_config" "PostgreSQL 15 to 18 is needed" PG_CONFIG=/bin/echo need_build_tools
  if [ -x /usr/bin/cargo ]; then
    skip "no Rust toolchain" "Debian's cargo is installed"
  else
    refused "no Rust toolchain" "install a Rust toolchain" PATH=/usr/bin:/bin need_build_tools
  fi
  refused "missing packages without root" "as root once" LC_ALL=C without_root need_packages no-such-package=/nonexistent
  refused "a build without a network" "is there a network" LC_ALL=C offline
}

# refused NAME SENTENCE VARIABLE=VALUE COMMAND...: the command, run by a shell that has sourced the library, prints one
# line with the sentence and fails.
refused() {
  local name=$1 sentence=$2 setting=$3 output status=0
  shift 3
  output=$(cd "$ROOT" && env "$setting" bash -c ". tools/lib.sh; $(declare -f without_root offline); $*" 2>&1) || status=$?
  if [ "$status" -ne 0 ] && [ "$(wc -l <<< "$output")" -eq 1 ] && [[ $output == *"$sentence"* ]]; then
    pass "$name"
  else
    flunk "$name" "exit $status: $output"
  fi
}

without_root() {
  id() { echo 1000; }
  "$@"
}

offline() {
  TARGET=$(mktemp -d)
  echo "error: failed to download from the registry" > "$TARGET/build.log"
  build_failed
}
