    UNION ALL

    SELECT
        person_sessions.value AS value,
        toUInt128(0), 0, 0, 0, 0, [], toUInt64(orders), revenue_minor
    FROM (SELECT * FROM money LEFT JOIN merged USING (visitor) WHERE user_id_only AND visitor != 0) AS sent
    ASOF INNER JOIN
    (
        SELECT merged.person AS person, sessions.began_ms AS began_ms, sessions.value AS value
        FROM sessions INNER JOIN merged USING (visitor)
    ) AS person_sessions ON sent.person = person_sessions.person AND sent.visit_ms >= person_sessions.began_ms
    WHERE began_ms >= visit_ms - 86400000 AND value.1 != ''
