-- Inserts that are being made now: their events and the counts by day become visible one after the other.
SELECT query_id FROM system.processes WHERE query_kind = 'Insert' AND current_database = currentDatabase()
