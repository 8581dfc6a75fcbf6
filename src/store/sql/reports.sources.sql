-- Traffic sources of the sessions of a period.
--   site UInt32, from_ms/to_ms Int64, session_ms Int64, by String (channel, source, referrer or campaign), limit
--   UInt32, rate_currencies Array(String) and rate_since, rate_numerators, rate_denominators Array(UInt64), the newest
--   rate first
-- The source of a session (see reports.overview_sessions) is that of its first event outside channel Internal, else
-- Direct, with an empty source, referrer and campaign. All events of the session are attributed to it. Anonymous events
-- have no session: their page views and orders are attributed to the source of each event.
SELECT
    value,
    uniqExactIf(who, who != 0) AS visitors,
    countIf(who != 0) AS sessions,
    sum(session_pageviews) AS pageviews,
    sum(session_orders) AS orders,
    sum(session_revenue_minor) AS revenue_minor
FROM
(
    SELECT
        visitor AS who,
        arrayFirst(event -> event.5, session) AS arrival,
        if(arrival.5, arrival.6, if({by:String} = 'channel', 'Direct', '')) AS value,
        toUInt64(arraySum(event -> event.7, session)) AS session_pageviews,
        toUInt64(arraySum(event -> event.8, session)) AS session_orders,
        toInt64(arraySum(event -> event.9, session)) AS session_revenue_minor
    FROM
    (
        WITH
            -- Rate in effect at the event's time, and the amount in the site's currency, rounded half away from zero.
            if(action IN (7, 8), arrayFirstIndex(
                (known, since) -> known = toString(currency) AND since <= toUnixTimestamp64Milli(occurred_at),
                {rate_currencies:Array(String)}, {rate_since:Array(UInt64)}), 0) AS rate,
            {rate_denominators:Array(UInt64)}[rate] AS denominator,
            if(rate = 0, 0, toInt64(if((action = 7) = (amount_minor < 0), -1, 1) * intDiv(
                toInt256(abs(toInt128(amount_minor))) * {rate_numerators:Array(UInt64)}[rate] * 2 + denominator,
                toInt256(greatest(denominator, 1)) * 2))) AS base_minor
        SELECT
            visitor,
            arraySort(groupArray((
                toUnixTimestamp64Milli(occurred_at), received_at, journal, position,
                channel != 'Internal',
                toString(multiIf({by:String} = 'channel', channel, {by:String} = 'source', source,
                                 {by:String} = 'referrer', referrer_host, campaign)),
                kind IN (2, 3),
                action = 7,
                base_minor))) AS history,
            arrayJoin(arraySplit(
                (event, before) -> event.1 - before.1 > {session_ms:Int64},
                history,
                arrayPushFront(arrayPopBack(history), history[1]))) AS session
        FROM events
        WHERE site_id = {site:UInt32} AND robot = '' AND visitor != 0
          AND occurred_at >= fromUnixTimestamp64Milli({from_ms:Int64}, 'UTC')
          AND occurred_at < fromUnixTimestamp64Milli({to_ms:Int64}, 'UTC')
        GROUP BY visitor
    )

    UNION ALL

    WITH
        -- Rate in effect at the event's time, and the amount in the site's currency, rounded half away from zero.
        if(action IN (7, 8), arrayFirstIndex(
            (known, since) -> known = toString(currency) AND since <= toUnixTimestamp64Milli(occurred_at),
            {rate_currencies:Array(String)}, {rate_since:Array(UInt64)}), 0) AS rate,
        {rate_denominators:Array(UInt64)}[rate] AS denominator,
        if(rate = 0, 0, toInt64(if((action = 7) = (amount_minor < 0), -1, 1) * intDiv(
            toInt256(abs(toInt128(amount_minor))) * {rate_numerators:Array(UInt64)}[rate] * 2 + denominator,
            toInt256(greatest(denominator, 1)) * 2))) AS base_minor
    SELECT
        toUInt128(0) AS who,
        (toInt64(0), toDateTime64(0, 3, 'UTC'), toUInt64(0), toUInt64(0), toUInt8(0), '', toUInt8(0), toUInt8(0), toInt64(0)) AS arrival,
        toString(multiIf({by:String} = 'channel', channel, {by:String} = 'source', source,
                         {by:String} = 'referrer', referrer_host, campaign)) AS value,
        countIf(kind IN (2, 3)) AS session_pageviews,
        countIf(action = 7) AS session_orders,
        sum(base_minor) AS session_revenue_minor
    FROM events
    WHERE site_id = {site:UInt32} AND robot = '' AND visitor = 0
      AND occurred_at >= fromUnixTimestamp64Milli({from_ms:Int64}, 'UTC')
      AND occurred_at < fromUnixTimestamp64Milli({to_ms:Int64}, 'UTC')
    GROUP BY value
    HAVING session_pageviews + session_orders > 0
)
GROUP BY value
ORDER BY visitors DESC, pageviews DESC, value
LIMIT {limit:UInt32}
