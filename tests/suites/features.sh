# Every feature and score against an independent computation in pandas, over the raw events.
suite_features() {
  local venv=$TARGET/venv-pandas database
  need_python
  if ! "$venv/bin/python" -c 'import pandas' 2> /dev/null; then
    if ! { python3 -m venv "$venv" && "$venv/bin/pip" install --quiet pandas==2.2.3; } > "$TARGET/pip-pandas.log" 2>&1; then
      skip "features against pandas" "pandas could not be installed from PyPI; details are in $TARGET/pip-pandas.log"
      return
    fi
  fi
  start_cluster test "fsync = off"
  for database in generated tiers cdnow; do
    if [ "$database" = cdnow ] && [ ! -r "$PG_SEGMENT_DATA/cdnow_master.csv.gz" ]; then
      skip "features of CDNOW against pandas" "there is no cdnow_master.csv.gz in PG_SEGMENT_DATA ($PG_SEGMENT_DATA)"
      continue
    fi
    PGDATABASE=postgres psql -q -c "CREATE DATABASE $database"
    PGDATABASE=$database PATH=$BIN:$PATH check "features against pandas: $database" \
      "$venv/bin/python" "$ROOT/tests/differential/features.py" "$database" "$PG_SEGMENT_DATA/cdnow_master.csv.gz"
  done
}
