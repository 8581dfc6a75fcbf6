-- Which removals of stored events were begun, and how many are not finished.
SELECT groupBitXor(cityHash64(mutation_id)) AS state, countIf(NOT is_done) AS pending
FROM system.mutations
WHERE database = currentDatabase() AND table = 'events'
