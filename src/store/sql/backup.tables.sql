-- Tables of a backup: all with data, whatever created them, except those that belong to the installation.
SELECT name, toString(uuid) AS uuid
FROM system.tables
WHERE database = currentDatabase() AND engine LIKE '%MergeTree'
  AND name NOT IN ('ashna_installation', 'ashna_migrations')
ORDER BY name
