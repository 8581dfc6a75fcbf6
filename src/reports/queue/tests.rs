use std::{collections::VecDeque, future::Future, pin::pin};

use futures_util::{FutureExt as _, poll};
use proptest::prelude::*;

use super::*;

fn queue(running_max: usize, waiting_max: usize) -> Queue {
    queue_with_wait(running_max, waiting_max, Duration::from_mins(10))
}

fn queue_with_wait(running_max: usize, waiting_max: usize, wait_max: Duration) -> Queue {
    Queue::new(QueueLimits { running_max, waiting_max, wait_max }, ReportMetrics::default())
}

fn try_acquire(queue: &Queue, requester: &Requester) -> Option<Permit> {
    queue.acquire(requester).now_or_never().map(Result::unwrap)
}

async fn is_waiting(request: &mut (impl Future<Output = Result<Permit, Busy>> + Unpin)) -> bool {
    poll!(request).is_pending()
}

#[tokio::test]
async fn one_requester_never_has_every_permit_and_requesters_take_turns() {
    let (queue, one, other): (_, Requester, Requester) = (queue(2, 40), "one".into(), "other".into());
    let first = try_acquire(&queue, &one).unwrap();
    let (mut second, mut third) = (pin!(queue.acquire(&one)), pin!(queue.acquire(&one)));
    assert!(is_waiting(&mut second).await && is_waiting(&mut third).await, "one permit is left to others");
    let foreign = try_acquire(&queue, &other).expect("another requester's report runs at once");
    let mut fourth = pin!(queue.acquire(&other));
    assert!(is_waiting(&mut fourth).await);
    assert!(foreign.had_concurrency() && first.had_concurrency());

    drop(first);
    let second = second.now_or_never().expect("the next of the same requester").unwrap();
    assert!(is_waiting(&mut third).await && is_waiting(&mut fourth).await);
    drop(foreign);
    let fourth = fourth.now_or_never().expect("each requester has its own permit").unwrap();
    drop((second, fourth));
    let third = third.now_or_never().expect("no one else is waiting").unwrap();
    assert_eq!(queue.0.metrics.running.get(), 1);
    drop(third);
    assert_eq!((queue.0.metrics.running.get(), queue.0.metrics.waiting.get()), (0, 0));
    assert!(!try_acquire(&queue, &one).unwrap().had_concurrency());
}

#[tokio::test]
async fn a_full_queue_rejects_at_once() {
    let (queue, one): (_, Requester) = (queue(1, 4), "one".into());
    let runs = try_acquire(&queue, &one).unwrap();
    let mut waits = Box::pin(queue.acquire(&one));
    assert!(is_waiting(&mut waits).await);
    let busy = queue.acquire(&one).now_or_never().expect("a requester has a quarter of the queue").unwrap_err();
    assert_eq!(busy.ahead, 2);
    assert_eq!(busy.to_string(), "busy: 2 reports are ahead of this one; try again in 2 s");
    let names: Vec<Requester> = ["a", "b", "c"].map(Requester::from).into();
    let mut others: Vec<_> = names.iter().map(|name| Box::pin(queue.acquire(name))).collect();
    for other in &mut others {
        assert!(is_waiting(other).await);
    }
    let late: Requester = "late".into();
    assert_eq!(queue.acquire(&late).now_or_never().expect("four wait already").unwrap_err().ahead, 5);
    drop(others.pop());
    let mut late = Box::pin(queue.acquire(&late));
    assert!(is_waiting(&mut late).await, "a cancelled wait frees its slot");
    assert_eq!(queue.0.metrics.refused("queue_full"), 2);
    drop((runs, others, waits));
    assert!(late.now_or_never().is_some_and(|permit| permit.is_ok()));
    assert_eq!((queue.0.metrics.running.get(), queue.0.metrics.waiting.get()), (0, 0));
}

#[tokio::test]
async fn a_long_wait_ends() {
    let (queue, one): (_, Requester) = (queue_with_wait(1, 4, Duration::from_millis(20)), "one".into());
    let runs = try_acquire(&queue, &one).unwrap();
    let busy = queue.acquire(&one).await.unwrap_err();
    assert_eq!((busy.ahead, queue.0.metrics.refused("waited_too_long")), (1, 1));
    drop(runs);
    assert!(try_acquire(&queue, &one).is_some());
    assert_eq!(queue.0.metrics.waiting.get(), 0);
}

#[tokio::test]
async fn a_permit_for_a_cancelled_wait_goes_to_the_next() {
    let (queue, one, other): (_, Requester, Requester) = (queue(1, 40), "one".into(), "other".into());
    let runs = try_acquire(&queue, &one).unwrap();
    let (mut gone, mut next) = (Box::pin(queue.acquire(&one)), pin!(queue.acquire(&other)));
    assert!(is_waiting(&mut gone).await && is_waiting(&mut next).await);
    // The permit is granted while its requester disconnects.
    drop(runs);
    drop(gone);
    assert!(next.now_or_never().is_some_and(|permit| permit.is_ok()));
}

proptest! {
    /// Whatever requesters do, no limit is exceeded, none waits while a permit is free, and no permit is lost.
    #[test]
    fn permits_are_never_lost(actions in prop::collection::vec((0_u8..4, 0_usize..4), 1..200), running_max in 1_usize..5) {
        // Waits have timers.
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let _entered = runtime.enter();
        let names: Vec<Requester> = ["a", "b", "c", "d"].map(Requester::from).into();
        let queue = queue(running_max, 8);
        let (mut running, mut waiting) = (Vec::<Permit>::new(), VecDeque::new());
        for (action, which) in actions {
            match action {
                0 | 1 => {
                    let mut request = Box::pin(queue.acquire(&names[which]));
                    match request.as_mut().now_or_never() {
                        Some(Ok(permit)) => running.push(permit),
                        Some(Err(busy)) => prop_assert!(busy.ahead > 0),
                        None => waiting.push_back((which, request)),
                    }
                }
                2 if which < running.len() => drop(running.swap_remove(which)),
                3 if which < waiting.len() => drop(waiting.remove(which)),
                _ => {}
            }
            let mut still = VecDeque::new();
            for (requester, mut request) in waiting.drain(..) {
                match request.as_mut().now_or_never() {
                    Some(permit) => running.push(permit.unwrap()),
                    None => still.push_back((requester, request)),
                }
            }
            waiting = still;
            let running_of = |name: &Requester| running.iter().filter(|permit| permit.requester == *name).count();
            let own_max = running_max.saturating_sub(1).max(1);
            prop_assert!(running.len() <= running_max && names.iter().all(|name| running_of(name) <= own_max));
            prop_assert!(running.len() == running_max || waiting.iter().all(|(which, _)| running_of(&names[*which]) == own_max));
            prop_assert_eq!(queue.0.metrics.running.get(), i64::try_from(running.len()).unwrap());
            prop_assert_eq!(queue.0.metrics.waiting.get(), i64::try_from(waiting.len()).unwrap());
        }
    }
}
