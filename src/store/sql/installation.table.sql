-- Is there a note of the owner? The database itself may not be there yet.
--   database String
SELECT count() FROM system.tables WHERE database = {database:String} AND name = 'ashna_installation'
