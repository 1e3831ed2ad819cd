-- Tables of pg_segment. Everything below lives in the schema "segment", which the control file fixes.

DO $$
BEGIN
  IF pg_catalog.current_setting('server_encoding') OPERATOR(pg_catalog.<>) 'UTF8' THEN
    RAISE EXCEPTION 'pg_segment needs a database with the encoding UTF8'
      USING ERRCODE = 'feature_not_supported',
            HINT = 'Create one with CREATE DATABASE ... ENCODING ''UTF8'' TEMPLATE template0.';
  END IF;
  -- Whoever owns the schema could put objects of his own into it.
  IF NOT (SELECT r.rolsuper FROM pg_catalog.pg_namespace n JOIN pg_catalog.pg_roles r ON r.oid OPERATOR(pg_catalog.=) n.nspowner
          WHERE n.nspname OPERATOR(pg_catalog.=) 'segment') THEN
    RAISE EXCEPTION 'schema "segment" exists and is not owned by a superuser'
      USING ERRCODE = 'duplicate_schema', HINT = 'Drop or rename that schema, or change its owner, first.';
  END IF;
END
$$;

-- Definitions: read without the executor, by code that knows the order of the columns. --------------------

CREATE TABLE segment.definition (
  segment_id  integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  name        text NOT NULL UNIQUE CHECK (name OPERATOR(pg_catalog.<>) ''),
  description text,
  criteria    jsonb NOT NULL,
  -- Whose calendar the criteria mean, by its IANA name.
  time_zone   text NOT NULL DEFAULT 'UTC',
  safeguards  jsonb,
  created_at  timestamptz NOT NULL DEFAULT pg_catalog.now(),
  -- Whether the segment is shown: not while it is first filled without blocking writers.
  ready       boolean NOT NULL DEFAULT true,
  -- While the definition is being put into force: the version from which on a subscriber is evaluated under it.
  changing    bigint,
  -- Meanwhile: the criteria by which the others still stand, null where it was not there; NULL where they are not known.
  criteria_before jsonb,
  -- Since when nobody moves in or out but by hand; NULL where people do.
  on_hold_since timestamptz
);

-- Segments in an order of priority, the highest first.
CREATE TABLE segment.tier_set (
  tier_set  text PRIMARY KEY,
  segments  integer[] NOT NULL,
  -- The place of whoever is in none of them.
  otherwise text NOT NULL,
  -- The moves that are allowed, [from, to] each; NULL where all are.
  moves     jsonb
);

CREATE TABLE segment.source (
  source_id     integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  relation      regclass NOT NULL UNIQUE,
  subscriber    name NOT NULL,
  occurred_at   name NOT NULL,
  time_zone     text,
  event_type    name,
  constant_type text,
  value         name,
  properties    name,
  capture       text NOT NULL DEFAULT 'statement' CHECK (capture OPERATOR(pg_catalog.=) ANY (ARRAY['statement', 'row'])),
  attached_at   timestamptz NOT NULL DEFAULT pg_catalog.now(),
  CHECK (pg_catalog.num_nonnulls(event_type, constant_type) OPERATOR(pg_catalog.=) 1)
);

-- The tables of a source that have capture triggers: the relation itself, and its partitions or children.
CREATE TABLE segment.source_table (
  relation  regclass PRIMARY KEY,
  source_id integer NOT NULL REFERENCES segment.source ON DELETE CASCADE
);

-- Features and scores that somebody created, beside those that are there as data or in code.
CREATE TABLE segment.feature (
  name        text PRIMARY KEY,
  kind        text NOT NULL CHECK (kind OPERATOR(pg_catalog.=) ANY (ARRAY['feature', 'score'])),
  spec        jsonb NOT NULL,
  description text,
  created_at  timestamptz NOT NULL DEFAULT pg_catalog.now(),
  -- While the definition is being put into force: the version from which on a subscriber is evaluated under it.
  changing    bigint
);

-- Tables with a row per subscriber, whose columns are attributes.
CREATE TABLE segment.profile_source (
  profile_source_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  relation    regclass NOT NULL UNIQUE,
  subscriber  name NOT NULL,
  email       name,
  traits      name[] NOT NULL,
  properties  name,
  preferences name,
  tags        name,
  attached_at timestamptz NOT NULL DEFAULT pg_catalog.now()
);

-- Ordinary tables that refresh brings up to date with views of profiles.
CREATE TABLE segment.profile_copy (
  relation     regclass PRIMARY KEY,
  view         regclass NOT NULL,
  every        interval NOT NULL,
  refreshed_at timestamptz,
  problem      text
);

-- Ids that turned out to be another's.
CREATE TABLE segment.identity (
  subscriber  text COLLATE "C" PRIMARY KEY,
  merged_into text COLLATE "C" NOT NULL CHECK (merged_into OPERATOR(pg_catalog.<>) subscriber),
  merged_at   timestamptz NOT NULL
);

-- What models predict about subscribers: attributes too.
CREATE TABLE segment.prediction (
  subscriber   text COLLATE "C" NOT NULL,
  model        text NOT NULL CHECK (model OPERATOR(pg_catalog.<>) ''),
  -- Of a model that was trained here.
  version      integer,
  value        double precision NOT NULL CHECK (value OPERATOR(pg_catalog.>) '-infinity' AND value OPERATOR(pg_catalog.<) 'infinity'),
  confidence   double precision CHECK (confidence OPERATOR(pg_catalog.>=) 0 AND confidence OPERATOR(pg_catalog.<=) 1),
  predicted_at timestamptz NOT NULL,
  PRIMARY KEY (subscriber, model)
-- Everybody is predicted anew at once: with room for that on every page, no index changes.
) WITH (fillfactor = 50);

CREATE TABLE segment.stream (
  stream_id  integer GENERATED ALWAYS AS IDENTITY (START WITH 5) PRIMARY KEY,
  event_type text,
  filter     jsonb,
  value_path text[],
  from_time  timestamptz,
  until_time timestamptz,
  horizons   bigint[] NOT NULL,
  extent     boolean NOT NULL,
  keep       text NOT NULL,
  ever       boolean NOT NULL,
  hours      integer[],
  weekdays   integer[],
  months     integer[],
  time_zone  text,
  -- The version from which on a state that was written has the stream; 0 where all have.
  since      bigint NOT NULL DEFAULT 0
);

-- The number of the current definitions: a cache key, never reused and without other meaning. Transactions that capture
-- events hold this table in ROW EXCLUSIVE mode; a change of definitions that must wait for them takes a stronger lock.
CREATE SEQUENCE segment.version_number;
-- Beyond every number that a dump can have brought along.
SELECT pg_catalog.setval('segment.version_number',
  (EXTRACT(epoch FROM pg_catalog.clock_timestamp()) OPERATOR(pg_catalog.*) 1000000)::bigint);
CREATE TABLE segment.version (
  only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
  version  bigint NOT NULL,
  -- In which version the streams changed last.
  streams  bigint NOT NULL DEFAULT 0,
  -- The number of what segment.identity says.
  identities bigint NOT NULL DEFAULT 0
);
INSERT INTO segment.version (version) VALUES (pg_catalog.nextval('segment.version_number'));

-- State, written by the engine alone, row by row without the executor: its code knows the order of the columns. -----

-- One row per subscriber, without an index on anything that changes, so that updates stay on their page.
CREATE TABLE segment.state (
  evaluated_at timestamptz NOT NULL,
  due_at       timestamptz,
  version      bigint NOT NULL,
  moves        integer NOT NULL,
  subscriber   text COLLATE "C" NOT NULL,
  members      bytea NOT NULL,
  written      bytea,
  manual       bytea,
  profile      jsonb,
  held         bytea,
  memory       bytea,
  activity     bytea NOT NULL,
  recent       bytea,
  CONSTRAINT state_pkey PRIMARY KEY (subscriber)
) USING heap WITH (fillfactor = 50);
-- The room is for a load that touches everybody once: each row is replaced on its page, without another index entry.
-- Already compact: a large one goes out of line as it is, and stays there while what comes since lies in the row.
ALTER TABLE segment.state ALTER COLUMN activity SET STORAGE EXTERNAL, ALTER COLUMN members SET STORAGE MAIN,
  ALTER COLUMN recent SET STORAGE MAIN;

-- When to look at a subscriber again: the row with the state's own due_at counts, others are left behind.
CREATE TABLE segment.due (
  due_at     timestamptz NOT NULL,
  subscriber text COLLATE "C" NOT NULL
) USING heap;
CREATE INDEX due_idx ON segment.due (due_at, subscriber);

CREATE TABLE segment.membership (
  since      timestamptz NOT NULL,
  segment_id integer NOT NULL,
  subscriber text COLLATE "C" NOT NULL,
  CONSTRAINT membership_pkey PRIMARY KEY (segment_id, subscriber)
) USING heap;
CREATE INDEX membership_subscriber_idx ON segment.membership (subscriber);

-- One row per subscriber and moment at which something about their memberships changed, numbered by subscriber. Of whoever was
-- forgotten there is the departure alone, without the subscriber.
CREATE TABLE segment.history (
  at         timestamptz NOT NULL,
  move       integer NOT NULL,
  subscriber text COLLATE "C",
  cause      text NOT NULL,
  entered    integer[] NOT NULL,
  departed   integer[] NOT NULL,
  -- The path of the leaf that made the difference, of each that was entered and then of each that was left.
  leaves     text[]
) USING heap;
CREATE INDEX history_idx ON segment.history (subscriber, move);

-- From when on history is on record; no row where nothing has been removed.
CREATE TABLE segment.history_begin (
  only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
  at       timestamptz NOT NULL
);

-- Changes of transactions that ran with pg_segment.flush = queued; without a change, the subscriber is to be computed
-- again.
CREATE TABLE segment.queue (
  queued_at  timestamptz NOT NULL,
  streams    bigint NOT NULL,
  subscriber text COLLATE "C" NOT NULL,
  change     bytea
) USING heap;
CREATE INDEX queue_idx ON segment.queue (subscriber);

-- Long work --------------------------------------------------------------------------------------------------

CREATE TABLE segment.run (
  run_id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  kind        text NOT NULL,
  started_at  timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
  finished_at timestamptz,
  subscribers bigint NOT NULL DEFAULT 0,
  transitions bigint NOT NULL DEFAULT 0
);
CREATE INDEX run_started_at_idx ON segment.run (started_at);

-- Cluster models -------------------------------------------------------------------------------------------------

-- Lists by cluster and column have one cluster after the other.
CREATE TABLE segment.cluster_model (
  model_id   integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  name       text NOT NULL CHECK (name OPERATOR(pg_catalog.<>) ''),
  version    integer NOT NULL,
  relation   text NOT NULL,
  columns    name[] NOT NULL,
  -- Whether distances are taken in standard deviations.
  standardised boolean NOT NULL,
  seed       bigint NOT NULL,
  starts     integer NOT NULL,
  max_iterations integer NOT NULL,
  tolerance  double precision NOT NULL,
  rows       bigint NOT NULL,
  skipped    bigint NOT NULL,
  iterations integer NOT NULL,
  converged  boolean NOT NULL,
  inertia    double precision NOT NULL,
  davies_bouldin    double precision,
  calinski_harabasz double precision,
  -- The criteria for each k that was tried.
  choice     jsonb,
  -- Mean and standard deviation of all rows, by column.
  center     double precision[] NOT NULL,
  deviation  double precision[] NOT NULL,
  centroids  double precision[] NOT NULL,
  sizes      bigint[] NOT NULL,
  -- Mean and standard deviation of the rows of each cluster.
  means      double precision[] NOT NULL,
  deviations double precision[] NOT NULL,
  created_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
  UNIQUE (name, version)
);

-- The quintiles of RFM, every version of them ----------------------------------------------------------------------

CREATE TABLE segment.rfm_quintile (
  version     integer PRIMARY KEY,
  computed_at timestamptz NOT NULL,
  customers   bigint NOT NULL,
  recency     numeric[] NOT NULL,
  frequency   numeric[] NOT NULL,
  monetary    numeric[] NOT NULL
);

-- Customer-base models ---------------------------------------------------------------------------------------------

CREATE TABLE segment.customer_base_model (
  model_id    integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  name        text NOT NULL CHECK (name OPERATOR(pg_catalog.<>) ''),
  version     integer NOT NULL,
  -- Where the purchases are: of a relation, or without one of the attached sources.
  relation    text,
  subscriber  name,
  occurred_at name,
  value       name,
  event_type  text,
  time_zone   text NOT NULL,
  unit        text NOT NULL,
  until       timestamptz NOT NULL,
  customers   bigint NOT NULL,
  repeaters   bigint NOT NULL,
  r           double precision NOT NULL,
  alpha       double precision NOT NULL,
  a           double precision NOT NULL,
  b           double precision NOT NULL,
  log_likelihood double precision NOT NULL,
  p           double precision,
  q           double precision,
  gamma       double precision,
  spend_log_likelihood double precision,
  spend_correlation    double precision,
  gradient    double precision NOT NULL,
  created_at  timestamptz NOT NULL DEFAULT pg_catalog.now(),
  UNIQUE (name, version)
);

-- Models whose clusters are segments. Each has a place, which stays; lists are in that order.
CREATE TABLE segment.cluster_set (
  model    text PRIMARY KEY,
  version  integer NOT NULL,
  -- Which cluster of that version a place has.
  clusters integer[] NOT NULL,
  segments integer[] NOT NULL,
  -- For each two places, on which side of the border between them somebody is.
  scores   text[] NOT NULL,
  -- When the version came into force: how far the centroid of each place moved, and how many of those with a profile kept theirs.
  shifts   double precision[],
  kept     double precision
);

-- Dump: everything but the cache key. A restored version starts anew, so nothing that is stored may be newer. -------

SELECT pg_catalog.pg_extension_config_dump('segment.definition', '');
SELECT pg_catalog.pg_extension_config_dump(pg_catalog.pg_get_serial_sequence('segment.definition', 'segment_id'), '');
SELECT pg_catalog.pg_extension_config_dump('segment.tier_set', '');
SELECT pg_catalog.pg_extension_config_dump('segment.source', '');
SELECT pg_catalog.pg_extension_config_dump(pg_catalog.pg_get_serial_sequence('segment.source', 'source_id'), '');
SELECT pg_catalog.pg_extension_config_dump('segment.source_table', '');
SELECT pg_catalog.pg_extension_config_dump('segment.feature', '');
SELECT pg_catalog.pg_extension_config_dump('segment.profile_source', '');
SELECT pg_catalog.pg_extension_config_dump(pg_catalog.pg_get_serial_sequence('segment.profile_source', 'profile_source_id'), '');
SELECT pg_catalog.pg_extension_config_dump('segment.profile_copy', '');
SELECT pg_catalog.pg_extension_config_dump('segment.prediction', '');
SELECT pg_catalog.pg_extension_config_dump('segment.identity', '');
SELECT pg_catalog.pg_extension_config_dump('segment.stream', '');
SELECT pg_catalog.pg_extension_config_dump(pg_catalog.pg_get_serial_sequence('segment.stream', 'stream_id'), '');
SELECT pg_catalog.pg_extension_config_dump('segment.state', '');
SELECT pg_catalog.pg_extension_config_dump('segment.due', '');
SELECT pg_catalog.pg_extension_config_dump('segment.membership', '');
SELECT pg_catalog.pg_extension_config_dump('segment.history', '');
SELECT pg_catalog.pg_extension_config_dump('segment.history_begin', '');
SELECT pg_catalog.pg_extension_config_dump('segment.queue', '');
SELECT pg_catalog.pg_extension_config_dump('segment.run', '');
SELECT pg_catalog.pg_extension_config_dump(pg_catalog.pg_get_serial_sequence('segment.run', 'run_id'), '');
SELECT pg_catalog.pg_extension_config_dump('segment.cluster_model', '');
SELECT pg_catalog.pg_extension_config_dump(pg_catalog.pg_get_serial_sequence('segment.cluster_model', 'model_id'), '');
SELECT pg_catalog.pg_extension_config_dump('segment.customer_base_model', '');
SELECT pg_catalog.pg_extension_config_dump(pg_catalog.pg_get_serial_sequence('segment.customer_base_model', 'model_id'), '');
SELECT pg_catalog.pg_extension_config_dump('segment.cluster_set', '');
SELECT pg_catalog.pg_extension_config_dump('segment.rfm_quintile', '');
