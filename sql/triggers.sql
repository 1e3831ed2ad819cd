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
