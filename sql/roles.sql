-- Grants for two kinds of roles, to be run by the extension's owner:
--
--   psql -v reader=analyst -v manager=segment_admin -f sql/roles.sql
--
-- A reader sees members, profiles and history. A manager also defines segments, attaches tables that it owns,
-- and keeps everything up to date.

GRANT USAGE ON SCHEMA segment TO :"reader", :"manager";
GRANT SELECT ON segment.member, segment.manual_member, segment.tier, segment.tier_summary, segment.tier_set,
  segment.profile, segment.summary, segment.transition, segment.definition,
  segment.feature, segment.feature_list, segment.state, segment.due, segment.membership, segment.history, segment.history_begin, segment.version
  TO :"reader", :"manager";
GRANT EXECUTE ON FUNCTION segment.members(text), segment.members_as_of(text, timestamptz), segment._recorded_segment(text, timestamptz),
  segment.time_in_segment(text, text, timestamptz, timestamptz), segment.dependents(text), segment.explain(text, text), segment.validate(jsonb),
  segment.matches(jsonb, jsonb), segment.matches(jsonb, jsonb, timestamptz, text), segment.normalise(jsonb),
  segment.describe(jsonb), segment.containment(jsonb), segment.now(), segment.engagement_score(text, timestamptz, timestamptz),
  segment._engagement_score_trans(internal, text, timestamptz, timestamptz), segment._engagement_score_combine(internal, internal),
  segment._engagement_score_serialize(internal), segment._engagement_score_deserialize(bytea, internal),
  segment._engagement_score_final(internal), segment._existing_segment(text), segment._manual(bytea),
  segment._features(bigint, timestamptz, bytea, boolean, timestamptz), segment._overdue(bigint, text, timestamptz, bytea, bytea, bytea, jsonb, bytea, bytea, timestamptz),
  segment._segments(bigint, text, timestamptz, bytea, bytea, bytea, jsonb, bytea, bytea, timestamptz),
  segment._numbers(bigint, text, timestamptz, bytea, jsonb, bytea, timestamptz), segment._features_known()
  TO :"reader", :"manager";

GRANT SELECT ON segment.source, segment.source_table, segment.profile_source, segment.stream, segment.queue, segment.stat_queue, segment.set_aside, segment.run, segment.cluster_model TO :"manager";
GRANT EXECUTE ON FUNCTION segment.attach_source(regclass, name, name, name, text, name, name, text, text), segment.detach_source(regclass),
  segment.attach_profiles(regclass, name, name, text[], name, name, name), segment.detach_profiles(regclass),
  segment.create_feature(text, jsonb, text), segment.create_score(text, jsonb, text), segment.alter_feature(text, jsonb),
  segment.drop_feature(text), segment.create_profile_table(), segment.upsert_profile(text, text, jsonb, jsonb, text[]),
  segment.create_segment(text, jsonb, text, text), segment.create_static_segment(text, text[], text), segment.drop_segment(text),
  segment.preview(jsonb, integer, text), segment.diff(text, jsonb),
  segment.add_member(text, text), segment.exclude_member(text, text), segment.release_member(text, text),
  segment.create_tier_set(text, text[], text, jsonb), segment.set_tier_moves(text, jsonb), segment.drop_tier_set(text), segment.record_event(text, text, timestamptz, numeric, jsonb),
  segment.flush(), segment.forget(text), segment._set_aside(), segment.verify(), segment.kmeans(regclass, text[], integer, text, bigint, integer),
  segment.kmeans_assign(text, regclass, name), segment._refresh_batch(timestamptz, integer),
  segment.create_event_table()
  TO :"manager";
GRANT EXECUTE ON PROCEDURE segment.refresh(timestamptz, integer), segment.rebuild(),
  segment.create_segment_concurrently(text, jsonb, text, text), segment.alter_segment(text, jsonb), segment.set_safeguards(text, jsonb),
  segment.hold_segment(text), segment.resume_segment(text) TO :"manager";

GRANT SELECT ON segment.models, segment.model, segment.model_snapshot, segment.model_metric, segment.model_calibration,
  segment.model_feature, segment.prediction TO :"reader", :"manager";
GRANT EXECUTE ON FUNCTION segment._model(text, integer), segment.evaluate(text, integer), segment.calibration(text, integer),
  segment.importance(text, integer), segment.explain_prediction(text, text, integer) TO :"reader", :"manager";
GRANT SELECT ON segment.past_prediction TO :"manager";
GRANT EXECUTE ON FUNCTION segment.train(text, text, interval, interval, interval, text, text[], timestamptz, integer, text, jsonb, bigint),
  segment.activate(text, integer), segment.rollback(text), segment.challenge(text, integer, double precision),
  segment.drop_model(text, integer), segment.drift(text, integer), segment.monitor(text), segment.monitor_calibration(text)
  TO :"manager";
GRANT EXECUTE ON PROCEDURE segment.predict(text, integer), segment.retrain(text, boolean) TO :"manager";
