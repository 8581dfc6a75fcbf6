//! Receives a file that is read while it arrives.

use std::time::Duration;

use axum::body::{Body, Bytes};
use http_body_util::BodyExt as _;
use tokio::sync::mpsc::Sender;

use crate::{config, http::error::ApiError};

/// Passes a body on in pieces. Only receiving has a time limit: what arrived in time is stored completely.
///
/// # Errors
/// If the body ends too early, is too large or too slow.
pub(super) async fn receive_file(
    mut body: Body,
    limits: &config::Feeds,
    sender: Sender<Bytes>,
) -> Result<(), ApiError> {
    let receive = async move {
        let mut bytes_left = limits.bytes_max;
        while let Some(frame) = body.frame().await {
            let Ok(frame) = frame else { return Err(ApiError::Unreadable("the body ended too early".into())) };
            let Ok(data) = frame.into_data() else { continue };
            let too_large = ApiError::TooLarge("the file is larger than the service accepts");
            bytes_left = bytes_left.checked_sub(data.len() as u64).ok_or(too_large)?;
            // A parser that failed reports its own error; the rest of the body is read and dropped.
            let _ = sender.send(data).await;
        }
        Ok(())
    };
    let limit = Duration::from_millis(limits.timeout_ms);
    tokio::time::timeout(limit, receive).await.unwrap_or(Err(ApiError::TooSlow))
}
