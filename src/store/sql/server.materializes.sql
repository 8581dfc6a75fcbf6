-- Whether common table expressions can be computed once for all their uses (ClickHouse 26).
SELECT toUInt8(count() > 0) FROM system.settings WHERE name = 'enable_materialized_cte'
