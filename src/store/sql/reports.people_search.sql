-- The visitors that match a text: by user id (1), by hash of an e-mail address (2) or phone number (3), by order id (4), or
-- by visitor id (5).
--   site UInt32, text String, hash String (64 hexadecimal digits), visitor UInt128, personal UInt8 (0: neither user ids
--   nor hashes), limit UInt32 (of each kind)
-- User ids, hashes and visitors are found by key; orders by a skip index. What the site vouched for comes first.
SELECT visitor, found_by
FROM
(
    SELECT visitor, toUInt8(1) AS found_by, vouched, last
    FROM
    (
        SELECT visitor, max(verified) AS vouched, max(last_at) AS last
        FROM identities
        WHERE site_id = {site:UInt32} AND user_id = {text:String} AND {personal:UInt8} = 1
        GROUP BY visitor
    )
    -- Visitors that were parted from the user are left out, as in fragment.people.
    WHERE NOT arrayExists(
        ended -> ended.1 = visitor AND (ended.2 >= last OR vouched = 0),
        (SELECT groupArray((visitor, ended_at)) FROM identity_ends FINAL
         WHERE site_id = {site:UInt32} AND user_id = {text:String}))
    ORDER BY vouched DESC, last DESC, visitor
    LIMIT {limit:UInt32}

    UNION ALL

    SELECT visitor, toUInt8(if(field = 'email', 2, 3)) AS found_by, max(verified) AS vouched, max(last_at) AS last
    FROM contact_keys
    WHERE site_id = {site:UInt32} AND hash = unhex({hash:String}) AND {personal:UInt8} = 1
    GROUP BY visitor, field
    ORDER BY vouched DESC, last DESC, visitor
    LIMIT {limit:UInt32}

    UNION ALL

    SELECT visitor, toUInt8(4) AS found_by, max(toUInt8(by_server_key)) AS vouched, max(occurred_at) AS last
    FROM events
    WHERE site_id = {site:UInt32} AND order_id = {text:String} AND order_id != '' AND visitor != 0 AND robot = ''
    GROUP BY visitor
    ORDER BY vouched DESC, last DESC, visitor
    LIMIT {limit:UInt32}

    UNION ALL

    SELECT {visitor:UInt128}, toUInt8(5), toUInt8(0), toDateTime64(0, 3, 'UTC')
)
ORDER BY found_by, vouched DESC, last DESC, visitor
