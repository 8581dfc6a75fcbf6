-- Events of a site, their counts and properties.
--   site UInt32, from_ms/to_ms Int64, limit UInt32
-- Page and screen views are one event, `page`; identify, group and alias calls have no name and are left out. Property
-- names are taken from at most 2,000 events of each name, at most 100 property names.
SELECT counted.event AS name, counted.events AS count, named.properties AS properties
FROM
(
    SELECT if(kind IN (2, 3), 'page', toString(name)) AS event, count() AS events
    FROM events
    WHERE site_id = {site:UInt32} AND robot = '' AND kind IN (1, 2, 3)
      AND occurred_at >= fromUnixTimestamp64Milli({from_ms:Int64}, 'UTC')
      AND occurred_at < fromUnixTimestamp64Milli({to_ms:Int64}, 'UTC')
    GROUP BY event
    HAVING event != ''
    ORDER BY events DESC, event
    LIMIT {limit:UInt32}
) AS counted
LEFT JOIN
(
    SELECT event, arraySort(groupUniqArrayArray(100)(JSONExtractKeys(properties))) AS properties
    FROM
    (
        SELECT if(kind IN (2, 3), 'page', toString(name)) AS event, properties
        FROM events
        WHERE site_id = {site:UInt32} AND robot = '' AND kind IN (1, 2, 3)
          AND occurred_at >= fromUnixTimestamp64Milli({from_ms:Int64}, 'UTC')
          AND occurred_at < fromUnixTimestamp64Milli({to_ms:Int64}, 'UTC')
        LIMIT 2000 BY event
    )
    GROUP BY event
) AS named ON counted.event = named.event
ORDER BY count DESC, name
