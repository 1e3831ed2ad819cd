# The generated install script, before anybody runs it.
suite_schema() {
  local script
  script=$(ls "$("$BIN/pg_config" --sharedir)"/extension/pg_segment--*.sql)
  need_python
  if [ ! -x "$TARGET/venv/bin/pgspot" ]; then
    python3 -m venv "$TARGET/venv" && "$TARGET/venv/bin/pip" install --quiet pgspot==0.9.4 > "$TARGET/pip.log" 2>&1 \
      || fail "pgspot could not be installed; is there a network? Details are in $TARGET/pip.log."
  fi
  check "pgspot finds nothing in the install script" "$TARGET/venv/bin/pgspot" "$script"
  check "no tabs in hand-written SQL" bash -c '! grep -lP "\t" "$@"' - "$ROOT"/sql/*.sql
  if cargo fmt --version > /dev/null 2>&1; then
    check "the code is formatted" cargo fmt --manifest-path "$ROOT/Cargo.toml" --all --check
  else
    skip "the code is formatted" "the toolchain has no rustfmt"
  fi
}
