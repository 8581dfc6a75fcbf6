    -- Each person's first exposure to an experiment.
    exposed AS
    (
        SELECT
            who, argMin(shown, (at_ms, received_at, journal, position)) AS variant, min(at_ms) AS first_ms,
            uniqExact(shown) AS shown_variants
        FROM
        (
            SELECT
                $WHO AS who, toUnixTimestamp64Milli(occurred_at) AS at_ms, received_at, journal, position,
                JSONExtractString(properties, 'variant') AS shown
            FROM events
            $JOIN
            WHERE site_id = {site:UInt32} AND robot = '' AND visitor != 0 AND name = 'Experiment Viewed'
              AND occurred_at >= fromUnixTimestamp64Milli({exposed_ms:Int64}, 'UTC')
              AND occurred_at < fromUnixTimestamp64Milli({to_ms:Int64}, 'UTC')
              AND JSONExtractString(properties, 'experiment') = {experiment:String}
        )
        WHERE shown IN {variants:Array(String)}
        GROUP BY who
    )
