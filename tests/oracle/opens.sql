\set reader random(1, 40)
INSERT INTO shop.activity (kind, happened, user_id) VALUES ('open', now() AT TIME ZONE 'America/New_York', :reader);
