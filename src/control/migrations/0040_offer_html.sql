-- Whether a site's offers may put HTML into its pages: whoever edits such an offer runs script there, so
-- that only an owner allows it. Sites that use it already keep it, so that no slot goes blank.
ALTER TABLE sites ADD COLUMN offer_html INTEGER NOT NULL DEFAULT 0;
UPDATE sites SET offer_html = 1 WHERE id IN (
    SELECT site_id FROM offers WHERE json_valid(body) AND json_type(body, '$.content.html') <> 'null'
);
