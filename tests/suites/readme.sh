# Every SQL block of the README and of docs/, run as a reader would, ending in verify().
suite_readme() {
  start_cluster test "fsync = off"
  local page name
  for page in "$ROOT"/README.md "$ROOT"/docs/*.md; do
    name=$(basename "$page" .md)
    awk '/^```sql$/ { inside = 1; next } /^```$/ { inside = 0 } inside' "$page" > "$LOGS/$name.sql"
    [ -s "$LOGS/$name.sql" ] || continue
    export PGDATABASE=postgres
    psql -q -c "CREATE DATABASE \"$name\""
    export PGDATABASE=$name
    psql -q -f "$ROOT/tests/readme/setup.sql"
    grep -q 'CREATE EXTENSION' "$LOGS/$name.sql" || psql -q -c "CREATE EXTENSION pg_segment"
    check "the SQL of $(basename "$page")" psql -f "$LOGS/$name.sql"
    expect_empty "the SQL of $(basename "$page"): verify" "SELECT * FROM segment.verify()"
  done
}
