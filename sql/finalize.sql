-- Costs and row estimates that pgrx cannot state.
ALTER FUNCTION segment._features(bigint, timestamptz, bytea, timestamptz) COST 50 ROWS 1;
ALTER FUNCTION segment._overdue(bigint, timestamptz, bytea, bytea, timestamptz) COST 50 ROWS 5;
ALTER FUNCTION segment._segments(bigint, timestamptz, bytea, timestamptz) COST 50;
ALTER FUNCTION segment.explain(text, text) ROWS 5;
ALTER FUNCTION segment.record_event(text, text, timestamptz, numeric, jsonb) ROWS 1;

-- Privileges: the schema is open, what is in it is not. sql/roles.sql grants it to a reader and a manager.
GRANT USAGE ON SCHEMA segment TO PUBLIC;
REVOKE ALL ON ALL TABLES IN SCHEMA segment FROM PUBLIC;
REVOKE ALL ON ALL SEQUENCES IN SCHEMA segment FROM PUBLIC;
REVOKE ALL ON ALL ROUTINES IN SCHEMA segment FROM PUBLIC;

-- Set-up
COMMENT ON FUNCTION segment.attach_source(regclass, name, name, name, text, name, name, text, text) IS 'start capturing the events of a table, existing rows included; returns the number of subscribers they belong to';
COMMENT ON FUNCTION segment.detach_source(regclass) IS 'stop capturing a table and forget what its events contributed; returns the number of subscribers computed again';
-- Segments
COMMENT ON FUNCTION segment.create_segment(text, jsonb, text) IS 'create a segment and fill it; returns the number of members';
COMMENT ON PROCEDURE segment.create_segment_concurrently(text, jsonb, text) IS 'create a segment and fill it while writers go on, in batches that commit one by one';
COMMENT ON PROCEDURE segment.alter_segment(text, jsonb) IS 'put other criteria in the place of those of a segment while writers go on, in batches that commit one by one';
COMMENT ON FUNCTION segment.drop_segment(text) IS 'drop a segment with its memberships; returns the number of members it had';
COMMENT ON FUNCTION segment.validate(jsonb) IS 'return true for criteria that create_segment accepts, and raise its error for others';
COMMENT ON FUNCTION segment.matches(jsonb, jsonb) IS 'return whether a document satisfies criteria';
COMMENT ON FUNCTION segment.explain(text, text) IS 'explain a membership: the whole in the first row, then each leaf with its actual value, threshold, truth and next change';
COMMENT ON FUNCTION segment.members(text) IS 'list the members of a segment with the time of entry';
-- Events
COMMENT ON FUNCTION segment.record_event(text, text, timestamptz, numeric, jsonb) IS 'store an event in segment.event, apply it at once and return the segments entered and departed';
COMMENT ON FUNCTION segment.create_event_table() IS 'create the ready-made table segment.event and attach it, unless that was done before';
COMMENT ON FUNCTION segment.flush() IS 'apply what the transaction has captured so far, to read its own writes before the commit';
COMMENT ON FUNCTION segment.forget(text) IS 'delete the events of a subscriber from all attached tables, as the caller, and everything kept about the subscriber; returns the number of events';
-- Upkeep
COMMENT ON PROCEDURE segment.refresh(timestamptz, integer) IS 'move time forward: evaluate everybody who is due, in batches that commit one by one';
COMMENT ON PROCEDURE segment.rebuild() IS 'compute everything again from the events while writers go on, in batches that commit one by one';
COMMENT ON FUNCTION segment.verify() IS 'compute everything again and report every difference from what is stored; no row where all is exact';
COMMENT ON FUNCTION segment.now() IS 'return the evaluation time of the statement: pg_segment.clock, or the start of the statement';
-- Scores and clusters
COMMENT ON AGGREGATE segment.engagement_score(text, timestamptz, timestamptz) IS 'compute the engagement score, 0 to 1, of a group of events (type, time) as of an instant; NULL as_of means now';
COMMENT ON FUNCTION segment.kmeans(regclass, text[], integer, text, bigint, integer) IS 'cluster the rows of a relation by standardised numeric columns and profile each cluster; with a model name, store the result';
COMMENT ON FUNCTION segment.kmeans_assign(text, regclass, name) IS 'assign the rows of a relation to the clusters of a stored model';

-- Internal
COMMENT ON FUNCTION segment.capture() IS 'trigger function: capture the changes of an attached table';
COMMENT ON FUNCTION segment.invalidate_trigger() IS 'trigger function: make every backend compile the definitions again';
COMMENT ON FUNCTION segment._features(bigint, timestamptz, bytea, timestamptz) IS 'internal: features of a stored state, for segment.profile';
COMMENT ON FUNCTION segment._overdue(bigint, timestamptz, bytea, bytea, timestamptz) IS 'internal: memberships of an overdue subscriber, for segment.member';
COMMENT ON FUNCTION segment._segments(bigint, timestamptz, bytea, timestamptz) IS 'internal: segment names of a stored state, for segment.profile';
COMMENT ON FUNCTION segment._parts_changed() IS 'event trigger function: notice partitions and children that came or went';
COMMENT ON FUNCTION segment._parts_dropped() IS 'event trigger function: warn about partitions and children that were dropped';
COMMENT ON FUNCTION segment._set_aside() IS 'internal: rows that do not count, for segment.set_aside';
COMMENT ON FUNCTION segment._existing_segment(text) IS 'internal: return the name of an existing segment, or raise';
COMMENT ON FUNCTION segment._refresh_batch(timestamptz, integer) IS 'internal: one batch of segment.refresh';
COMMENT ON FUNCTION segment._engagement_score_trans(internal, text, timestamptz, timestamptz) IS 'internal: transition function of segment.engagement_score';
COMMENT ON FUNCTION segment._engagement_score_combine(internal, internal) IS 'internal: combine function of segment.engagement_score';
COMMENT ON FUNCTION segment._engagement_score_serialize(internal) IS 'internal: serialisation function of segment.engagement_score';
COMMENT ON FUNCTION segment._engagement_score_deserialize(bytea, internal) IS 'internal: deserialisation function of segment.engagement_score';
COMMENT ON FUNCTION segment._engagement_score_final(internal) IS 'internal: final function of segment.engagement_score';

-- Views
COMMENT ON VIEW segment.member IS 'members of each segment, exact at segment.now()';
COMMENT ON VIEW segment.profile IS 'subscribers with their features and segments, exact at segment.now()';
COMMENT ON VIEW segment.summary IS 'segments with their member counts';
COMMENT ON VIEW segment.stat_queue IS 'what transactions with pg_segment.flush = queued have left for segment.refresh()';
COMMENT ON VIEW segment.set_aside IS 'rows of attached tables that do not count, or not in full, with the reason; reads all events';
COMMENT ON VIEW segment.transition IS 'history of entries and departures, with the cause of each';

-- Tables
COMMENT ON TABLE segment.definition IS 'segments';
COMMENT ON COLUMN segment.definition.segment_id IS 'stable number of the segment';
COMMENT ON COLUMN segment.definition.name IS 'name of the segment';
COMMENT ON COLUMN segment.definition.description IS 'what the segment is for';
COMMENT ON COLUMN segment.definition.criteria IS 'who belongs to it; see docs/criteria.md';
COMMENT ON COLUMN segment.definition.created_at IS 'time of creation';
COMMENT ON COLUMN segment.definition.ready IS 'false while it is first filled without blocking writers';
COMMENT ON COLUMN segment.definition.changing IS 'version being put into force; NULL where everybody is under the definition';
COMMENT ON TABLE segment.source IS 'attached tables of events, with their column mapping';
COMMENT ON COLUMN segment.source.source_id IS 'stable number of the source';
COMMENT ON COLUMN segment.source.relation IS 'the table';
COMMENT ON COLUMN segment.source.subscriber IS 'column that names the subscriber';
COMMENT ON COLUMN segment.source.occurred_at IS 'column with the time of the event';
COMMENT ON COLUMN segment.source.time_zone IS 'zone of times that have none';
COMMENT ON COLUMN segment.source.event_type IS 'column with the event type';
COMMENT ON COLUMN segment.source.constant_type IS 'event type of every row, where no column tells it';
COMMENT ON COLUMN segment.source.value IS 'column with the value of the event';
COMMENT ON COLUMN segment.source.properties IS 'jsonb column with further properties';
COMMENT ON COLUMN segment.source.capture IS 'statement or row: what the triggers fire for';
COMMENT ON COLUMN segment.source.attached_at IS 'time of attachment';
COMMENT ON TABLE segment.source_table IS 'tables of each source: the relation itself, its partitions and children';
COMMENT ON COLUMN segment.source_table.relation IS 'the table';
COMMENT ON COLUMN segment.source_table.source_id IS 'the source';
COMMENT ON TABLE segment.stream IS 'selections of events that segments read, beside those of the built-in features';
COMMENT ON COLUMN segment.stream.stream_id IS 'number of the stream, never reused';
COMMENT ON COLUMN segment.stream.event_type IS 'event type selected';
COMMENT ON COLUMN segment.stream.filter IS 'criteria on the properties';
COMMENT ON COLUMN segment.stream.value_path IS 'path of the number that is summed';
COMMENT ON COLUMN segment.stream.from_time IS 'only events from this instant on';
COMMENT ON COLUMN segment.stream.until_time IS 'only events before this instant';
COMMENT ON COLUMN segment.stream.extent IS 'whether the times of the first and of the last event are kept';
COMMENT ON COLUMN segment.stream.keep IS 'what becomes of the values at value_path: their sum, each of the numbers, or a hash of each of the values';
COMMENT ON COLUMN segment.stream.horizons IS 'widest window in microseconds, seconds, minutes and hours; 0 where none of that resolution is read';
COMMENT ON COLUMN segment.stream.since IS 'version from which on a state that was written has the stream';
COMMENT ON TABLE segment.version IS 'number of the current definitions: a cache key';
COMMENT ON COLUMN segment.version.only_row IS 'keeps the table to one row';
COMMENT ON COLUMN segment.version.version IS 'the number, never reused';
COMMENT ON COLUMN segment.version.streams IS 'the version in which the streams last changed';
COMMENT ON SEQUENCE segment.version_number IS 'numbers of definitions';
COMMENT ON TABLE segment.state IS 'what each subscriber did, in compact form, as of an evaluation time';
COMMENT ON COLUMN segment.state.subscriber IS 'id of the subscriber';
COMMENT ON COLUMN segment.state.evaluated_at IS 'time of the last evaluation; never goes backwards';
COMMENT ON COLUMN segment.state.due_at IS 'the due time that counts among those in segment.due';
COMMENT ON COLUMN segment.state.moves IS 'number of the last row in segment.history';
COMMENT ON COLUMN segment.state.version IS 'version of the definitions at the last write';
COMMENT ON COLUMN segment.state.written IS 'bitmap of the membership rows, where they are left behind';
COMMENT ON COLUMN segment.state.activity IS 'totals and panes of the events';
COMMENT ON COLUMN segment.state.members IS 'bitmap of the segments by segment_id';
COMMENT ON TABLE segment.due IS 'when time alone will next move a subscriber, at the earliest';
COMMENT ON COLUMN segment.due.subscriber IS 'id of the subscriber';
COMMENT ON COLUMN segment.due.due_at IS 'a lower bound of the next move';
COMMENT ON TABLE segment.membership IS 'members of each segment as of their last evaluation; read segment.member instead';
COMMENT ON COLUMN segment.membership.segment_id IS 'the segment';
COMMENT ON COLUMN segment.membership.subscriber IS 'id of the subscriber';
COMMENT ON COLUMN segment.membership.since IS 'time of entry';
COMMENT ON TABLE segment.history IS 'entries and departures, a row per subscriber and moment; read segment.transition for the names';
COMMENT ON COLUMN segment.history.at IS 'when it happened';
COMMENT ON COLUMN segment.history.move IS 'number of the move of the subscriber, from 1 on';
COMMENT ON COLUMN segment.history.subscriber IS 'id of the subscriber';
COMMENT ON COLUMN segment.history.cause IS 'event, time or definition';
COMMENT ON COLUMN segment.history.entered IS 'segments entered';
COMMENT ON COLUMN segment.history.departed IS 'segments left';
COMMENT ON TABLE segment.queue IS 'changes captured with pg_segment.flush = queued and not applied yet';
COMMENT ON COLUMN segment.queue.queued_at IS 'when they were made';
COMMENT ON COLUMN segment.queue.streams IS 'version of the streams under which they were captured';
COMMENT ON COLUMN segment.queue.subscriber IS 'id of the subscriber';
COMMENT ON COLUMN segment.queue.change IS 'the changes; NULL where the subscriber must be computed again';
COMMENT ON TABLE segment.run IS 'long work: what, when, how much';
COMMENT ON COLUMN segment.run.run_id IS 'number of the run';
COMMENT ON COLUMN segment.run.kind IS 'name of the function or procedure';
COMMENT ON COLUMN segment.run.started_at IS 'start';
COMMENT ON COLUMN segment.run.finished_at IS 'last sign of progress, and the end once it has finished';
COMMENT ON COLUMN segment.run.subscribers IS 'subscribers processed';
COMMENT ON COLUMN segment.run.transitions IS 'entries and departures';
COMMENT ON TABLE segment.cluster_model IS 'k-means models, by name and version';
COMMENT ON COLUMN segment.cluster_model.model_id IS 'number of the model';
COMMENT ON COLUMN segment.cluster_model.name IS 'name of the model';
COMMENT ON COLUMN segment.cluster_model.version IS 'version, counted from 1';
COMMENT ON COLUMN segment.cluster_model.relation IS 'relation it was fitted on';
COMMENT ON COLUMN segment.cluster_model.columns IS 'columns it was fitted on';
COMMENT ON COLUMN segment.cluster_model.seed IS 'seed of the random numbers';
COMMENT ON COLUMN segment.cluster_model.rows IS 'rows used';
COMMENT ON COLUMN segment.cluster_model.skipped IS 'rows left out for a NULL, NaN or infinity';
COMMENT ON COLUMN segment.cluster_model.iterations IS 'iterations of the fit';
COMMENT ON COLUMN segment.cluster_model.inertia IS 'sum of squared distances to the nearest centroid, standardised';
COMMENT ON COLUMN segment.cluster_model.center IS 'mean per column';
COMMENT ON COLUMN segment.cluster_model.deviation IS 'population standard deviation per column';
COMMENT ON COLUMN segment.cluster_model.centroids IS 'standardised centroids, row by row';
COMMENT ON COLUMN segment.cluster_model.sizes IS 'rows per cluster';
COMMENT ON COLUMN segment.cluster_model.created_at IS 'time of the fit';
