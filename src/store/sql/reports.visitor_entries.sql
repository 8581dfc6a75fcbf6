-- Events of a visitor, newest first: of one kind, one contact channel, with a text.
--   site UInt32, visitors Array(UInt128), before_ms Int64, before_journal/before_position UInt64 (only those before this
--   place in the list), show String (all, pages, products, orders, contacts, feedback, identity), feedback Array(String)
--   (names of that kind, in lower case, words separated by a space), channel String ('': any), search String ('': any),
--   in_properties UInt8 (whether properties are searched too), days UInt32 (how many rows of visitor_events tell the days
--   that are read), limit UInt32
SELECT
    toUnixTimestamp64Milli(occurred_at) AS at_ms,
    journal,
    position,
    kind,
    toString(name) AS name,
    JSONExtractString(properties, 'contact_channel') AS contact_channel,
    path,
    if(empty(items), '', items[1]) AS item,
    properties
FROM events
WHERE site_id = {site:UInt32} AND visitor IN {visitors:Array(UInt128)} AND robot = ''
  -- `events` is ordered by day and `visitor_events` by visitor, so the latter finds the few days to read.
  AND toDate(occurred_at) IN
  (
      SELECT toDate(occurred_at)
      FROM visitor_events
      WHERE site_id = {site:UInt32} AND visitor IN {visitors:Array(UInt128)}
        AND (occurred_at, journal, position)
          < (fromUnixTimestamp64Milli({before_ms:Int64}, 'UTC'), {before_journal:UInt64}, {before_position:UInt64})
        AND multiIf(
            {show:String} = 'pages', kind IN (2, 3),
            {show:String} = 'products', action IN (1, 2, 3, 4, 5),
            {show:String} = 'orders', action IN (6, 7, 8),
            {show:String} = 'feedback',
                has({feedback:Array(String)}, lowerUTF8(replaceRegexpAll(toString(name), '[ _-]+', ' '))),
            {show:String} = 'identity', kind IN (4, 6) OR name = 'Consent Updated',
            true)
      ORDER BY occurred_at DESC
      LIMIT {days:UInt32}
  )
  AND (occurred_at, journal, position)
    < (fromUnixTimestamp64Milli({before_ms:Int64}, 'UTC'), {before_journal:UInt64}, {before_position:UInt64})
  AND multiIf(
      {show:String} = 'pages', kind IN (2, 3),
      {show:String} = 'products', action IN (1, 2, 3, 4, 5),
      {show:String} = 'orders', action IN (6, 7, 8),
      {show:String} = 'contacts', contact_channel NOT IN ('', 'web'),
      {show:String} = 'feedback',
          has({feedback:Array(String)}, lowerUTF8(replaceRegexpAll(toString(events.name), '[ _-]+', ' '))),
      {show:String} = 'identity', kind IN (4, 6) OR events.name = 'Consent Updated',
      true)
  AND ({channel:String} = '' OR contact_channel = {channel:String})
  AND ({search:String} = ''
    OR positionCaseInsensitiveUTF8(toString(events.name), {search:String}) > 0
    OR positionCaseInsensitiveUTF8(path, {search:String}) > 0
    OR positionCaseInsensitiveUTF8(title, {search:String}) > 0
    OR arrayExists(item_id -> positionCaseInsensitiveUTF8(item_id, {search:String}) > 0, items)
    OR ({in_properties:UInt8} = 1 AND positionCaseInsensitiveUTF8(properties, {search:String}) > 0))
ORDER BY occurred_at DESC, journal DESC, position DESC
LIMIT {limit:UInt32}
