-- Rates to the site's currency (a JSON array of {base, currency, from, rate}) and the rules for its events
-- (a JSON object), as the owner wrote them.
ALTER TABLE sites ADD COLUMN rates TEXT NOT NULL DEFAULT '[]';
ALTER TABLE sites ADD COLUMN rules TEXT NOT NULL DEFAULT '{}';
