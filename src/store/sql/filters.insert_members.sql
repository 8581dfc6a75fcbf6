-- Members of a segment, 20 bytes each.
INSERT INTO report_members FORMAT RowBinary
