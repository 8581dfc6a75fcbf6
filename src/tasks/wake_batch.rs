//! Waking many tasks of one thread at the price of one.
//!
//! A wake-up from another thread costs a lock and a system call. Sixty requests that wait for the same
//! fsync would pay that sixty times, and the thread that runs them would be interrupted as often. A
//! thread that serves connections therefore keeps one [`relay`] running: wakers registered on it are
//! handed over together, one wake-up for all, and the relay wakes them from inside their own thread,
//! where that is a push to a list.

use std::{
    cell::RefCell,
    future::poll_fn,
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Poll, Waker},
};

use futures_util::task::AtomicWaker;

thread_local! {
    static HERE: RefCell<Option<Arc<Relay>>> = const { RefCell::new(None) };
}

#[derive(Debug, Default)]
struct Relay {
    due: Mutex<Vec<Waker>>,
    own: AtomicWaker,
}

/// Tasks that wait for the same thing, sorted by the threads they run on.
#[derive(Debug, Default)]
pub struct WakerSet {
    /// Tasks of threads without a relay.
    alone: Vec<Waker>,
    relayed: Vec<(Arc<Relay>, Vec<Waker>)>,
}

impl WakerSet {
    /// Adds the task that is running on this thread.
    pub fn join(&mut self, waker: Waker) {
        HERE.with_borrow(|here| match here {
            None => self.alone.push(waker),
            Some(relay) => match self.relayed.iter_mut().find(|(known, _)| Arc::ptr_eq(known, relay)) {
                Some((_, wakers)) => wakers.push(waker),
                None => self.relayed.push((Arc::clone(relay), vec![waker])),
            },
        });
    }

    /// Wakes all of them.
    pub fn wake(self) {
        for (relay, mut wakers) in self.relayed {
            lock(&relay.due).append(&mut wakers);
            relay.own.wake();
        }
        self.alone.into_iter().for_each(Waker::wake);
    }
}

/// Passes wake-ups on to the tasks of this thread. Never ends; run it beside them, once a thread, on a
/// runtime of this thread alone.
pub async fn relay() {
    let relay = Arc::new(Relay::default());
    HERE.set(Some(Arc::clone(&relay)));
    let _leave = Leave;
    let mut awake = Vec::new();
    poll_fn(|context| {
        relay.own.register(context.waker());
        mem::swap(&mut *lock(&relay.due), &mut awake);
        awake.drain(..).for_each(Waker::wake);
        Poll::<()>::Pending
    })
    .await;
}

/// Without its relay a thread's tasks are woken one by one again.
struct Leave;

impl Drop for Leave {
    fn drop(&mut self) {
        // At a thread's end its own values may be gone already.
        let _ = HERE.try_with(|here| here.take().map(|relay| lock(&relay.due).drain(..).for_each(Waker::wake)));
    }
}

/// A list of wakers is whole between any two steps.
fn lock<T>(list: &Mutex<T>) -> MutexGuard<'_, T> {
    list.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::{sync::mpsc, thread};

    use tokio::{runtime, task::JoinSet};

    use super::*;

    /// Ready once the crowd it joined was woken.
    async fn waits(crowd: Arc<Mutex<Option<WakerSet>>>) {
        poll_fn(|context| match lock(&crowd).as_mut() {
            Some(open) => {
                open.join(context.waker().clone());
                Poll::Pending
            }
            None => Poll::Ready(()),
        })
        .await;
    }

    #[test]
    fn a_crowd_is_woken_with_a_relay_and_without() {
        for with_relay in [true, false] {
            let crowd = Arc::new(Mutex::new(Some(WakerSet::default())));
            let (waiting, all_wait) = mpsc::sync_channel(1);
            let of_thread = Arc::clone(&crowd);
            let thread = thread::spawn(move || {
                let runtime = runtime::Builder::new_current_thread().build().unwrap();
                runtime.block_on(async {
                    let mut tasks = JoinSet::new();
                    if with_relay {
                        tasks.spawn(relay());
                        tokio::task::yield_now().await;
                    }
                    let mut waiters = JoinSet::new();
                    (0..50).for_each(|_| drop(waiters.spawn(waits(Arc::clone(&of_thread)))));
                    tokio::task::yield_now().await;
                    waiting.send(()).unwrap();
                    waiters.join_all().await.len()
                })
            });
            all_wait.recv().unwrap();
            let woken = lock(&crowd).take().unwrap();
            assert_eq!(woken.relayed.len(), usize::from(with_relay));
            woken.wake();
            assert_eq!(thread.join().unwrap(), 50);
        }
    }
}
