-- Fills `aliases` from a journal range like `aliases_view`.
--   journal UInt64, start UInt64, end UInt64 (exclusive)
INSERT INTO aliases
SELECT site_id, JSONExtractString(properties, 'previousId') AS previous_id, user_id, occurred_at AS at
FROM events
WHERE kind = 6 AND user_id != '' AND robot = ''
  AND JSONExtractString(properties, 'previousId') NOT IN ('', user_id)
  AND NOT match(replaceAll(JSONExtractString(properties, 'previousId'), '-', ''), '^[0-9a-fA-F]{32}$')
  AND journal = {journal:UInt64} AND position >= {start:UInt64} AND position < {end:UInt64}
