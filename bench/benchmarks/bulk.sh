# Loading 500,000 rows of 100,000 subscribers, who exist or are new, in one statement.
NAMES+=(bulk_insert_select bulk_copy)

bench_bulk_insert_select() { bulk insert_select; }
bench_bulk_copy() { bulk copy; }

# Reports a way to load: of an attached table against a plain one and against one with the comparator's trigger; and what it is with
# the refresh that sees who moved.
bulk() {
  local way=$1 suffix staged
  need plain trigger attached
  for staged in existing new; do
    [ "$way" = insert_select ] || value plain "COPY $staged TO '$PGDATA/$staged.copy'"
    alternate "load_${way}_$staged" plain trigger attached refreshed
    [ $staged = new ] && suffix=_new || suffix=
    report "bulk_$way$suffix" "<= 1.6" attached plain
    report "bulk_$way${suffix}_vs_trigger" "<= 1.0" attached trigger
    report "bulk_$way${suffix}_and_refresh" "none" refreshed plain
  done
}

load_insert_select_existing() { load "$1" -v staged=existing -f "$BENCH/insert_select.sql"; }
load_insert_select_new() { load "$1" -v staged=new -f "$BENCH/insert_select.sql"; }
load_copy_existing() { load "$1" -c "COPY event (subscriber, at, kind, value, properties) FROM '$PGDATA/existing.copy'"; }
load_copy_new() { load "$1" -c "COPY event (subscriber, at, kind, value, properties) FROM '$PGDATA/new.copy'"; }

# Milliseconds of a load into a clone of a database.
load() {
  local side=$1
  shift
  clone "${side/refreshed/attached}" timed
  [ "$side" != refreshed ] || set -- "$@" -c "CALL segment.refresh()"
  milliseconds timed "$@"
  [[ $side == plain || $side == trigger ]] || prove timed
}
