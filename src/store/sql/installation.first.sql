-- Records this installation as owner of the warehouse, unless another one is recorded before it.
--   id String
INSERT INTO ashna_installation SELECT {id:String}, 0, now64(3, 'UTC')
