-- Kills running inserts of a range and waits for their end.
--   attempts String: prefix of their query ids, followed by a percent sign
KILL QUERY WHERE query_id LIKE {attempts:String} SYNC
