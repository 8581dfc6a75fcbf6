//! The durable log in front of the warehouse: record bytes in, position out. Knows no event.
