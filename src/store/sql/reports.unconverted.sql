-- Orders and refunds of a period in currencies without a rate to the site's currency.
--   site UInt32, from_ms/to_ms Int64, limit UInt32, rate_currencies Array(String), rate_since Array(UInt64);
--   the other rate arrays are not used
-- One row per currency; the amount is orders minus refunds in this currency, and is not part of any revenue.
SELECT
    toString(currency) AS currency,
    countIf(action = 7) AS orders,
    sum(if(action = 7, amount_minor, -amount_minor)) AS amount_minor,
    min(toUnixTimestamp64Milli(occurred_at)) AS first_ms,
    max(toUnixTimestamp64Milli(occurred_at)) AS last_ms
FROM events
WHERE site_id = {site:UInt32} AND robot = '' AND action IN (7, 8) AND events.amount_minor != 0
  AND occurred_at >= fromUnixTimestamp64Milli({from_ms:Int64}, 'UTC')
  AND occurred_at < fromUnixTimestamp64Milli({to_ms:Int64}, 'UTC')
  AND NOT arrayExists(
      (known, since) -> known = toString(events.currency) AND since <= toUnixTimestamp64Milli(occurred_at),
      {rate_currencies:Array(String)}, {rate_since:Array(UInt64)})
GROUP BY events.currency
ORDER BY orders DESC, currency
LIMIT {limit:UInt32}
