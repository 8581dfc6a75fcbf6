-- The warehouse belongs to this installation, unless another one comes first.
--   id String
INSERT INTO ashna_installation SELECT {id:String}, 0, now64(3, 'UTC')
