//! Currency conversion rates of a site as query parameters.

pub(super) use crate::store::rate_params as params;
