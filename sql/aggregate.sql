CREATE AGGREGATE segment.engagement_score(event_type text, occurred_at timestamptz, as_of timestamptz) (
  SFUNC = segment._engagement_score_trans,
  STYPE = internal,
  SSPACE = 2048,
  COMBINEFUNC = segment._engagement_score_combine,
  SERIALFUNC = segment._engagement_score_serialize,
  DESERIALFUNC = segment._engagement_score_deserialize,
  FINALFUNC = segment._engagement_score_final,
  PARALLEL = SAFE
);
