-- How recommended items that were seen or clicked had been drawn: by which model and with what probability, by the
-- service's own word. `exposure` is one JSON object, empty where there is none.
ALTER TABLE events ADD COLUMN IF NOT EXISTS exposure String CODEC(ZSTD(3));

-- One row an impression (action 10) or click (action 11) of a recommended slot, as often as it was sent; whoever
-- counts counts decisions. `propensities` are as long as `items`: the probability with which this model ranked the
-- slot and this item stood at this place.
CREATE TABLE IF NOT EXISTS exposures
(
    site_id           UInt32,
    occurred_at       DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    journal           UInt64,
    position          UInt64 CODEC(Delta, ZSTD(1)),
    visitor           UInt128,
    action            UInt8,
    decision          UInt64,
    slot              LowCardinality(String),
    model             LowCardinality(String),
    model_probability Float64,
    explore           Float64,
    -- The place given to an item out of turn, counted from 1; 0: none.
    explored          UInt8,
    drawn             Float64,
    -- The place that was clicked, counted from 1; 0: none, or unknown.
    clicked           UInt8,
    items             Array(String),
    propensities      Array(Float64)
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(occurred_at)
ORDER BY (site_id, toDate(occurred_at), visitor, occurred_at, position)
SETTINGS non_replicated_deduplication_window = 10000,
         fsync_after_insert = 1,
         fsync_part_directory = 1;

CREATE MATERIALIZED VIEW IF NOT EXISTS exposures_view TO exposures AS
SELECT
    site_id, occurred_at, journal, position, visitor, action,
    toUInt64OrZero(JSONExtractString(exposure, 'decision')) AS decision,
    JSONExtractString(exposure, 'slot') AS slot,
    JSONExtractString(exposure, 'model') AS model,
    JSONExtractFloat(exposure, 'model_probability') AS model_probability,
    JSONExtractFloat(exposure, 'explore') AS explore,
    toUInt8(JSONExtractUInt(exposure, 'explored')) AS explored,
    JSONExtractFloat(exposure, 'drawn') AS drawn,
    toUInt8(JSONExtractUInt(exposure, 'position')) AS clicked,
    items,
    arrayMap(
        place -> model_probability * if(place = explored,
            explore / length(items) * drawn, 1 - explore / length(items)),
        arrayEnumerate(items)) AS propensities
FROM events
WHERE exposure != '' AND robot = '';
