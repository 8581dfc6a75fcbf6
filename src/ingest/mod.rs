//! PURE: one wire event in, one verdict out.
