-- Applied migrations, in order.
SELECT number, name, checksum
FROM ashna_migrations
ORDER BY number, applied_at
LIMIT 1 BY number
