//! Experiments: who gets which variant. Pure: the same person gets the same variant on every machine, at any time.
//!
//! A unit is a person whom the site verified, else a visitor. One bucket decides whether a unit takes part (`traffic`),
//! another, independent one its variant, and a third, of the exclusion group, which of its experiments it belongs to. Whoever
//! was shown a variant keeps it: exposures are events, and the first one of a person counts, on whichever browser it was.
//!
//! Example: `set.get("checkout")?.assign(&unit, &exposures, || true)` is `Assignment::In` with the variant, or why not.

mod assign;
mod exposures;
mod set;
#[cfg(test)]
mod tests;

pub use assign::{Assignment, Outside, Person};
pub use exposures::{Exposed, Exposures};
pub use set::{CompiledExperiment, CompiledVariant, ExperimentSet};
