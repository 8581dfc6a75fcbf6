-- Where a range of the journal is: a batch that was sent again is looked for by its positions, and must not read whole
-- tables for that. Parts from before get the index in the background.
ALTER TABLE events
    ADD INDEX IF NOT EXISTS position_range position TYPE minmax GRANULARITY 1,
    ADD INDEX IF NOT EXISTS journal_range journal TYPE minmax GRANULARITY 1;

ALTER TABLE visitor_events
    ADD INDEX IF NOT EXISTS position_range position TYPE minmax GRANULARITY 1,
    ADD INDEX IF NOT EXISTS journal_range journal TYPE minmax GRANULARITY 1;

ALTER TABLE exposures
    ADD INDEX IF NOT EXISTS position_range position TYPE minmax GRANULARITY 1,
    ADD INDEX IF NOT EXISTS journal_range journal TYPE minmax GRANULARITY 1;

ALTER TABLE events MATERIALIZE INDEX position_range SETTINGS mutations_sync = 0;
ALTER TABLE visitor_events MATERIALIZE INDEX position_range SETTINGS mutations_sync = 0;
ALTER TABLE exposures MATERIALIZE INDEX position_range SETTINGS mutations_sync = 0;
