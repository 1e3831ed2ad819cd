# What reads, on a standby, where no transaction may be given an id.
suite_standby() {
  start_cluster test "fsync = off" "max_wal_senders = 2"
  psql -q > /dev/null <<'SQL'
CREATE EXTENSION pg_segment;
CREATE TABLE orders (customer text, at timestamptz, total numeric);
SELECT segment.attach_source('orders', subscriber => 'customer', occurred_at => 'at', constant_type => 'purchase', value => 'total');
SELECT segment.create_segment('buyers', '{"event": "purchase", "within": "90 days"}');
SELECT segment.create_segment('slow', '{"event": "purchase", "within": "90 days"}');
CALL segment.set_safeguards('slow', '{"enter_after": "1 hour"}');
INSERT INTO orders SELECT 'c' || i, now() - i * interval '10 days', i FROM generate_series(0, 19) i;
SQL
  stop_cluster standby
  local data=$RUN/cluster-standby
  mkdir -p "$data"
  owned_by_server "$data"
  chmod 700 "$data"
  unprivileged "$BIN/pg_basebackup" -D "$data" -R -X stream -c fast > "$LOGS/standby.log" 2>&1 || fail "the standby could not be made; details are in $LOGS/standby.log."
  echo "port = 5433" >> "$data/postgresql.conf"
  unprivileged "$BIN/pg_ctl" -D "$data" -l "$data/server.log" -w start > /dev/null
  says 9 "SELECT count(*) FROM segment.member"
  says 20 "SELECT count(*) FROM segment.profile"
  says t "SELECT bool_and(holds) FROM segment.explain('c1', 'buyers')"
  says 'member of slow, kept out by enter_after' "SELECT condition FROM segment.explain('c1', 'slow') WHERE path = '' LIMIT 1"
  says 0 "SELECT members FROM segment.preview('{\"segment\": \"slow\"}')"
  says 9 "SELECT count(*) FROM segment.diff('slow', '{\"event\": \"purchase\", \"within\": \"90 days\"}')"
  says 0 "SELECT count(*) FROM segment.members_as_of('slow', now())"
  says 7 "SELECT members FROM segment.preview('{\"event\": \"purchase\", \"within\": \"61 days\"}')"
  says 5 "SELECT members FROM segment.preview('{\"event\": \"purchase\", \"maximum\": {\"min\": 15}, \"of\": \"value\"}')"
  says 2 "SELECT count(*) FROM segment.diff('buyers', '{\"event\": \"purchase\", \"within\": \"61 days\"}')"
  says 0 "SELECT count(*) FROM segment.dependents('buyers')"
  says 9 "SELECT count(*) FROM segment.members_as_of('buyers', now())"
  says t "SELECT segment.time_in_segment('buyers', 'c1') > '0'"
  says 0 "SELECT count(*) FROM segment.verify()"
  stop_cluster standby
}

# says ANSWER SQL: the standby gives that answer.
says() {
  local answer
  if answer=$(PGPORT=5433 psql -At -c "$2" 2>&1) && [ "$answer" = "$1" ]; then pass "standby: $2"; else flunk "standby: $2" "$answer"; fi
}
