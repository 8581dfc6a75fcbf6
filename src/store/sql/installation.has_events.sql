-- Whether there are events, and whether any of them are from this journal.
--   journal UInt64
SELECT count() > 0 AS any, countIf(journal = {journal:UInt64}) > 0 AS ours FROM events
