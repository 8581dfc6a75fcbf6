-- What the tracker notices by itself: words separated by blanks; NULL is everything there is.
ALTER TABLE sites ADD COLUMN captures TEXT;
