    -- The different paths of each person through sessions that began in the period. Sessions as in
    -- reports.overview_sessions. A node is the hash of a page's path, or of an event's name; 0 after the last node of a path
    -- that ends within `steps` nodes; equal nodes that follow each other are one. A path begins with the session (anchor = 0),
    -- with its first event that matches $ANCHOR (1), or ends there and is read backwards (2). `passive` are events that the
    -- tracker sends by itself. The key of an event is as in reports.retention, with two bits below: whether it is a node, and
    -- whether it matches.
    person_paths AS
    (
        SELECT who, groupUniqArrayArray(own_paths) AS paths, sum(length(own_paths)) AS own_sessions
        FROM
        (
            SELECT
                $WHO AS who,
                arrayFilter(
                    path -> path[1] != 0,
                    arrayMap(
                        path -> if(length(path) <= {steps:UInt32}, arrayPushBack(path, 0), arraySlice(path, 1, {steps:UInt32})),
                        arrayMap(
                            nodes -> arrayCompact(arrayMap(event -> event.2, nodes)),
                            arrayMap(
                                nodes -> multiIf(
                                    {anchor:UInt8} = 0, nodes,
                                    NOT arrayExists(event -> bitAnd(toUInt64(event.1), 1) = 1, nodes), arrayResize(nodes, 0),
                                    {anchor:UInt8} = 1, arraySlice(nodes, arrayFirstIndex(event -> bitAnd(toUInt64(event.1), 1) = 1, nodes)),
                                    arrayReverse(arraySlice(nodes, 1, arrayFirstIndex(event -> bitAnd(toUInt64(event.1), 1) = 1, nodes)))),
                                arrayMap(
                                    session -> arrayFilter(event -> bitAnd(toUInt64(event.1), 2) = 2, session),
                                    arrayFilter(
                                        session -> toInt64(bitShiftRight(session[1].1, 66)) BETWEEN {from_ms:Int64} AND {to_ms:Int64} - 1,
                                        arraySplit(
                                            (event, before) -> toInt64(bitShiftRight(event.1, 66)) - toInt64(bitShiftRight(before.1, 66)) > {session_ms:Int64},
                                            history,
                                            arrayPushFront(arrayPopBack(history), history[1])))))))) AS own_paths
            FROM
            (
                SELECT
                    visitor,
                    arraySort(groupArray((
                        bitOr(
                            bitShiftLeft(toUInt128(since_ms), 66),
                            bitOr(
                                bitShiftLeft(toUInt128(bitOr(bitShiftLeft(delay_ms, 32), toUInt64(toUInt32(low_position)))), 2),
                                toUInt128(is_node * 2 + matches))),
                        node))) AS history
                FROM
                (
                    SELECT
                        visitor, position AS low_position,
                        toUInt64(toUnixTimestamp64Milli(occurred_at)) AS since_ms,
                        toUInt64(least(greatest(toUnixTimestamp64Milli(received_at) - toUnixTimestamp64Milli(occurred_at) + 300000, 0), 4294967295)) AS delay_ms,
                        toUInt8($ANCHOR $IF_FILTERED{AND $KEEPS}) AS matches,
                        toUInt8((($ANCHOR) OR kind IN (2, 3) OR (kind = 1 AND action != 10 AND name NOT IN {passive:Array(String)}))
                                $IF_FILTERED{AND $KEEPS}) AS is_node,
                        if(is_node, greatest(sipHash64(if(kind IN (2, 3) AND path != '', path, toString(name))), 2), 0) AS node
                    FROM events
                    $FILTER_JOIN
                    WHERE site_id = {site:UInt32} AND robot = '' AND visitor != 0 AND NOT user_id_only
                      AND occurred_at >= fromUnixTimestamp64Milli({from_ms:Int64} - 86400000, 'UTC')
                      AND occurred_at < fromUnixTimestamp64Milli({to_ms:Int64} + 86400000, 'UTC')
                )
                GROUP BY visitor
            ) AS browsed
            $JOIN
            WHERE notEmpty(own_paths)
        )
        GROUP BY who
    )
