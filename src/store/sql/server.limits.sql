-- Memory limit of the whole server, bytes (0: none), and whether the duration of a pause of a low-priority query can be
-- set.
SELECT
    ifNull((SELECT max(toUInt64OrZero(value)) FROM system.server_settings WHERE name = 'max_server_memory_usage'), 0)
        AS memory_bytes,
    toBool(ifNull((SELECT count() FROM system.settings WHERE name = 'low_priority_query_wait_time_ms'), 0)) AS pauses_briefly
