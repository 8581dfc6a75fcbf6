-- Whether the owner table exists. The database itself may be missing.
--   database String
SELECT count() FROM system.tables WHERE database = {database:String} AND name = 'ashna_installation'
