-- The members of segments that a report asks for, as long as its session in the server lasts.
CREATE TEMPORARY TABLE IF NOT EXISTS report_members (list UInt32, member UInt128)
