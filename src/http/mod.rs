//! The only room that speaks axum.
