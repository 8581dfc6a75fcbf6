//! Writes coupons to the control database: requests that arrive together share one transaction, and so one wait for the
//! disk.

use std::time::Duration;

use tokio::sync::{Mutex, mpsc, oneshot};

use crate::{
    control::{Control, CouponRequest, SeenCoupon},
    decide::Skip,
    tasks::Stopping,
};

/// Impressions and requests that wait to be written.
const WAITING_MAX: usize = 50_000;
/// Most of one transaction.
const BATCH_MAX: usize = 500;
/// Pause after a failure.
const RETRY_PAUSE: Duration = Duration::from_secs(1);

enum Write {
    Seen(SeenCoupon),
    Give(CouponRequest, oneshot::Sender<Result<String, Skip>>),
}

pub(super) struct CouponWriter {
    control: Control,
    sender: mpsc::Sender<Write>,
    /// The other end; the task holds it while it runs.
    receiver: Mutex<mpsc::Receiver<Write>>,
}

impl CouponWriter {
    pub(super) fn new(control: Control) -> Self {
        let (sender, receiver) = mpsc::channel(WAITING_MAX);
        Self { control, sender, receiver: Mutex::new(receiver) }
    }

    /// A code that is on disk as this person's.
    pub(super) async fn give(&self, request: CouponRequest) -> Result<String, Skip> {
        let (answer, given) = oneshot::channel();
        self.sender.try_send(Write::Give(request, answer)).map_err(|_| Skip::Busy)?;
        given.await.unwrap_or(Err(Skip::Busy))
    }

    /// Records that a coupon was seen; never waits.
    pub(super) fn note_seen(&self, seen: SeenCoupon) {
        if let Err(error) = self.sender.try_send(Write::Seen(seen)) {
            tracing::error!(%error, "too many impressions of coupons wait: one is not noted");
        }
    }

    /// Writes until the service stops; what waits then is written first.
    pub(super) async fn run(&self, mut stopping: Stopping) {
        let mut receiver = self.receiver.lock().await;
        let mut batch = Vec::new();
        loop {
            tokio::select! {
                _ = receiver.recv_many(&mut batch, BATCH_MAX) => {}
                () = stopping.wait() => {
                    while let Ok(write) = receiver.try_recv() {
                        batch.push(write);
                    }
                    self.write(&mut batch).await;
                    return;
                }
            }
            while !self.write(&mut batch).await {
                if stopping.sleep(RETRY_PAUSE).await {
                    break;
                }
            }
        }
    }

    /// Writes a batch and answers; on failure only what was seen remains, to be written again.
    async fn write(&self, batch: &mut Vec<Write>) -> bool {
        let (mut seen, mut wanted, mut answers) = (Vec::new(), Vec::new(), Vec::new());
        for write in batch.drain(..) {
            match write {
                Write::Seen(coupon) => seen.push(coupon),
                // The requester stopped waiting.
                Write::Give(_, answer) if answer.is_closed() => {}
                Write::Give(request, answer) => {
                    wanted.push(request);
                    answers.push(answer);
                }
            }
        }
        if seen.is_empty() && wanted.is_empty() {
            return true;
        }
        match self.control.write_coupons(&wanted, &seen).await {
            Ok(given) => {
                for (answer, code) in answers.into_iter().zip(given) {
                    // The requester may have stopped waiting: the coupon is the person's for a while.
                    let _ = answer.send(code.ok_or(Skip::NoCoupon));
                }
                true
            }
            Err(error) => {
                tracing::warn!(%error, "coupons cannot be written");
                for answer in answers {
                    drop(answer.send(Err(Skip::Busy)));
                }
                batch.extend(seen.into_iter().map(Write::Seen));
                batch.is_empty()
            }
        }
    }
}
