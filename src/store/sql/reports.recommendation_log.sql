-- Exposures of recommended slots in a period, by visitor: the log for off-policy evaluation.
--   site UInt32, from_ms/to_ms Int64, slot String (empty: all), limit UInt64
-- One row for each visitor (anonymous: each decision), slot, model and draw. Beyond the limit, a random sample of
-- visitors: their ids are random. Pinned items do not depend on the choice of models: clicks on them are ignored, as
-- are slots that contain nothing else.
SELECT
    if(who = 0, toUInt128(decision), who) AS cluster,
    of_slot, of_model, of_probability, to_try,
    toUInt8(tried > 0) AS is_tried,
    toFloat64(count()) AS views,
    toFloat64(sum(is_clicked)) AS clicked_views
FROM
(
    SELECT
        decision,
        any(visitor) AS who,
        toString(any(slot)) AS of_slot,
        toString(any(model)) AS of_model,
        any(model_probability) AS of_probability,
        any(explore) AS to_try,
        any(explored) AS tried,
        min(toUnixTimestamp64Milli(occurred_at)) AS at_ms,
        max(action = 11 AND NOT has(pinned, clicked)) AS is_clicked
    FROM exposures
    WHERE site_id = {site:UInt32}
      AND occurred_at >= fromUnixTimestamp64Milli({from_ms:Int64}, 'UTC')
      AND occurred_at < fromUnixTimestamp64Milli({to_ms:Int64} + 86400000, 'UTC')
      AND ({slot:String} = '' OR slot = {slot:String})
    GROUP BY decision
    HAVING at_ms < {to_ms:Int64} AND max(length(items)) > max(length(pinned))
)
GROUP BY cluster, of_slot, of_model, of_probability, to_try, is_tried
ORDER BY cluster
LIMIT {limit:UInt64}
