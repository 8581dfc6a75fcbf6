-- How much memory may the server use as a whole, bytes (0: it has no limit), and can it be told for how long a
-- question of low priority is paused at a time?
SELECT
    (SELECT max(toUInt64OrZero(value)) FROM system.server_settings WHERE name = 'max_server_memory_usage') AS memory_bytes,
    (SELECT count() > 0 FROM system.settings WHERE name = 'low_priority_query_wait_time_ms') AS pauses_briefly
