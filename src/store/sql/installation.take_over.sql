-- Makes this installation the owner of the warehouse.
--   id String
INSERT INTO ashna_installation
SELECT {id:String}, max(number) + 1, now64(3, 'UTC') FROM ashna_installation
