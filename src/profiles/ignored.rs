//! Items shown to a visitor and not viewed.
//!
//! No I/O. An item that was viewed after its impression is not ignored; late and out-of-order events give the same
//! result. Example: a slot shows `a` and `b` three times and `b` is viewed: `a` was ignored three times.

use crate::model::{ItemId, Profile, Timestamp, profile::Ignored};

/// Records an impression of a slot's items.
pub(super) fn shown<'a>(profile: &mut Profile, items: impl Iterator<Item = &'a ItemId>, at: Timestamp) {
    for item in items {
        let viewed = profile.recent_items.iter().any(|(known, then)| known == item && *then >= at);
        if !viewed {
            add(profile, &Ignored { item: item.clone(), impressions: 1, last: at });
        }
    }
}

/// Records that the visitor viewed an item.
pub(super) fn viewed(profile: &mut Profile, item: &ItemId, at: Timestamp) {
    profile.ignored.retain(|known| known.item != *item || known.last > at);
}

/// Adds further impressions, of this browser or of another of the user's.
pub(super) fn add(profile: &mut Profile, more: &Ignored) {
    let mut sum = more.clone();
    if let Some(place) = profile.ignored.iter().position(|known| known.item == more.item)
        && let Some(known) = profile.ignored.remove(place)
    {
        sum.impressions = known.impressions.saturating_add(more.impressions);
        sum.last = known.last.max(more.last);
    }
    let place = profile.ignored.iter().position(|known| known.last <= sum.last).unwrap_or(profile.ignored.len());
    if place < Profile::RECENT_MAX {
        profile.ignored.insert(place, sum);
        profile.ignored.truncate(Profile::RECENT_MAX);
    }
}

/// Adds what another browser of the user ignored, unless this one has viewed it since.
pub(super) fn join(profile: &mut Profile, other: &Profile) {
    for ignored in &other.ignored {
        add(profile, ignored);
    }
    let Profile { ignored, recent_items, .. } = profile;
    ignored.retain(|known| !recent_items.iter().any(|(item, at)| *item == known.item && *at >= known.last));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{SiteId, VisitorId};

    fn ids(profile: &Profile) -> Vec<(&str, u32)> {
        profile.ignored.iter().map(|known| (&*known.item, known.impressions)).collect()
    }

    #[test]
    fn impressions_count_until_the_item_is_viewed() {
        let mut profile = Profile::empty(SiteId(1), VisitorId(1));
        let items: Vec<ItemId> = vec!["a".into(), "b".into()];
        for at in 1..=3 {
            shown(&mut profile, items.iter(), Timestamp(at));
        }
        assert_eq!(ids(&profile), [("b", 3), ("a", 3)]);
        profile.recent_items.push_front(("b".into(), Timestamp(5)));
        viewed(&mut profile, &items[1], Timestamp(5));
        assert_eq!(ids(&profile), [("a", 3)]);
        shown(&mut profile, items.iter(), Timestamp(4));
        assert_eq!(ids(&profile), [("a", 4)], "a late impression from before the view");
        shown(&mut profile, items.iter(), Timestamp(6));
        assert_eq!(ids(&profile), [("b", 1), ("a", 5)]);
        viewed(&mut profile, &items[0], Timestamp(2));
        assert_eq!(ids(&profile).len(), 2, "viewed before it was last shown");
    }

    #[test]
    fn the_list_is_bounded_and_joined() {
        let mut phone = Profile::empty(SiteId(1), VisitorId(1));
        let mut laptop = Profile::empty(SiteId(1), VisitorId(2));
        let many: Vec<ItemId> = (0..200).map(|n| format!("i-{n}").into()).collect();
        shown(&mut laptop, many.iter(), Timestamp(1));
        assert_eq!(laptop.ignored.len(), Profile::RECENT_MAX);
        let last = laptop.ignored[0].item.clone();
        shown(&mut phone, [&last].into_iter(), Timestamp(7));
        join(&mut phone, &laptop);
        assert_eq!(
            (&phone.ignored[0].item, phone.ignored[0].impressions, phone.ignored[0].last),
            (&last, 2, Timestamp(7))
        );
        phone.recent_items.push_front((last.clone(), Timestamp(9)));
        join(&mut phone, &laptop);
        assert!(phone.ignored.iter().all(|known| known.item != last));
    }
}
