-- Records one applied migration. Parameters: number, name, checksum of its text.
INSERT INTO ashna_migrations
SELECT {number:UInt32}, {name:String}, {checksum:String}, now64(3, 'UTC')
