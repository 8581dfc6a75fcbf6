//! Who runs and who waits, without clocks and locks.

use std::{
    collections::{HashMap, VecDeque},
    time::Duration,
};

use tokio::sync::oneshot;

use super::{Asker, Limits};

/// Share of the waiting questions that one asker may have: one in so many.
const OF_ONE_ASKER: usize = 4;
/// Weight of the newest question in what is usual.
const NEWEST: f64 = 0.2;

/// A place is a `P`.
#[derive(Debug)]
pub(super) struct State<P> {
    running: HashMap<Asker, usize>,
    /// Those with questions that wait, in the order of their turns; each one's in the order they were asked in.
    waiting: VecDeque<(Asker, VecDeque<Waiting<P>>)>,
    asked: u64,
    given: u64,
    usual_seconds: f64,
}

#[derive(Debug)]
struct Waiting<P> {
    number: u64,
    place: oneshot::Sender<P>,
}

impl<P> Default for State<P> {
    fn default() -> Self {
        Self { running: HashMap::new(), waiting: VecDeque::new(), asked: 0, given: 0, usual_seconds: 1.0 }
    }
}

impl<P> State<P> {
    pub(super) fn running(&self) -> usize {
        self.running.values().sum()
    }

    fn waits(&self) -> usize {
        self.waiting.iter().map(|(_, own)| own.len()).sum()
    }

    /// Places ever given.
    pub(super) const fn given(&self) -> u64 {
        self.given
    }

    /// How long questions run, the newest counting most.
    pub(super) const fn usual_seconds(&self) -> f64 {
        self.usual_seconds
    }

    /// One place is left to others, where there is more than one.
    pub(super) fn has_place_for(&self, asker: &Asker, limits: &Limits) -> bool {
        let own = self.running.get(asker).copied().unwrap_or_default();
        self.running() < limits.running_max && own < limits.running_max.saturating_sub(1).max(1)
    }

    /// Takes a place; answers how many were given by now.
    pub(super) fn give(&mut self, asker: &Asker) -> u64 {
        *self.running.entry(asker.clone()).or_default() += 1;
        self.given += 1;
        self.given
    }

    pub(super) fn take_back(&mut self, asker: &Asker, ran: Duration) {
        self.usual_seconds += (ran.as_secs_f64() - self.usual_seconds) * NEWEST;
        if let Some(own) = self.running.get_mut(asker) {
            *own -= 1;
            if *own == 0 {
                self.running.remove(asker);
            }
        }
    }

    /// Puts a question at the end of its asker's, and an asker who had none at the end of all; its number, and
    /// where its place will come. `None` when the queue, or the asker's part of it, is full.
    pub(super) fn wait(&mut self, asker: &Asker, limits: &Limits) -> Option<(u64, oneshot::Receiver<P>)> {
        let own_max = limits.waiting_max.div_ceil(OF_ONE_ASKER);
        let own = self.waiting.iter().position(|(known, _)| known == asker);
        if self.waits() >= limits.waiting_max || own.is_some_and(|at| self.waiting[at].1.len() >= own_max) {
            return None;
        }
        let (place, comes) = oneshot::channel();
        self.asked += 1;
        let waiting = Waiting { number: self.asked, place };
        match own {
            Some(at) => self.waiting[at].1.push_back(waiting),
            None => self.waiting.push_back((asker.clone(), VecDeque::from([waiting]))),
        }
        Some((self.asked, comes))
    }

    /// The question whose turn it is, if there is a place for it. Its asker's next turn comes after all others'.
    pub(super) fn next(&mut self, limits: &Limits) -> Option<(Asker, oneshot::Sender<P>)> {
        let at = self.waiting.iter().position(|(asker, _)| self.has_place_for(asker, limits))?;
        let (asker, mut own) = self.waiting.remove(at)?;
        let next = own.pop_front();
        if !own.is_empty() {
            self.waiting.push_back((asker.clone(), own));
        }
        next.map(|waiting| (asker, waiting.place))
    }

    /// Takes out a question that is no longer waited for.
    pub(super) fn leave(&mut self, asker: &Asker, number: u64) {
        if let Some((_, own)) = self.waiting.iter_mut().find(|(known, _)| known == asker) {
            own.retain(|waiting| waiting.number != number);
        }
        self.waiting.retain(|(_, own)| !own.is_empty());
    }

    /// Questions that run, or wait and were asked before this one.
    pub(super) fn ahead_of(&self, number: u64) -> usize {
        let waiting = self.waiting.iter().flat_map(|(_, own)| own);
        self.running() + waiting.filter(|waiting| waiting.number < number).count()
    }
}
