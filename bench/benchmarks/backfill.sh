# Reading history: attaching a table of 10,000,000 events of 1,000,000 subscribers, and defining one more segment, each
# against one grouped pass over the events.
NAMES+=(new_segment backfill)

# Before any segment is defined, as in the README.
bench_backfill() {
  need million_events
  alternate attach_or_group group attach
  report backfill "<= 1.5" attach group
}

make_million_events() {
  new_database million_events "$(scaled 1000000)" "$(scaled 10000000)"
  value million_events "CREATE EXTENSION pg_segment"
}

attach_or_group() {
  clone million_events timed
  if [ "$1" = group ]; then
    milliseconds timed -f "$BENCH/totals.sql"
  else
    milliseconds timed -c "SELECT segment.attach_source('event', subscriber => 'subscriber', occurred_at => 'at',
      event_type => 'kind', value => 'value', properties => 'properties')"
    prove timed
  fi
}

# A segment on 1,000,000 subscribers with 50 events each that reads what other segments read already, on one core as the
# grouped pass is.
bench_new_segment() {
  need deep
  clone deep timed
  alternate define_or_group group define
  report new_segment_seconds "<= 20 s" define 1000
  report new_segment ">= 20" group define
}

define_or_group() {
  if [ "$1" = group ]; then
    PGOPTIONS="$PGOPTIONS -c max_parallel_workers_per_gather=0" milliseconds timed -f "$BENCH/totals.sql"
  else
    milliseconds timed -c "SELECT segment.create_segment('new', '{\"all\": [{\"event\": \"purchase\", \"count\": {\"min\": 2}},
      {\"not\": {\"event\": \"purchase\", \"within\": \"30 days\"}}]}')"
    prove timed
    value timed "SELECT segment.drop_segment('new')" > /dev/null
  fi
}
