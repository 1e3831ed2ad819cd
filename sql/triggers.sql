-- The flush: at the end of a transaction that captured events.
CREATE CONSTRAINT TRIGGER flush AFTER INSERT ON segment.marker
  DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION segment.flush_trigger();

-- A change of definitions, whoever makes it, reaches every backend.
CREATE TRIGGER invalidate AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON segment.definition
  FOR EACH STATEMENT EXECUTE FUNCTION segment.invalidate_trigger();
CREATE TRIGGER invalidate AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON segment.stream
  FOR EACH STATEMENT EXECUTE FUNCTION segment.invalidate_trigger();
CREATE TRIGGER invalidate AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON segment.source
  FOR EACH STATEMENT EXECUTE FUNCTION segment.invalidate_trigger();

-- The ready-made event table is attached from the start.
CREATE TRIGGER pg_segment_insert AFTER INSERT ON segment.event
  REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION segment.capture();
CREATE TRIGGER pg_segment_update AFTER UPDATE ON segment.event
  REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION segment.capture();
CREATE TRIGGER pg_segment_delete AFTER DELETE ON segment.event
  REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION segment.capture();
CREATE TRIGGER pg_segment_truncate AFTER TRUNCATE ON segment.event
  FOR EACH STATEMENT EXECUTE FUNCTION segment.capture();
INSERT INTO segment.source (relation, subscriber, occurred_at, event_type, value, properties)
VALUES ('segment.event', 'subscriber', 'occurred_at', 'event_type', 'value', 'properties');
