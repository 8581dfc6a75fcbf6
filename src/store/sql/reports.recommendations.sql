-- Performance of recommended slots in a period, by slot and model.
--   site UInt32, from_ms/to_ms Int64, window_ms Int64, slot String (empty: all), rate_currencies Array(String) and
--   rate_since, rate_numerators, rate_denominators Array(UInt64), the newest rate first
-- A decision is one impression, however often it was sent, if it was first seen within the period. It is clicked if any
-- of its items was. A purchased item is attributed once, to the last decision in which the same visitor had seen it
-- (or, separately, clicked it) within the window before; at the price of its order line in the site's currency. One row
-- for each slot and model, each slot, each model and in total ('' stands for all), with sums over visitors (anonymous:
-- over decisions) of views n, of each outcome, and of their squares and products, which confidence intervals need.
WITH
    decided AS
    (
        SELECT
            decision,
            any(visitor) AS who,
            any(slot) AS of_slot,
            any(model) AS of_model,
            any(explored) AS tried,
            any(explore) AS to_try,
            min(toUnixTimestamp64Milli(occurred_at)) AS at_ms,
            any(items) AS shown,
            groupUniqArrayIf(clicked, clicked > 0) AS places,
            max(action = 11) AS is_clicked
        FROM exposures
        WHERE site_id = {site:UInt32}
          AND occurred_at >= fromUnixTimestamp64Milli({from_ms:Int64}, 'UTC')
          AND occurred_at < fromUnixTimestamp64Milli({to_ms:Int64} + 86400000, 'UTC')
          AND ({slot:String} = '' OR slot = {slot:String})
        GROUP BY decision
        HAVING at_ms < {to_ms:Int64}
    ),
    bought AS
    (
        WITH
            -- Rate in effect at the order's time, and the line's amount in the site's currency, rounded half away from zero.
            arrayFirstIndex(
                (known, since) -> known = toString(currency) AND since <= toUnixTimestamp64Milli(occurred_at),
                {rate_currencies:Array(String)}, {rate_since:Array(UInt64)}) AS rate,
            {rate_denominators:Array(UInt64)}[rate] AS denominator,
            -- The amount of an order of a single item without a price is the price of the item.
            if(price = 0 AND length(items) = 1, toInt128(amount_minor), toInt128(price) * pieces) AS line_minor
        SELECT
            visitor AS buyer, item, toUnixTimestamp64Milli(occurred_at) AS bought_ms,
            if(rate = 0, 0, toFloat64(if(line_minor < 0, -1, 1) * intDiv(
                toInt256(abs(line_minor)) * {rate_numerators:Array(UInt64)}[rate] * 2 + denominator,
                toInt256(greatest(denominator, 1)) * 2))) AS paid
        FROM events
        ARRAY JOIN items AS item, item_prices AS price, item_quantities AS pieces
        WHERE site_id = {site:UInt32} AND robot = '' AND visitor != 0 AND action = 7
          AND occurred_at >= fromUnixTimestamp64Milli({from_ms:Int64}, 'UTC')
          AND occurred_at < fromUnixTimestamp64Milli({to_ms:Int64} + {window_ms:Int64}, 'UTC')
    ),
    credited AS
    (
        SELECT decision, count() AS lines, sum(paid) AS brought
        FROM bought
        ASOF INNER JOIN
            (SELECT who, decision, at_ms, arrayJoin(shown) AS seen FROM decided WHERE who != 0) AS views
            ON bought.buyer = views.who AND bought.item = views.seen AND bought.bought_ms >= views.at_ms
        WHERE bought_ms - at_ms <= {window_ms:Int64}
        GROUP BY decision
    ),
    credited_click AS
    (
        SELECT decision, count() AS lines, sum(paid) AS brought
        FROM bought
        ASOF INNER JOIN
            (SELECT who, decision, at_ms, shown[arrayJoin(places)] AS seen FROM decided WHERE who != 0) AS clicks
            ON bought.buyer = clicks.who AND bought.item = clicks.seen AND bought.bought_ms >= clicks.at_ms
        WHERE bought_ms - at_ms <= {window_ms:Int64}
        GROUP BY decision
    )
SELECT
    slot_key AS slot, model_key AS model,
    count() AS clusters,
    countIf(known) AS visitors,
    sum(n) AS views, sum(n * n) AS views_squared,
    sum(c) AS clicked_views, sum(c * c) AS clicked_squared, sum(n * c) AS views_clicked,
    sum(b) AS bought_views, sum(b * b) AS bought_squared, sum(n * b) AS views_bought,
    sum(r) AS revenue, sum(r * r) AS revenue_squared, sum(n * r) AS views_revenue,
    sum(item_clicks) AS clicks, sum(bought_lines) AS purchases,
    sum(click_lines) AS click_purchases, sum(click_paid) AS click_revenue,
    sum(tried_views) AS tries, sum(to_try_views) AS tries_expected, sum(all_places) AS item_views
FROM
(
    SELECT
        slot_key, model_key, cluster, any(who != 0) AS known,
        toFloat64(count()) AS n,
        toFloat64(sum(is_clicked)) AS c,
        toFloat64(countIf(credited.lines > 0)) AS b,
        sum(credited.brought) AS r,
        sum(length(places)) AS item_clicks,
        sum(credited.lines) AS bought_lines,
        sum(credited_click.lines) AS click_lines,
        sum(credited_click.brought) AS click_paid,
        countIf(tried > 0) AS tried_views,
        sum(to_try) AS to_try_views,
        sum(length(shown)) AS all_places
    FROM
    (
        SELECT
            *,
            if(who = 0, toUInt128(decision), who) AS cluster,
            arrayJoin([(toString(of_slot), toString(of_model)), (toString(of_slot), ''), ('', toString(of_model)), ('', '')]) AS key,
            key.1 AS slot_key, key.2 AS model_key
        FROM decided
    ) AS decided
    LEFT JOIN credited ON credited.decision = decided.decision
    LEFT JOIN credited_click ON credited_click.decision = decided.decision
    GROUP BY slot_key, model_key, cluster
)
GROUP BY slot_key, model_key
ORDER BY slot_key, views DESC, model_key
LIMIT 2000
