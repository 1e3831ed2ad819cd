# H11. Dump, restore into a new database, and go on: everything is there, and later events are captured once.
suite_restore() {
  start_cluster test "fsync = off"
  new_oracle_database original
  psql -q > /dev/null <<'SQL'
SELECT segment.create_segment('twice', '{"event": "purchase", "count": {"min": 2}, "within": "1 year"}'),
       segment.create_segment('reader', '{"event": "open", "where": {"colour": {"equals": "red"}}}');
INSERT INTO shop.orders (customer_id, ordered_at, total) SELECT i % 50, now() - i * interval '1 hour', i FROM generate_series(1, 300) i;
INSERT INTO shop.activity (kind, happened, user_id, details) VALUES ('open', now(), '7', '{"colour": "red"}');
SELECT segment.record_event('8', 'open', properties => '{"colour": "red"}');
CALL segment.set_safeguards('twice', '{"stay": "90 days"}');
SELECT segment.kmeans('segment.profile', ARRAY['lifetime_value'], 2, model => 'value');
CREATE TABLE shop.sale (buyer integer, at date);
SELECT setseed(0.5);
INSERT INTO shop.sale
SELECT buyer, date '2023-01-01' + buyer % 90 + (sum(wait) OVER (PARTITION BY buyer ORDER BY n))::integer
FROM (SELECT buyer, n, CASE WHEN n > 0 THEN least(-ln(1 - random()) * often, 3000) ELSE 0 END AS wait
      FROM (SELECT i AS buyer, 40 / -ln(1 - random()) AS often, least(3 * ln(1 - random()) / ln(1 - random()), 40)::integer AS times
            FROM generate_series(1, 400) i) customer, generate_series(0, times) n) purchase;
SELECT segment.fit_customer_base('visits', 'shop.sale', 'buyer', 'at');
SELECT segment.create_feature('spent', '{"event": "purchase", "sum": "value"}');
CALL segment.update_rfm();
SELECT segment.create_profile_view('wide', ARRAY['subscriber', 'spent', 'lifetime_value', 'segments']);
SELECT segment.merge_subscribers('{49,33}', '{1,2}');
CREATE VIEW of_wide AS SELECT subscriber, spent FROM wide;
SELECT segment.create_profile_copy('wide_copy', 'wide', '1 microsecond');
SQL
  local wide
  wide=$(psql -At -c "SELECT * FROM wide JOIN of_wide USING (subscriber) ORDER BY subscriber")
  local members format remembered rfm
  rfm=$(psql -At -c "SELECT * FROM segment.rfm CROSS JOIN segment.rfm_quintile ORDER BY subscriber")
  remembered=$(psql -At -c "SELECT subscriber, memory FROM segment.state WHERE memory IS NOT NULL ORDER BY 1")
  members=$(psql -At -c "SELECT * FROM segment.member ORDER BY segment, subscriber")
  for format in custom plain; do
    "$BIN/pg_dump" -F "$format" -f "$LOGS/dump.$format" original
    export PGDATABASE=postgres
    psql -q -c "CREATE DATABASE restored_$format"
    export PGDATABASE=restored_$format
    if [ "$format" = custom ]; then
      check "restore $format" "$BIN/pg_restore" -d "$PGDATABASE" --exit-on-error "$LOGS/dump.$format"
    else
      check "restore $format" psql -q -f "$LOGS/dump.$format"
    fi
    check "restore $format: members" test "$(psql -At -c "SELECT * FROM segment.member ORDER BY segment, subscriber")" = "$members"
    check "restore $format: what safeguards remember" \
      test -n "$remembered" -a "$(psql -At -c "SELECT subscriber, memory FROM segment.state WHERE memory IS NOT NULL ORDER BY 1")" = "$remembered"
    check "restore $format: views of profiles" test -n "$wide" -a "$(psql -At -c "SELECT * FROM wide JOIN of_wide USING (subscriber) ORDER BY subscriber")" = "$wide"
    check "restore $format: quintiles and cells" test -n "$rfm" -a "$(psql -At -c "SELECT * FROM segment.rfm CROSS JOIN segment.rfm_quintile ORDER BY subscriber")" = "$rfm"
    check "restore $format: a copy of profiles" test "$(psql -qAt -c "UPDATE wide_copy SET spent = -1" -c "CALL segment.refresh()" \
      -c "SELECT count(*) > 0 FROM wide_copy" -c "SELECT count(*) FROM (TABLE wide_copy EXCEPT TABLE wide) d" 2> /dev/null | tr '\n' ' ')" = "t 0 "
    # The oracle knows neither scores nor whose ids are whose.
    check "restore $format: merged ids" test "$(psql -qAt -c "INSERT INTO shop.orders (customer_id, ordered_at, total) VALUES (49, now(), 5)" \
      -c "SELECT count(*) FROM segment.profile WHERE subscriber IN ('49', '33')" -c "SELECT count(*) FROM segment.verify()" \
      -c "SELECT segment.unmerge_subscribers('{49,33}')" | tr '\n' ' ')" = "0 0 2 "
    check "restore $format: quintiles again" psql -q -c "CALL segment.update_rfm()" -c "SELECT segment.drop_tier_set('rfm')" \
      -c "SELECT segment.drop_segment(name) FROM segment.definition WHERE name ^@ 'rfm_'"
    expect_empty "restore $format: oracle" "SELECT * FROM oracle.difference"
    check "restore $format: later writes" psql -q -c "INSERT INTO shop.orders (customer_id, ordered_at, total) VALUES (1000, now(), 5), (1000, now(), 6)" \
      -c "SELECT segment.record_event('9', 'purchase')" -c "SELECT segment.create_segment('new', '{\"event\": \"purchase\", \"sum\": {\"min\": 11}}')" \
      -c "SELECT * FROM segment.kmeans_assign('value', 'segment.profile', 'subscriber')" -c "SELECT * FROM segment.customer_base('visits')"
    check "restore $format: a new member" test "$(psql -At -c "SELECT string_agg(segment, ',' ORDER BY segment) FROM segment.member WHERE subscriber = '1000'")" = new,twice
    expect_empty "restore $format: oracle afterwards" "SELECT * FROM oracle.difference"
  done
}
