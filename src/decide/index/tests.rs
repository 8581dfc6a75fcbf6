use super::*;
use crate::recommend::{Gathered, Sessions};

fn near(item: Number, score: f32, support: u32) -> Neighbour {
    Neighbour { item, score, support }
}

fn index() -> Index {
    Index::new(Parts {
        items: vec![("a".into(), "X".into(), 1.0), ("b".into(), "X".into(), 3.0), ("c".into(), "".into(), 2.0)],
        neighbours: vec![vec![near(1, 0.5, 9), near(7, 0.4, 2)], vec![], vec![near(0, 0.2, 3)]],
        events: 12,
    })
}

#[test]
fn an_index_returns_its_input() {
    let index = index();
    assert_eq!(index.trending(), [1, 2, 0]);
    assert_eq!(index.trending_in("X"), [1, 0]);
    assert_eq!(index.neighbours(0), [near(1, 0.5, 9)]);
    assert_eq!((index.neighbours(2).len(), index.neighbours(99).len()), (1, 0));
    assert_eq!((index.len(), index.events()), (3, 12));
    assert_eq!(index.number("c").and_then(|n| index.id(n)).map(|id| &**id), Some("c"));
}

#[test]
fn an_empty_index_is_empty() {
    let index = Index::default();
    assert!(index.is_empty() && index.trending().is_empty() && index.neighbours(0).is_empty());
    assert_eq!((index.number("a"), index.popularity(3)), (None, 0.0));
}

#[test]
fn new_items_get_the_next_numbers_and_changes_count_at_once() {
    let old = index();
    let mut new = old.clone();
    assert_eq!((new.number_or_new(&"b".into()), new.number_or_new(&"new".into())), ((1, false), (3, true)));
    let delta = |item, category: &str, popularity| Delta { item, category: category.into(), popularity };
    let learned = Learned::new(Sessions::empty(0), &Arc::default());
    let new = new.grown(&[delta(3, "X", 2.5), delta(0, "X", 1.0)], learned);
    assert_eq!(new.trending(), [1, 3, 0, 2]);
    assert_eq!((new.trending_in("X"), new.id(3).map(|id| &**id)), (&[1, 3, 0][..], Some("new")));
    assert_eq!((old.trending(), old.number("new"), old.len(), new.len()), (&[1, 2, 0][..], None, 3, 4));
    let again = new.clone().grown(&[delta(3, "X", 9.0)], new.learned().unwrap().clone());
    assert_eq!((again.trending(), again.popularity(0)), (&[3, 1, 2, 0][..], 1.0));
}

#[test]
fn a_pair_of_a_single_visitor_is_left_out() {
    let neighbours = |visitors: &[u32]| {
        let mut gathered = Gathered::default();
        for visitor in visitors {
            gathered.push(&[0, 1], 0, *visitor);
        }
        let parts =
            Parts { items: vec![("a".into(), "".into(), 1.0), ("b".into(), "".into(), 1.0)], ..Parts::default() };
        Index::new(parts).with(Learned::new(gathered.sessions(), &Arc::default())).neighbours(0)
    };
    assert!(neighbours(&[7, 7, 7]).is_empty());
    let pair = neighbours(&[7, 7, 9]);
    assert_eq!((pair.len(), pair[0].item, pair[0].support), (1, 1, 2));
    assert!((pair[0].score - 0.5).abs() < 1e-6, "cosine 1, damped by two visits");
}
