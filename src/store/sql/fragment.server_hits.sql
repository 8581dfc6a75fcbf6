    -- The events of servers that name only a user happened in the person's last session that began within a day before.
    server_hits AS
    (
        SELECT own.visitor AS visitor, own.began AS began, groupBitOr(sent.bits) AS hits
        FROM
        (
            SELECT person, occurred_at, $MATCHES AS bits
            FROM events INNER JOIN merged USING (visitor)
            WHERE site_id = {site:UInt32} AND robot = '' AND visitor != 0 AND user_id_only AND bits != 0
              AND occurred_at >= fromUnixTimestamp64Milli({visits_from_ms:Int64} - 86400000, 'UTC')
              AND occurred_at <= fromUnixTimestamp64Milli({visits_to_ms:Int64} + 86400000, 'UTC')
        ) AS sent
        ASOF INNER JOIN
        (
            SELECT merged.person AS person, visit_rows.visitor AS visitor, visit_rows.began AS began
            FROM visit_rows INNER JOIN merged USING (visitor)
            WHERE visitor IN (SELECT visitor FROM merged)
        ) AS own ON sent.person = own.person AND sent.occurred_at >= own.began
        WHERE own.began >= sent.occurred_at - INTERVAL 1 DAY
        GROUP BY visitor, began
    ),
    hit_rows AS
    (
        SELECT
            visit_rows.visitor AS visitor, visit_rows.began AS began, visit_rows.arrival AS arrival,
            bitOr(visit_rows.hits, server_hits.hits) AS hits
        FROM visit_rows
        LEFT JOIN server_hits ON visit_rows.visitor = server_hits.visitor AND visit_rows.began = server_hits.began
    ),
