-- Who a visitor is, is asked for each visitor's page; the table is ordered by person. The index lets such a
-- question pass over the granules that do not have the visitor.
ALTER TABLE identities ADD INDEX IF NOT EXISTS by_visitor visitor TYPE bloom_filter(0.01) GRANULARITY 1;

-- What was stored before.
ALTER TABLE identities MATERIALIZE INDEX by_visitor;
