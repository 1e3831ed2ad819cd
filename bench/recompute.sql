-- A nightly recomputation: one pass over the events for 30 counts per subscriber. Less than the segments need (sums,
-- categories, features, 500 conditions and the comparison with yesterday's members are left out), which favours it.
-- Variable: clock.
SELECT format('CREATE TEMP TABLE recomputed AS SELECT subscriber, %s FROM event GROUP BY subscriber', string_agg(
         format('count(*) FILTER (WHERE kind = %L AND at > timestamptz %L - interval %L) AS %I',
                kind, :'clock', span, kind || span), ', '))
FROM unnest(ARRAY['purchase', 'email_open', 'email_click', 'page_view', 'signup', 'support']) kind,
     unnest(ARRAY['7 days', '30 days', '60 days', '90 days', '1 year']) span
\gexec
