-- Events a second that a site may send on average; 0: what the configuration says.
ALTER TABLE sites ADD COLUMN events_per_second_max INTEGER NOT NULL DEFAULT 0 CHECK (events_per_second_max >= 0);
