//! Where an address lies.
