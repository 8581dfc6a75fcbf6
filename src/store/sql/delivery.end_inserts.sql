-- Ends inserts of a range that may still be under way, and waits for their end.
--   attempts String: what their query ids begin with, and a percent sign
KILL QUERY WHERE query_id LIKE {attempts:String} SYNC
