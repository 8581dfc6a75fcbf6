-- Takes a part from the table's directory `detached`.
--   table Identifier, part String
ALTER TABLE {table:Identifier} ATTACH PART {part:String}
