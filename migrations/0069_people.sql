-- A person is looked for by the id of an order; the table is ordered by day and visitor. The index lets such a question
-- pass over the granules that do not have the order. Parts from before get it in the background.
ALTER TABLE events ADD INDEX IF NOT EXISTS by_order order_id TYPE bloom_filter(0.01) GRANULARITY 1;

ALTER TABLE events MATERIALIZE INDEX by_order SETTINGS mutations_sync = 0;

-- Browsers that were joined to a user by mistake, and parted: what was said up to `ended_at` no longer joins them, in reports of
-- any time. Later only the site's own statement does (a signature, or its key). The highest version counts.
CREATE TABLE IF NOT EXISTS identity_ends
(
    site_id  UInt32,
    visitor  UInt128,
    user_id  String,
    ended_at DateTime64(3, 'UTC'),
    version  UInt64
)
ENGINE = ReplacingMergeTree(version)
ORDER BY (site_id, visitor, user_id)
SETTINGS non_replicated_deduplication_window = 10000,
         fsync_after_insert = 1,
         fsync_part_directory = 1;
