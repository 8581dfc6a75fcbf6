-- The installation that owns the warehouse.
SELECT id FROM ashna_installation ORDER BY number DESC, taken_at, id LIMIT 1
