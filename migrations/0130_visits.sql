-- What reports ask of finished days again and again, counted once: sessions, and how many events of each visitor there
-- were in each quarter of an hour. Rows are made of `events` for one site and UTC day at a time; those of the generation
-- that `visit_days` names are used as long as the numbers of events around that day are the same.
CREATE TABLE IF NOT EXISTS visits
(
    site_id       UInt32,
    day           Date,
    generation    UInt64,
    visitor       UInt128,
    -- The first and last event of the session, Unix time in milliseconds.
    began_ms      Int64,
    ended_ms      Int64,
    -- Page views, and events of other kinds that are a visit: twice the milliseconds since `began_ms`, plus 1 for a view.
    acts          Array(UInt32) CODEC(ZSTD(1)),
    pageviews     UInt32,
    -- What the visitor did beside viewing pages.
    actions       UInt32,
    -- Whether an event came from elsewhere; the columns that follow are those of the first one that did.
    is_referred   Bool,
    channel       LowCardinality(String),
    source        LowCardinality(String),
    medium        LowCardinality(String),
    campaign      LowCardinality(String),
    referrer_host LowCardinality(String),
    -- The first known value in the session.
    country       LowCardinality(String),
    device        LowCardinality(String),
    browser       LowCardinality(String),
    os            LowCardinality(String),
    language      LowCardinality(String),
    -- The first and last page that was viewed.
    entry_page    String CODEC(ZSTD(1)),
    exit_page     String CODEC(ZSTD(1))
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(day)
ORDER BY (site_id, day, generation, visitor, began_ms)
SETTINGS fsync_after_insert = 1,
         fsync_part_directory = 1;

-- Events by visitor (0: unknown) and quarter of an hour (0-95 of the UTC day).
CREATE TABLE IF NOT EXISTS visitor_quarters
(
    site_id    UInt32,
    day        Date,
    generation UInt64,
    quarter    UInt8,
    visitor    UInt128,
    events     UInt32,
    pageviews  UInt32
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(day)
ORDER BY (site_id, day, generation, quarter, visitor)
SETTINGS fsync_after_insert = 1,
         fsync_part_directory = 1;

-- Which rows of the two tables are used for a day, and what they were made of: the number of events of the day before, of the
-- day and of the day after, the inactivity that ends a session, and the version of the statement that made them.
CREATE TABLE IF NOT EXISTS visit_days
(
    site_id    UInt32,
    day        Date,
    generation UInt64,
    counted    Array(UInt64),
    session_ms Int64,
    version    UInt16
)
ENGINE = ReplacingMergeTree(generation)
ORDER BY (site_id, day)
SETTINGS fsync_after_insert = 1,
         fsync_part_directory = 1;

-- The number of events ever inserted by day: it changes whenever events arrive late.
CREATE TABLE IF NOT EXISTS event_days
(
    site_id UInt32,
    day     Date,
    events  UInt64
)
ENGINE = SummingMergeTree(events)
ORDER BY (site_id, day)
SETTINGS non_replicated_deduplication_window = 10000,
         fsync_after_insert = 1,
         fsync_part_directory = 1;

CREATE MATERIALIZED VIEW IF NOT EXISTS event_days_view TO event_days AS
SELECT site_id, toDate(occurred_at) AS day, count() AS events
FROM events
GROUP BY site_id, day;

-- Events that arrive meanwhile count twice, which does no harm.
INSERT INTO event_days
SELECT site_id, toDate(occurred_at) AS day, count() AS events
FROM events
GROUP BY site_id, day;
