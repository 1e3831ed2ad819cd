-- A change of definitions, whoever makes it, reaches every backend. That one has been put into force for everybody need not: nobody
-- is left for whom it makes a difference.
CREATE TRIGGER invalidate
  AFTER INSERT OR UPDATE OF segment_id, name, description, criteria, time_zone, safeguards, created_at, on_hold_since OR DELETE OR TRUNCATE ON segment.definition
  FOR EACH STATEMENT EXECUTE FUNCTION segment.invalidate_trigger();
CREATE TRIGGER invalidate AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON segment.tier_set
  FOR EACH STATEMENT EXECUTE FUNCTION segment.invalidate_trigger();
CREATE TRIGGER invalidate AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON segment.stream
  FOR EACH STATEMENT EXECUTE FUNCTION segment.invalidate_trigger();
CREATE TRIGGER invalidate AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON segment.source
  FOR EACH STATEMENT EXECUTE FUNCTION segment.invalidate_trigger();
CREATE TRIGGER invalidate AFTER INSERT OR UPDATE OF name, kind, spec, description, created_at OR DELETE OR TRUNCATE ON segment.feature
  FOR EACH STATEMENT EXECUTE FUNCTION segment.invalidate_trigger();
CREATE TRIGGER invalidate AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON segment.profile_source
  FOR EACH STATEMENT EXECUTE FUNCTION segment.invalidate_trigger();
CREATE TRIGGER invalidate AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON segment.source_table
  FOR EACH STATEMENT EXECUTE FUNCTION segment.invalidate_trigger();
CREATE TRIGGER invalidate AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON segment.identity
  FOR EACH STATEMENT EXECUTE FUNCTION segment.identity_trigger();

-- Where what criteria name may be another thing now, those from before a change are not known any more. In the order of their names
-- these come before the others.
CREATE TRIGGER forget_before AFTER UPDATE OF name ON segment.definition
  FOR EACH STATEMENT EXECUTE FUNCTION segment.forget_before_trigger();
CREATE TRIGGER forget_before AFTER UPDATE OR DELETE OR TRUNCATE ON segment.tier_set
  FOR EACH STATEMENT EXECUTE FUNCTION segment.forget_before_trigger();
CREATE TRIGGER forget_before AFTER UPDATE OF name, spec OR DELETE OR TRUNCATE ON segment.feature
  FOR EACH STATEMENT EXECUTE FUNCTION segment.forget_before_trigger();

-- Partitions and children of attached tables that come, and go.
CREATE EVENT TRIGGER pg_segment_parts ON ddl_command_end
  WHEN TAG IN ('CREATE TABLE', 'ALTER TABLE', 'CREATE TABLE AS', 'SELECT INTO', 'CREATE SCHEMA', 'CREATE FOREIGN TABLE', 'ALTER FOREIGN TABLE') EXECUTE FUNCTION segment._parts_changed();
CREATE EVENT TRIGGER pg_segment_dropped ON sql_drop
  WHEN TAG IN ('DROP TABLE', 'DROP SCHEMA', 'DROP OWNED', 'ALTER TABLE') EXECUTE FUNCTION segment._parts_dropped();
