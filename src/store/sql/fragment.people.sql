    -- Renames of user ids (`alias`); up to three in a row are followed.
    renamed AS
    (
        SELECT previous_id, argMax(user_id, (at, user_id)) AS renamed_to
        FROM aliases WHERE site_id = {site:UInt32} GROUP BY previous_id
    ),
    -- The user of a visitor: the last one identified in it, a verified identity before others; none from which it was
    -- parted, unless the site has vouched for it again.
    identified AS
    (
        SELECT visitor, argMax(user_id, (is_verified, last, user_id)) AS user
        FROM
        (
            SELECT visitor, user_id, max(verified) AS is_verified, max(last_at) AS last
            FROM identities WHERE site_id = {site:UInt32} GROUP BY visitor, user_id
        )
        WHERE NOT arrayExists(
            ended -> ended.1 = visitor AND ended.2 = user_id AND (ended.3 >= last OR is_verified = 0),
            (SELECT groupArray((visitor, user_id, ended_at)) FROM identity_ends FINAL WHERE site_id = {site:UInt32}))
        GROUP BY visitor
    ),
    users AS
    (
        SELECT
            identified.visitor AS visitor,
            multiIf(c.renamed_to != '', c.renamed_to, b.renamed_to != '', b.renamed_to,
                    a.renamed_to != '', a.renamed_to, identified.user) AS user
        FROM identified
        LEFT JOIN renamed AS a ON identified.user = a.previous_id
        LEFT JOIN renamed AS b ON a.renamed_to = b.previous_id
        LEFT JOIN renamed AS c ON b.renamed_to = c.previous_id
    ),
    -- Visitors of people with several; the smallest visitor id stands for the person.
    merged AS
    (
        SELECT visitor, person
        FROM
        (
            SELECT visitor, min(visitor) OVER (PARTITION BY user) AS person, count() OVER (PARTITION BY user) AS visitors
            FROM users
        )
        WHERE visitors > 1
    ),
