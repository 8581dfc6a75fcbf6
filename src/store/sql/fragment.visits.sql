    -- Where each session (see reports.overview_sessions) around the period came from: its first event that is neither
    -- direct nor from within the site. $HITS: the filters (bits) that one of its events matches, where there are some.
    visit_rows AS
    (
        SELECT
            visitor,
            fromUnixTimestamp64Milli(session[1].1, 'UTC') AS began,
            arrayFirst(event -> event.5, session) AS arrival
            $SESSION_HITS
        FROM
        (
            SELECT
                visitor,
                arrayJoin(arraySplit(
                    (event, before) -> event.1 - before.1 > {session_ms:Int64},
                    arraySort(groupArray((
                        toUnixTimestamp64Milli(occurred_at), received_at, journal, position,
                        channel NOT IN ('Internal', 'Direct'),
                        toString(channel), toString(source), toString(medium), toString(campaign),
                        toString(referrer_host)
                        $HITS))) AS history,
                    arrayPushFront(arrayPopBack(history), history[1]))) AS session
            FROM events
            WHERE site_id = {site:UInt32} AND robot = '' AND visitor != 0 AND NOT user_id_only
              AND occurred_at >= fromUnixTimestamp64Milli({visits_from_ms:Int64} - 86400000, 'UTC')
              AND occurred_at <= fromUnixTimestamp64Milli({visits_to_ms:Int64} + 86400000, 'UTC')
            GROUP BY visitor
        )
    ),
    $SERVER_HITS
    -- By visitor, and by person for the events of servers that name only a user.
    visits AS
    (
        SELECT
            visitor AS visit_key, toUInt8(0) AS of_person, began, arrival.6 AS visit_channel, arrival.7 AS visit_source,
            arrival.8 AS visit_medium, arrival.9 AS visit_campaign, arrival.10 AS visit_referrer
            $VISIT_HITS
        FROM $VISIT_ROWS
        $PERSON_VISITS
    ),
