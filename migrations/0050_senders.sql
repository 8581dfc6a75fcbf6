-- Who sent an event: with a server key, and for a user without any browser or device. Rows from before have neither.
ALTER TABLE events
    ADD COLUMN IF NOT EXISTS by_server_key Bool,
    ADD COLUMN IF NOT EXISTS user_id_only Bool;
