//! The marketers' questions as typed functions.
