-- An alias may name a browser by an id that has not the form of a visitor's, as apps and other clients make them: the
-- event then carries the visitor that it stands for.
ALTER TABLE aliased_visitors_view MODIFY QUERY
SELECT
    site_id, user_id,
    reinterpretAsUInt128(reverse(unhex(replaceAll(
        if(JSONHas(properties, 'previousVisitor'), JSONExtractString(properties, 'previousVisitor'),
           JSONExtractString(properties, 'previousId')), '-', '')))) AS visitor,
    max(toUInt8(user_verified)) AS verified, min(occurred_at) AS first_at, max(occurred_at) AS last_at
FROM events
WHERE kind = 6 AND user_id != '' AND robot = ''
  AND match(replaceAll(
        if(JSONHas(properties, 'previousVisitor'), JSONExtractString(properties, 'previousVisitor'),
           JSONExtractString(properties, 'previousId')), '-', ''), '^[0-9a-fA-F]{32}$')
GROUP BY site_id, user_id, visitor;
