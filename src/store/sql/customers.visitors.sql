-- The identified visitors of a site's customers.
--   site UInt32
-- $PEOPLE is fragment.people.sql. One row per visitor: its person (see the fragment), its user, and whether the site
-- verified that (a rename is not verified). Anonymous visitors are persons of their own and have no row.
WITH
$PEOPLE
    known AS
    (
        SELECT
            users.visitor AS visitor, users.user AS user, users.user != identified.user AS is_renamed,
            if(merged.person = 0, users.visitor, merged.person) AS customer
        FROM users
        INNER JOIN identified ON users.visitor = identified.visitor
        LEFT JOIN merged ON users.visitor = merged.visitor
    )
SELECT
    customer, visitor, user,
    toUInt8(NOT is_renamed AND visitor IN
    (
        SELECT visitor
        FROM (SELECT visitor, user_id, max(verified) AS is_verified, max(last_at) AS last
              FROM identities WHERE site_id = {site:UInt32} GROUP BY visitor, user_id)
        WHERE is_verified = 1 AND NOT arrayExists(
            ended -> ended.1 = visitor AND ended.2 = user_id AND ended.3 >= last,
            (SELECT groupArray((visitor, user_id, ended_at)) FROM identity_ends FINAL WHERE site_id = {site:UInt32}))
    )) AS is_verified
FROM known
WHERE customer IN
(
    SELECT if(person = 0, visitor, person)
    FROM (SELECT DISTINCT visitor FROM events WHERE site_id = {site:UInt32} AND robot = '' AND action = 7 AND visitor != 0) AS ordered
    LEFT JOIN merged USING (visitor)
)
ORDER BY customer, visitor
