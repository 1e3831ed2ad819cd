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

-- Definitions ---------------------------------------------------------------------------------------------

CREATE TABLE segment.definition (
  segment_id  integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  name        text NOT NULL UNIQUE CHECK (name OPERATOR(pg_catalog.<>) ''),
  description text,
  criteria    jsonb NOT NULL,
  created_at  timestamptz NOT NULL DEFAULT pg_catalog.now()
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
  attached_at   timestamptz NOT NULL DEFAULT pg_catalog.now(),
  CHECK (pg_catalog.num_nonnulls(event_type, constant_type) OPERATOR(pg_catalog.=) 1)
);

CREATE TABLE segment.stream (
  stream_id  integer GENERATED ALWAYS AS IDENTITY (START WITH 5) PRIMARY KEY,
  event_type text,
  filter     jsonb,
  value_path text[] NOT NULL,
  horizons   bigint[] NOT NULL
);

-- The number of the current definitions: a cache key, never reused and without other meaning.
CREATE SEQUENCE segment.version_number;
CREATE TABLE segment.version (
  only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
  version  bigint NOT NULL
);
INSERT INTO segment.version (version) VALUES (pg_catalog.nextval('segment.version_number'));

-- State, written by the engine alone ----------------------------------------------------------------------

-- One row per subscriber, without an index on anything that changes, so that updates stay on their page.
CREATE TABLE segment.state (
  subscriber   text COLLATE "C" PRIMARY KEY,
  evaluated_at timestamptz NOT NULL DEFAULT '-infinity',
  activity     bytea NOT NULL DEFAULT '',
  members      bytea NOT NULL DEFAULT ''
) WITH (fillfactor = 70);
ALTER TABLE segment.state ALTER COLUMN activity SET STORAGE MAIN;

-- A lower bound of the next moment at which time alone moves a subscriber; writes only move it earlier.
CREATE TABLE segment.due (
  subscriber text COLLATE "C" PRIMARY KEY,
  due_at     timestamptz NOT NULL
);
CREATE INDEX due_due_at_idx ON segment.due (due_at);

CREATE TABLE segment.membership (
  segment_id integer NOT NULL,
  subscriber text COLLATE "C" NOT NULL,
  since      timestamptz NOT NULL,
  PRIMARY KEY (segment_id, subscriber)
);
CREATE INDEX membership_subscriber_idx ON segment.membership (subscriber);

CREATE TABLE segment.history (
  history_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  segment_id integer NOT NULL,
  subscriber text COLLATE "C" NOT NULL,
  entered    boolean NOT NULL,
  at         timestamptz NOT NULL,
  cause      text NOT NULL CHECK (cause OPERATOR(pg_catalog.=) ANY (ARRAY['event', 'time', 'definition']))
);
CREATE INDEX history_subscriber_idx ON segment.history (subscriber, at);
CREATE INDEX history_segment_idx ON segment.history (segment_id, at);

-- A transaction that captured events inserts one row here; the deferred trigger on it is the flush. The lock
-- that the insert takes on the table is what lets a change of definitions wait for all writers at once.
CREATE UNLOGGED TABLE segment.marker (captured boolean NOT NULL);

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

CREATE TABLE segment.cluster_model (
  model_id   integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  name       text NOT NULL CHECK (name OPERATOR(pg_catalog.<>) ''),
  version    integer NOT NULL,
  relation   text NOT NULL,
  columns    name[] NOT NULL,
  seed       bigint NOT NULL,
  rows       bigint NOT NULL,
  skipped    bigint NOT NULL,
  iterations integer NOT NULL,
  inertia    double precision NOT NULL,
  center     double precision[] NOT NULL,
  deviation  double precision[] NOT NULL,
  centroids  double precision[] NOT NULL,
  sizes      bigint[] NOT NULL,
  created_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
  UNIQUE (name, version)
);

-- Dump: everything but the cache key and the marker. --------------------------

SELECT pg_catalog.pg_extension_config_dump('segment.definition', '');
SELECT pg_catalog.pg_extension_config_dump(pg_catalog.pg_get_serial_sequence('segment.definition', 'segment_id'), '');
SELECT pg_catalog.pg_extension_config_dump('segment.source', '');
SELECT pg_catalog.pg_extension_config_dump(pg_catalog.pg_get_serial_sequence('segment.source', 'source_id'), '');
SELECT pg_catalog.pg_extension_config_dump('segment.stream', '');
SELECT pg_catalog.pg_extension_config_dump(pg_catalog.pg_get_serial_sequence('segment.stream', 'stream_id'), '');
SELECT pg_catalog.pg_extension_config_dump('segment.state', '');
SELECT pg_catalog.pg_extension_config_dump('segment.due', '');
SELECT pg_catalog.pg_extension_config_dump('segment.membership', '');
SELECT pg_catalog.pg_extension_config_dump('segment.history', '');
SELECT pg_catalog.pg_extension_config_dump(pg_catalog.pg_get_serial_sequence('segment.history', 'history_id'), '');
SELECT pg_catalog.pg_extension_config_dump('segment.run', '');
SELECT pg_catalog.pg_extension_config_dump(pg_catalog.pg_get_serial_sequence('segment.run', 'run_id'), '');
SELECT pg_catalog.pg_extension_config_dump('segment.cluster_model', '');
SELECT pg_catalog.pg_extension_config_dump(pg_catalog.pg_get_serial_sequence('segment.cluster_model', 'model_id'), '');
