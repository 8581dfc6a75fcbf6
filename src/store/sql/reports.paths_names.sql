-- The names of nodes of reports.paths_links, by their hashes.
--   site UInt32, from_ms/to_ms Int64, nodes Array(UInt64), limit UInt32
SELECT greatest(sipHash64(if(kind IN (2, 3) AND path != '', path, toString(name))), 2) AS node, if(kind IN (2, 3) AND path != '', path, toString(name)) AS label
FROM events
WHERE site_id = {site:UInt32} AND robot = '' AND visitor != 0 AND kind IN (1, 2, 3)
  AND occurred_at >= fromUnixTimestamp64Milli({from_ms:Int64} - 86400000, 'UTC')
  AND occurred_at < fromUnixTimestamp64Milli({to_ms:Int64} + 86400000, 'UTC')
  AND has({nodes:Array(UInt64)}, node)
LIMIT 1 BY node
LIMIT {limit:UInt32}
