-- Contacts of a period by channel, the people who were contacted, and the orders that followed.
--   site UInt32, from_ms/to_ms Int64, window_ms Int64, and the parameters of $MONEY
-- $MONEY is fragment.money.sql with the contact channel of orders as $VALUE; $PEOPLE, $WHO, $JOIN: as in reports.sources.
-- $VISITS, $FILTER_JOIN, $IF_FILTERED: see store::filters; a filter keeps contacts and orders, each by itself.
-- A contact is a `track` event that states its channel and is no order or refund. An order belongs to the channel it was
-- placed over; without one, to that of the person's last contact in the window before it.
WITH
$PEOPLE
$VISITS
$MONEY,
    stated AS
    (
        SELECT
            visitor,
            toUnixTimestamp64Milli(occurred_at) AS contact_ms,
            JSONExtractString(properties, 'contact_channel') AS contact_channel
        FROM events
        $FILTER_JOIN
        WHERE site_id = {site:UInt32} AND robot = '' $IF_FILTERED{AND $KEEPS} AND kind = 1 AND action NOT IN (7, 8)
          AND position(properties, '"contact_channel"') > 0
          AND occurred_at >= fromUnixTimestamp64Milli({from_ms:Int64} - {window_ms:Int64}, 'UTC')
          AND occurred_at < fromUnixTimestamp64Milli({to_ms:Int64}, 'UTC')
          AND contact_channel != ''
    ),
    contacts AS
    (
        SELECT $WHO AS who, contact_ms, contact_channel
        FROM stated
        $JOIN
    ),
    contacted AS
    (
        SELECT who, arraySort(groupArray((contact_ms, contact_channel))) AS made
        FROM contacts
        WHERE who != 0
        GROUP BY who
    ),
    placed AS
    (
        SELECT $WHO AS who, money.at_ms AS ordered_ms, own_value AS own_channel
        FROM money
        $JOIN
        WHERE orders = 1
    )
SELECT channel, sum(contacts) AS contacts, sum(people) AS people, sum(conversions) AS conversions
FROM
(
    SELECT
        contact_channel AS channel, count() AS contacts, uniqExactIf(who, who != 0) AS people, toUInt64(0) AS conversions
    FROM contacts
    WHERE contact_ms >= {from_ms:Int64}
    GROUP BY channel

    UNION ALL

    SELECT
        if(own_channel != '', own_channel,
           arrayFilter(contact -> contact.1 BETWEEN ordered_ms - {window_ms:Int64} AND ordered_ms, made)[-1].2) AS channel,
        toUInt64(0), toUInt64(0), count()
    FROM placed
    LEFT JOIN contacted ON placed.who = contacted.who
    GROUP BY channel
    HAVING channel != ''
)
GROUP BY channel
ORDER BY contacts DESC, channel
