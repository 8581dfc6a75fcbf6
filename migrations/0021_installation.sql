-- Which installation the warehouse belongs to: the row with the highest number, the first of several.
CREATE TABLE IF NOT EXISTS ashna_installation
(
    id       String,
    number   UInt32,
    taken_at DateTime64(3, 'UTC')
)
ENGINE = MergeTree
ORDER BY number
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;
