-- The highest position of a journal that has a row.
--   journal UInt64
SELECT max(position) FROM events WHERE journal = {journal:UInt64} HAVING count() > 0
