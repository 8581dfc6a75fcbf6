//! State of the queue and its scheduling rules, without clocks and locks.

use std::{
    collections::{HashMap, VecDeque},
    time::Duration,
};

use tokio::sync::oneshot;

use super::{QueueLimits, Requester};

/// One requester may use one in so many of the waiting slots.
const REQUESTER_DIVISOR: usize = 4;
/// Weight of the newest run in the moving average of run times.
const AVERAGE_WEIGHT: f64 = 0.2;

/// Scheduler of permits `P`.
#[derive(Debug)]
pub(super) struct Scheduler<P> {
    running: HashMap<Requester, usize>,
    /// Requesters with waiting reports, in round-robin order; the reports of each are in order of arrival.
    waiting: VecDeque<(Requester, VecDeque<Waiting<P>>)>,
    /// Reports ever enqueued.
    enqueued: u64,
    granted: u64,
    average_seconds: f64,
}

#[derive(Debug)]
struct Waiting<P> {
    number: u64,
    permit: oneshot::Sender<P>,
}

/// A waiting report's number, and the channel on which its permit arrives.
pub(super) type Enqueued<P> = (u64, oneshot::Receiver<P>);

impl<P> Default for Scheduler<P> {
    fn default() -> Self {
        Self { running: HashMap::new(), waiting: VecDeque::new(), enqueued: 0, granted: 0, average_seconds: 1.0 }
    }
}

impl<P> Scheduler<P> {
    pub(super) fn running(&self) -> usize {
        self.running.values().sum()
    }

    fn waiting(&self) -> usize {
        self.waiting.iter().map(|(_, own)| own.len()).sum()
    }

    /// Permits ever granted.
    pub(super) const fn granted(&self) -> u64 {
        self.granted
    }

    /// Moving average of run times.
    pub(super) const fn average_seconds(&self) -> f64 {
        self.average_seconds
    }

    /// Whether a permit is available to the requester. If there are several permits, one is left to others.
    pub(super) fn can_run(&self, requester: &Requester, limits: &QueueLimits) -> bool {
        let own = self.running.get(requester).copied().unwrap_or_default();
        self.running() < limits.running_max && own < limits.running_max.saturating_sub(1).max(1)
    }

    /// Grants a permit; returns its sequence number.
    pub(super) fn grant(&mut self, requester: &Requester) -> u64 {
        *self.running.entry(requester.clone()).or_default() += 1;
        self.granted += 1;
        self.granted
    }

    pub(super) fn release(&mut self, requester: &Requester, run_time: Duration) {
        self.average_seconds += (run_time.as_secs_f64() - self.average_seconds) * AVERAGE_WEIGHT;
        if let Some(own) = self.running.get_mut(requester) {
            *own -= 1;
            if *own == 0 {
                self.running.remove(requester);
            }
        }
    }

    /// Appends a report to its requester's waiting reports; a requester without any is appended to the round-robin.
    /// `None` if the queue, or the requester's part of it, is full.
    pub(super) fn enqueue(&mut self, requester: &Requester, limits: &QueueLimits) -> Option<Enqueued<P>> {
        let own_max = limits.waiting_max.div_ceil(REQUESTER_DIVISOR);
        let index = self.waiting.iter().position(|(known, _)| known == requester);
        if self.waiting() >= limits.waiting_max || index.is_some_and(|at| self.waiting[at].1.len() >= own_max) {
            return None;
        }
        let (permit, receiver) = oneshot::channel();
        self.enqueued += 1;
        let waiting = Waiting { number: self.enqueued, permit };
        match index {
            Some(at) => self.waiting[at].1.push_back(waiting),
            None => self.waiting.push_back((requester.clone(), VecDeque::from([waiting]))),
        }
        Some((self.enqueued, receiver))
    }

    /// Removes and returns the next report that can run. Its requester moves to the end of the round-robin.
    pub(super) fn next_runnable(&mut self, limits: &QueueLimits) -> Option<(Requester, oneshot::Sender<P>)> {
        let at = self.waiting.iter().position(|(requester, _)| self.can_run(requester, limits))?;
        let (requester, mut own) = self.waiting.remove(at)?;
        let next = own.pop_front();
        if !own.is_empty() {
            self.waiting.push_back((requester.clone(), own));
        }
        next.map(|waiting| (requester, waiting.permit))
    }

    /// Removes a report that no longer waits.
    pub(super) fn leave(&mut self, requester: &Requester, number: u64) {
        if let Some((_, own)) = self.waiting.iter_mut().find(|(known, _)| known == requester) {
            own.retain(|waiting| waiting.number != number);
        }
        self.waiting.retain(|(_, own)| !own.is_empty());
    }

    /// Reports that are running, or waiting with a lower number.
    pub(super) fn ahead_of(&self, number: u64) -> usize {
        let waiting = self.waiting.iter().flat_map(|(_, own)| own);
        self.running() + waiting.filter(|waiting| waiting.number < number).count()
    }
}
