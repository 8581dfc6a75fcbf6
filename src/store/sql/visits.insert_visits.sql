-- Makes the sessions that began on a day, as reports.overview_sessions, reports.sources and reports.pages define them.
--   site UInt32, day UInt32 (days since 1970), generation UInt64, session_ms Int64, passive Array(String) (events that are
--   captured without an action of the visitor)
INSERT INTO visits (site_id, day, generation, visitor, began_ms, ended_ms, acts, pageviews, actions, is_referred, channel,
    source, medium, campaign, referrer_host, country, device, browser, os, language, entry_page, exit_page)
WITH
    toInt64({day:UInt32}) * 86400000 AS day_ms,
    arrayFirst(event -> event.5 NOT IN ('Internal', 'Direct'), session) AS arrival,
    arrayFilter(event -> event.16 = 3, session) AS views
SELECT
    {site:UInt32}, toDate({day:UInt32}), {generation:UInt64},
    visitor,
    session[1].1 AS began,
    session[-1].1,
    arrayMap(event -> toUInt32((event.1 - began) * 2 + if(event.16 = 3, 1, 0)), arrayFilter(event -> event.16 >= 2, session)),
    length(views),
    arrayCount(event -> event.17, session),
    arrayExists(event -> event.5 NOT IN ('Internal', 'Direct'), session),
    arrival.5, arrival.6, arrival.7, arrival.8, arrival.9,
    arrayFirst(event -> event.10 != '', session).10,
    arrayFirst(event -> event.11 != '', session).11,
    arrayFirst(event -> event.12 != '', session).12,
    arrayFirst(event -> event.13 != '', session).13,
    arrayFirst(event -> event.14 != '', session).14,
    if(empty(views), '', views[1].15),
    if(empty(views), '', views[-1].15)
FROM
(
    SELECT
        visitor,
        arrayJoin(arraySplit(
            (event, before) -> event.1 - before.1 > {session_ms:Int64},
            arraySort(groupArray((
                toUnixTimestamp64Milli(occurred_at), received_at, journal, position,
                toString(channel), toString(source), toString(medium), toString(campaign), toString(referrer_host),
                toString(country), toString(device), toString(browser), toString(os), toString(language),
                multiIf(kind NOT IN (2, 3), '', path = '', toString(name), path),
                multiIf(kind IN (2, 3), 3, kind < 4, 2, 1),
                kind = 1 AND action != 10 AND name NOT IN {passive:Array(String)}))) AS history,
            arrayPushFront(arrayPopBack(history), history[1]))) AS session
    FROM events
    WHERE site_id = {site:UInt32} AND robot = '' AND visitor != 0 AND NOT user_id_only
      AND occurred_at >= fromUnixTimestamp64Milli(toInt64({day:UInt32}) * 86400000 - 86400000, 'UTC')
      AND occurred_at < fromUnixTimestamp64Milli(toInt64({day:UInt32}) * 86400000 + 2 * 86400000, 'UTC')
    GROUP BY visitor
)
WHERE session[1].1 >= day_ms AND session[1].1 < day_ms + 86400000
