//! The embedded ClickHouse engine, run in a child process of our own binary.
