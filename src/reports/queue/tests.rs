use std::{collections::VecDeque, future::Future, pin::pin};

use futures_util::{FutureExt as _, poll};
use proptest::prelude::*;

use super::*;

fn queue(running_max: usize, waiting_max: usize) -> Queue {
    patient(running_max, waiting_max, Duration::from_mins(10))
}

fn patient(running_max: usize, waiting_max: usize, wait_max: Duration) -> Queue {
    Queue::new(Limits { running_max, waiting_max, wait_max }, ReportMetrics::default())
}

fn at_once(queue: &Queue, asker: &Asker) -> Option<Place> {
    queue.enter(asker).now_or_never().map(Result::unwrap)
}

async fn is_waiting(question: &mut (impl Future<Output = Result<Place, Busy>> + Unpin)) -> bool {
    poll!(question).is_pending()
}

#[tokio::test]
async fn one_asker_never_has_every_place_and_askers_take_turns() {
    let (queue, one, other): (_, Asker, Asker) = (queue(2, 40), "one".into(), "other".into());
    let first = at_once(&queue, &one).unwrap();
    let (mut second, mut third) = (pin!(queue.enter(&one)), pin!(queue.enter(&one)));
    assert!(is_waiting(&mut second).await && is_waiting(&mut third).await, "one place is left to others");
    let foreign = at_once(&queue, &other).expect("another asker's question runs at once");
    let mut fourth = pin!(queue.enter(&other));
    assert!(is_waiting(&mut fourth).await);
    assert!(foreign.had_company() && first.had_company());

    drop(first);
    let second = second.now_or_never().expect("the next of the same asker").unwrap();
    assert!(is_waiting(&mut third).await && is_waiting(&mut fourth).await);
    drop(foreign);
    let fourth = fourth.now_or_never().expect("each asker's own place").unwrap();
    drop((second, fourth));
    let third = third.now_or_never().expect("nobody else is left").unwrap();
    assert_eq!(queue.0.metrics.running.get(), 1);
    drop(third);
    assert_eq!((queue.0.metrics.running.get(), queue.0.metrics.waiting.get()), (0, 0));
    assert!(!at_once(&queue, &one).unwrap().had_company());
}

#[tokio::test]
async fn a_full_queue_refuses_at_once() {
    let (queue, one): (_, Asker) = (queue(1, 4), "one".into());
    let runs = at_once(&queue, &one).unwrap();
    let mut waits = Box::pin(queue.enter(&one));
    assert!(is_waiting(&mut waits).await);
    let busy = queue.enter(&one).now_or_never().expect("an asker has a quarter of the queue").unwrap_err();
    assert_eq!(busy.ahead, 2);
    assert_eq!(busy.to_string(), "busy: 2 questions are ahead of this one; ask again in 2 s");
    let names: Vec<Asker> = ["a", "b", "c"].map(Asker::from).into();
    let mut others: Vec<_> = names.iter().map(|name| Box::pin(queue.enter(name))).collect();
    for other in &mut others {
        assert!(is_waiting(other).await);
    }
    let late: Asker = "late".into();
    assert_eq!(queue.enter(&late).now_or_never().expect("four wait already").unwrap_err().ahead, 5);
    drop(others.pop());
    let mut late = Box::pin(queue.enter(&late));
    assert!(is_waiting(&mut late).await, "who gave up makes room");
    assert_eq!(queue.0.metrics.refused("queue_full"), 2);
    drop((runs, others, waits));
    assert!(late.now_or_never().is_some_and(|place| place.is_ok()));
    assert_eq!((queue.0.metrics.running.get(), queue.0.metrics.waiting.get()), (0, 0));
}

#[tokio::test]
async fn a_long_wait_ends() {
    let (queue, one): (_, Asker) = (patient(1, 4, Duration::from_millis(20)), "one".into());
    let runs = at_once(&queue, &one).unwrap();
    let busy = queue.enter(&one).await.unwrap_err();
    assert_eq!((busy.ahead, queue.0.metrics.refused("waited_too_long")), (1, 1));
    drop(runs);
    assert!(at_once(&queue, &one).is_some());
    assert_eq!(queue.0.metrics.waiting.get(), 0);
}

#[tokio::test]
async fn a_place_that_came_too_late_goes_to_the_next() {
    let (queue, one, other): (_, Asker, Asker) = (queue(1, 40), "one".into(), "other".into());
    let runs = at_once(&queue, &one).unwrap();
    let (mut gone, mut next) = (Box::pin(queue.enter(&one)), pin!(queue.enter(&other)));
    assert!(is_waiting(&mut gone).await && is_waiting(&mut next).await);
    // The place is given while its asker hangs up.
    drop(runs);
    drop(gone);
    assert!(next.now_or_never().is_some_and(|place| place.is_ok()));
}

proptest! {
    /// Whatever askers do, no limit is passed, nobody waits while there is a place, and nothing is lost.
    #[test]
    fn places_are_never_lost(moves in prop::collection::vec((0_u8..4, 0_usize..4), 1..200), running_max in 1_usize..5) {
        // Waits have timers.
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let _entered = runtime.enter();
        let names: Vec<Asker> = ["a", "b", "c", "d"].map(Asker::from).into();
        let queue = queue(running_max, 8);
        let (mut running, mut waiting) = (Vec::<Place>::new(), VecDeque::new());
        for (what, which) in moves {
            match what {
                0 | 1 => {
                    let mut question = Box::pin(queue.enter(&names[which]));
                    match question.as_mut().now_or_never() {
                        Some(Ok(place)) => running.push(place),
                        Some(Err(busy)) => prop_assert!(busy.ahead > 0),
                        None => waiting.push_back((which, question)),
                    }
                }
                2 if which < running.len() => drop(running.swap_remove(which)),
                3 if which < waiting.len() => drop(waiting.remove(which)),
                _ => {}
            }
            let mut still = VecDeque::new();
            for (asker, mut question) in waiting.drain(..) {
                match question.as_mut().now_or_never() {
                    Some(place) => running.push(place.unwrap()),
                    None => still.push_back((asker, question)),
                }
            }
            waiting = still;
            let of = |name: &Asker| running.iter().filter(|place| place.asker == *name).count();
            let own_max = running_max.saturating_sub(1).max(1);
            prop_assert!(running.len() <= running_max && names.iter().all(|name| of(name) <= own_max));
            prop_assert!(running.len() == running_max || waiting.iter().all(|(which, _)| of(&names[*which]) == own_max));
            prop_assert_eq!(queue.0.metrics.running.get(), i64::try_from(running.len()).unwrap());
            prop_assert_eq!(queue.0.metrics.waiting.get(), i64::try_from(waiting.len()).unwrap());
        }
    }
}
