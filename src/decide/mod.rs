//! PURE: profile, snapshot, index and context in, decision and explanation out.
