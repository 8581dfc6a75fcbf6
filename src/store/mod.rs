//! The only room that speaks ClickHouse.
