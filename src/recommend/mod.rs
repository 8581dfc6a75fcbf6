//! Predicts what a visitor views next, from the visits of all visitors. No I/O.
//!
//! [`Sessions`] go in, [`Learned`] comes out: postings of visits, rules between items, two-step random walks over
//! them, popularity. A request gathers some hundred candidates with the signals of every model (`candidates`), and
//! the blend (`mlp`) ranks them. The weights of the blend and the settings of the models are tuned (`tune`) on the
//! last part of the site's own history; nothing is set by hand.
//! Nothing here waits, reads a clock or draws random numbers; the caller lends the memory ([`Scratch`]).
//!
//! Example: visits `a b c`, `a b d`, `b d`; a visitor views `a`, then `b` → `d`, `c`, `a`.

#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "items and visits are numbered by u32, times are seconds of some decades, counts of one list are small"
)]

mod base;
mod candidates;
pub mod content;
mod decay;
mod dense_ids;
mod features;
mod fresh;
mod learned;
pub mod measure;
mod mlp;
pub mod persistent_vec;
mod popularity;
mod postings;
pub mod purchases;
mod rank;
mod rank_key;
mod rules;
mod sessions;
mod settings;
mod simd;
mod stages;
#[cfg(test)]
mod tests;
mod train;
mod tune;
mod tuned;
mod two_hop;
mod types;

pub use candidates::Scratch;
pub use learned::Learned;
pub use mlp::Mlp;
pub use sessions::{Click, Gathered, Sessions};
pub use settings::Settings;
pub use tune::{Bounds, tune};
pub use tuned::Tuned;
pub use types::{Evidence, Model, Number, RankRequest, RepeatPolicy};
