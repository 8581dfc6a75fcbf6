-- Traffic that a site leaves out or joins, as JSON: networks, referrers, trailing slashes of paths.
ALTER TABLE sites ADD COLUMN traffic_filters TEXT NOT NULL DEFAULT '{}';
