//! Which messages were seen.
