-- Whether the site has users with several visitors, or with several ids. One row if so.
--   site UInt32
SELECT toUInt8(1) AS some
FROM
(
    SELECT user_id FROM identities WHERE site_id = {site:UInt32} GROUP BY user_id HAVING uniqExact(visitor) > 1 LIMIT 1
    UNION ALL
    SELECT user_id FROM aliases WHERE site_id = {site:UInt32} LIMIT 1
)
LIMIT 1
