//! Sites, items and offers, compiled to an immutable snapshot that is swapped atomically.
