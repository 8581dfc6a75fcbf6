-- Records an applied migration.
--   number UInt32, name String, checksum String (of its text)
INSERT INTO ashna_migrations
SELECT {number:UInt32}, {name:String}, {checksum:String}, now64(3, 'UTC')
