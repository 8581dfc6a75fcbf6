//! Reads the warehouse in the background and builds the recommendation index.
