# What the papers on customer-base models report of CDNOW's customers, from their purchases, as a table and as attached events.
suite_customer_base() {
  fetch_cdnow
  start_cluster test "fsync = off"
  psql -q -c "CREATE DATABASE cdnow"
  export PGDATABASE=cdnow
  python3 -c '
import sys, zipfile
text = zipfile.ZipFile(sys.argv[1]).read("lifetimes/datasets/CDNOW_sample.txt").decode()
for customer, _, day, _, dollars in map(str.split, text.splitlines()):
    print(f"{customer},{day[:4]}-{day[4:6]}-{day[6:]},{dollars}")' "$CDNOW" > "$LOGS/cdnow.csv"
  psql -q -f "$ROOT/tests/reference/customer_base.sql" < "$LOGS/cdnow.csv" > "$LOGS/customer_base.out" \
    || { flunk "the purchases of CDNOW's customers can be modelled" "$(cat "$LOGS/customer_base.out")"; return; }
  local name
  while IFS='|' read -r name found; do
    if [ "$found" = t ]; then pass "CDNOW: $name"; else flunk "CDNOW: $name"; fi
  done < <(psql -At -c "SELECT name, found FROM expected ORDER BY place")
}
