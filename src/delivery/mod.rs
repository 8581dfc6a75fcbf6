//! Moves the journal into the warehouse, exactly once.
