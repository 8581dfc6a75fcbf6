//! Live visitor profiles.
