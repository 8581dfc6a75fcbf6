-- How much memory may the server use as a whole, bytes (0: it has no limit), and can it be told for how long a
-- question of low priority is paused at a time?
SELECT
    ifNull((SELECT max(toUInt64OrZero(value)) FROM system.server_settings WHERE name = 'max_server_memory_usage'), 0)
        AS memory_bytes,
    toBool(ifNull((SELECT count() FROM system.settings WHERE name = 'low_priority_query_wait_time_ms'), 0)) AS pauses_briefly
