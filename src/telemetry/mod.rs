//! Counters, the two conservation laws, and the log.
