-- Places that the marketer filled, counted from 1. What stands there stands there whoever ranks and whatever is tried:
-- its propensity is 1, and the chance of a place to be given away is divided among the others. Rows from before have
-- no pins, and where there were some, propensities that divide by all places.
ALTER TABLE exposures ADD COLUMN IF NOT EXISTS pinned Array(UInt8);

ALTER TABLE exposures_view MODIFY QUERY
WITH
    JSONExtract(exposure, 'pinned', 'Array(UInt8)') AS pinned_places,
    explore / greatest(length(items) - arrayCount(place -> place <= length(items), pinned_places), 1) AS given_away
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
        place -> multiIf(
            has(pinned_places, place), 1,
            place = explored, model_probability * given_away * drawn,
            model_probability * (1 - given_away)),
        arrayEnumerate(items)) AS propensities,
    pinned_places AS pinned
FROM events
WHERE exposure != '' AND robot = '';
