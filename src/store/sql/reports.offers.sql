-- What offers brought about in a period, by offer and group.
--   site UInt32, from_ms/to_ms Int64, offers Array(String) and goal_bits Array(UInt32) (offers with a goal of their own, and
--   its bit in the marks), names Array(String) and page_views UInt8 (events of goals), the parameters of $MONEY and of the
--   fragments
-- $MARKS is a fragment that store::funnel selects from fixed texts: the goals that an event reaches, as bits. $MONEY is
-- fragment.money.sql; $PEOPLE, $WHO, $JOIN join the visitors of one person; $VISITS, $VISIT_JOIN add the source of the
-- session, where a goal asks for it.
-- A person belongs to the group of the first impression in the period: 0 saw the offer, 1 its control group, 2 held out
-- from all offers. A conversion is the offer's goal, or an order, at or after that impression and within the period; each
-- person converts once. Each order and refund counts once, as in all reports. Sums of squares are for intervals.
WITH
$MONEY,
$PEOPLE
$VISITS
    shown AS
    (
        SELECT
            offer, who,
            minIf(at_ms, action = 10) AS first_ms,
            argMinIf(of_group, (at_ms, of_group), action = 10) AS first_group,
            toUInt64(countIf(action = 10 AND of_group = 0)) AS views,
            toUInt64(countIf(action = 11 AND of_group = 0)) AS click_events
        FROM
        (
            SELECT
                JSONExtractString(properties, 'offer') AS offer,
                $WHO AS who,
                toUnixTimestamp64Milli(occurred_at) AS at_ms,
                action,
                toUInt8(multiIf(JSONExtractString(properties, 'reason') != 'control', 0,
                                JSONExtractString(properties, 'variant') = 'holdout', 2, 1)) AS of_group
            FROM events
            $JOIN
            WHERE site_id = {site:UInt32} AND robot = '' AND visitor != 0 AND action IN (10, 11)
              AND occurred_at >= fromUnixTimestamp64Milli({from_ms:Int64}, 'UTC')
              AND occurred_at < fromUnixTimestamp64Milli({to_ms:Int64}, 'UTC')
              AND offer != ''
        )
        GROUP BY offer, who
        HAVING countIf(action = 10) > 0
    ),
    deeds AS
    (
        SELECT $WHO AS who, at_ms, toUInt32(0) AS reached, toUInt8(orders) AS ordered, revenue_minor
        FROM money
        $JOIN
        WHERE visitor != 0
        UNION ALL
        SELECT who, at_ms, reached, 0, 0
        FROM
        (
            SELECT $WHO AS who, toUnixTimestamp64Milli(occurred_at) AS at_ms, toUInt32($MARKS) AS reached
            FROM events
            $JOIN
            $VISIT_JOIN
            WHERE site_id = {site:UInt32} AND robot = '' AND visitor != 0
              AND occurred_at >= fromUnixTimestamp64Milli({from_ms:Int64}, 'UTC')
              AND occurred_at < fromUnixTimestamp64Milli({to_ms:Int64}, 'UTC')
              AND (name IN {names:Array(String)} OR ({page_views:UInt8} = 1 AND kind IN (2, 3)))
        )
        WHERE reached != 0
    ),
    done AS
    (
        SELECT who, groupArray((at_ms, reached, ordered, revenue_minor)) AS all_deeds
        FROM deeds
        WHERE who IN (SELECT who FROM shown)
        GROUP BY who
    )
SELECT
    offer,
    first_group AS of_group,
    count() AS people,
    sum(views) AS impressions,
    sum(click_events) AS clicks,
    countIf(click_events > 0) AS clickers,
    countIf(converted) AS conversions,
    sum(revenue) AS revenue_minor,
    sum(toFloat64(revenue) * toFloat64(revenue)) AS revenue_squared
FROM
(
    SELECT
        offer, first_group, views, click_events,
        indexOf({offers:Array(String)}, offer) AS own_goal,
        arrayFilter(deed -> deed.1 >= first_ms, all_deeds) AS after,
        arrayExists(deed -> if(own_goal = 0, deed.3 = 1,
            bitAnd(deed.2, {goal_bits:Array(UInt32)}[own_goal]) != 0), after) AS converted,
        toInt64(arraySum(deed -> deed.4, after)) AS revenue
    FROM shown
    LEFT JOIN done USING (who)
)
GROUP BY offer, of_group
ORDER BY offer, of_group
LIMIT 3000
