-- Variable: staged, a table of bench/staging.sql.
INSERT INTO event (subscriber, at, kind, value, properties) SELECT * FROM :staged;
