-- How each site knows its visitors, and what remains of those who must not be known.
ALTER TABLE sites ADD COLUMN known_by TEXT NOT NULL DEFAULT 'cookie' CHECK (known_by IN ('cookie', 'daily_hash'));
ALTER TABLE sites ADD COLUMN without_consent TEXT NOT NULL DEFAULT 'anonymous'
    CHECK (without_consent IN ('anonymous', 'nothing'));
-- Minutes of silence that end a session; NULL for the setting that holds for all sites.
ALTER TABLE sites ADD COLUMN session_minutes INTEGER CHECK (session_minutes BETWEEN 1 AND 1440);
