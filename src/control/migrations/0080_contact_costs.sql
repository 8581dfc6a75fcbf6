-- What a contact over each channel costs the site, minor units of its currency, as JSON.
ALTER TABLE sites ADD COLUMN contact_costs TEXT NOT NULL DEFAULT '{}';
