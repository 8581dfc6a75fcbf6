-- The warehouse of clickstream: one row an event, in the order funnels and visitors are read.
-- `position` is the event's place in the journal `journal`; the pair is unique and tells arrival order.
CREATE TABLE IF NOT EXISTS events
(
    journal         UInt64,
    position        UInt64 CODEC(Delta, ZSTD(1)),
    site_id         UInt32,
    message         UInt128,
    kind            UInt8,
    name            LowCardinality(String),
    action          UInt8,
    occurred_at     DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    received_at     DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    visitor         UInt128,
    user_id         String,
    user_verified   Bool,
    session_start   DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    robot           LowCardinality(String),
    host            LowCardinality(String),
    path            String,
    query           String,
    title           String,
    referrer_host   LowCardinality(String),
    referrer_path   String,
    channel         LowCardinality(String),
    source          LowCardinality(String),
    medium          LowCardinality(String),
    campaign        LowCardinality(String),
    term            String,
    content         String,
    click_id        LowCardinality(String),
    device          LowCardinality(String),
    os              LowCardinality(String),
    os_version      LowCardinality(String),
    browser         LowCardinality(String),
    browser_version LowCardinality(String),
    country         LowCardinality(String),
    region          LowCardinality(String),
    city            LowCardinality(String),
    language        LowCardinality(String),
    timezone        LowCardinality(String),
    screen_width    UInt16,
    screen_height   UInt16,
    items           Array(String),
    item_prices     Array(Int64),
    item_quantities Array(UInt32),
    category        LowCardinality(String),
    amount_minor    Int64,
    currency        LowCardinality(String),
    order_id        String,
    properties      String CODEC(ZSTD(3)),
    library         LowCardinality(String)
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(occurred_at)
ORDER BY (site_id, toDate(occurred_at), visitor, occurred_at, position)
SETTINGS non_replicated_deduplication_window = 10000,
         fsync_after_insert = 1,
         fsync_part_directory = 1;

-- The narrow copy a live profile is read back from: all of one visitor in one place.
CREATE TABLE IF NOT EXISTS visitor_events
(
    site_id         UInt32,
    visitor         UInt128,
    occurred_at     DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    journal         UInt64,
    position        UInt64,
    kind            UInt8,
    action          UInt8,
    name            LowCardinality(String),
    session_start   DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    items           Array(String),
    item_prices     Array(Int64),
    item_quantities Array(UInt32),
    category        LowCardinality(String),
    amount_minor    Int64,
    user_id         String,
    user_verified   Bool,
    path            String,
    channel         LowCardinality(String),
    source          LowCardinality(String),
    campaign        LowCardinality(String),
    country         LowCardinality(String),
    device          LowCardinality(String),
    slot            LowCardinality(String),
    traits          String
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(occurred_at)
ORDER BY (site_id, visitor, occurred_at, position)
SETTINGS non_replicated_deduplication_window = 10000,
         fsync_after_insert = 1,
         fsync_part_directory = 1,
         index_granularity = 1024;

CREATE MATERIALIZED VIEW IF NOT EXISTS visitor_events_view TO visitor_events AS
SELECT
    site_id, visitor, occurred_at, journal, position, kind, action, name, session_start,
    items, item_prices, item_quantities, category, amount_minor, user_id, user_verified, path,
    channel, source, campaign, country, device,
    if(action IN (10, 11), JSONExtractString(properties, 'slot'), '') AS slot,
    if(kind = 4 AND length(properties) <= 4096, properties, '') AS traits
FROM events
WHERE visitor != 0 AND robot = '';
