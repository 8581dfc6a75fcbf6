//! Wakes many tasks of one thread at the cost of one.
//!
//! A wake-up from another thread costs a lock and a system call. Sixty requests that wait for the same
//! fsync would pay that sixty times, and the thread that runs them would be interrupted as often. Each
//! thread that serves connections therefore runs one [`run_wake_batcher`]: wakers registered on that thread are
//! passed to it together, with one wake-up for all, and it wakes them on their own thread,
//! where that is a push to a list.

use std::{
    cell::RefCell,
    future::poll_fn,
    mem,
    sync::Arc,
    task::{Poll, Waker},
};

use futures_util::task::AtomicWaker;
use parking_lot::Mutex;

thread_local! {
    static WAKE_QUEUE: RefCell<Option<Arc<WakeQueue>>> = const { RefCell::new(None) };
}

/// Wakers of one thread that are due.
#[derive(Debug, Default)]
struct WakeQueue {
    due: Mutex<Vec<Waker>>,
    /// Wakes the thread's [`run_wake_batcher`].
    batcher: AtomicWaker,
}

/// Tasks that wait for the same event, grouped by thread.
#[derive(Debug, Default)]
pub struct WakerSet {
    /// Tasks of threads without a wake queue.
    single: Vec<Waker>,
    queued: Vec<(Arc<WakeQueue>, Vec<Waker>)>,
}

impl WakerSet {
    /// Adds the waker of the current task, which must run on this thread.
    pub fn add(&mut self, waker: Waker) {
        WAKE_QUEUE.with_borrow(|queue| match queue {
            None => self.single.push(waker),
            Some(queue) => match self.queued.iter_mut().find(|(known, _)| Arc::ptr_eq(known, queue)) {
                Some((_, wakers)) => wakers.push(waker),
                None => self.queued.push((Arc::clone(queue), vec![waker])),
            },
        });
    }

    /// Wakes all tasks.
    pub fn wake_all(self) {
        for (queue, mut wakers) in self.queued {
            queue.due.lock().append(&mut wakers);
            queue.batcher.wake();
        }
        self.single.into_iter().for_each(Waker::wake);
    }
}

/// Wakes the tasks of this thread whose wakers are due. Never returns; spawn it once per thread, on a
/// single-threaded runtime.
pub async fn run_wake_batcher() {
    let queue = Arc::new(WakeQueue::default());
    WAKE_QUEUE.set(Some(Arc::clone(&queue)));
    let _remove = RemoveQueue;
    let mut due = Vec::new();
    poll_fn(|context| {
        queue.batcher.register(context.waker());
        mem::swap(&mut *queue.due.lock(), &mut due);
        due.drain(..).for_each(Waker::wake);
        Poll::<()>::Pending
    })
    .await;
}

/// Removes the thread's queue when its batcher is dropped: its tasks are then woken one by one.
struct RemoveQueue;

impl Drop for RemoveQueue {
    fn drop(&mut self) {
        // When the thread ends, its thread-local values may be gone already.
        let _ = WAKE_QUEUE.try_with(|queue| queue.take().map(|queue| queue.due.lock().drain(..).for_each(Waker::wake)));
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::mpsc, thread};

    use tokio::{runtime, task::JoinSet};

    use super::*;

    /// Ready after the set was taken and woken.
    async fn wait_in(wakers: Arc<Mutex<Option<WakerSet>>>) {
        poll_fn(|context| match wakers.lock().as_mut() {
            Some(wakers) => {
                wakers.add(context.waker().clone());
                Poll::Pending
            }
            None => Poll::Ready(()),
        })
        .await;
    }

    #[test]
    fn all_tasks_are_woken_with_and_without_a_batcher() {
        for with_batcher in [true, false] {
            let wakers = Arc::new(Mutex::new(Some(WakerSet::default())));
            let (waiting, all_wait) = mpsc::sync_channel(1);
            let shared = Arc::clone(&wakers);
            let thread = thread::spawn(move || {
                let runtime = runtime::Builder::new_current_thread().build().unwrap();
                runtime.block_on(async {
                    let mut tasks = JoinSet::new();
                    if with_batcher {
                        tasks.spawn(run_wake_batcher());
                        tokio::task::yield_now().await;
                    }
                    let mut waiters = JoinSet::new();
                    (0..50).for_each(|_| drop(waiters.spawn(wait_in(Arc::clone(&shared)))));
                    tokio::task::yield_now().await;
                    waiting.send(()).unwrap();
                    waiters.join_all().await.len()
                })
            });
            all_wait.recv().unwrap();
            let taken = wakers.lock().take().unwrap();
            assert_eq!(taken.queued.len(), usize::from(with_batcher));
            taken.wake_all();
            assert_eq!(thread.join().unwrap(), 50);
        }
    }
}
