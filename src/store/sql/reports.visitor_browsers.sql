-- The browsers and devices of one person: as whom each was identified, and what it is.
--   site UInt32, visitors Array(UInt128)
-- The user of a visitor as in fragment.people: a verified identity before others, then the last one.
SELECT
    known.visitor AS visitor,
    identified.user.1 AS user_id,
    toBool(identified.user.2) AS verified,
    toUnixTimestamp64Milli(identified.user.3) AS identified_ms,
    known.first_ms AS first_ms,
    known.last_ms AS last_ms,
    known.events AS events,
    known.device AS device,
    described.browser AS browser,
    described.os AS os,
    known.country AS country
FROM
(
    SELECT
        visitor,
        toUnixTimestamp64Milli(min(occurred_at)) AS first_ms,
        toUnixTimestamp64Milli(max(occurred_at)) AS last_ms,
        count() AS events,
        argMaxIf(toString(device), (occurred_at, position), device != '') AS device,
        argMaxIf(toString(country), (occurred_at, position), country != '') AS country
    FROM visitor_events
    WHERE site_id = {site:UInt32} AND visitor IN {visitors:Array(UInt128)}
    GROUP BY visitor
) AS known
LEFT JOIN
(
    SELECT visitor, argMax((user_id, is_verified, first), (is_verified, last, user_id)) AS user
    FROM
    (
        SELECT visitor, user_id, max(verified) AS is_verified, min(first_at) AS first, max(last_at) AS last
        FROM identities
        WHERE site_id = {site:UInt32} AND visitor IN {visitors:Array(UInt128)}
        GROUP BY visitor, user_id
    )
    WHERE NOT arrayExists(
        ended -> ended.1 = visitor AND ended.2 = user_id AND (ended.3 >= last OR is_verified = 0),
        (SELECT groupArray((visitor, user_id, ended_at)) FROM identity_ends FINAL
         WHERE site_id = {site:UInt32} AND visitor IN {visitors:Array(UInt128)}))
    GROUP BY visitor
) AS identified ON known.visitor = identified.visitor
LEFT JOIN
(
    SELECT
        visitor,
        argMaxIf(toString(browser), (occurred_at, position), browser != '') AS browser,
        argMaxIf(toString(os), (occurred_at, position), os != '') AS os
    FROM events
    WHERE site_id = {site:UInt32} AND visitor IN {visitors:Array(UInt128)} AND robot = ''
      -- `events` is ordered by day and `visitor_events` by visitor, so the latter finds the day to read of each.
      AND toDate(occurred_at) IN
      (
          SELECT toDate(max(occurred_at))
          FROM visitor_events
          WHERE site_id = {site:UInt32} AND visitor IN {visitors:Array(UInt128)} AND NOT by_server_key
          GROUP BY visitor
      )
    GROUP BY visitor
) AS described ON known.visitor = described.visitor
ORDER BY known.last_ms DESC, known.visitor
