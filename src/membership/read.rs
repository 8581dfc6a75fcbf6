//! What is known of the members of a segment: sizes by day, who entered and left, and overlap with other segments.

use std::collections::HashMap;

use super::{Membership, MembershipError, followed::FollowedSegment, person::decode};
use crate::{
    clock,
    control::{DayRow, FollowedRow},
    model::{Site, SiteId, Timestamp},
    wire::{
        reports::Moment,
        segments::{
            ChangeReason, SegmentChange, SegmentChangeKind, SegmentChanges, SegmentDay, SegmentFollowing,
            SegmentHistory, SegmentOverlap, SharedMembers,
        },
    },
};

const DAY_MS: i64 = 86_400_000;
/// Days of a history.
pub const DAYS_MAX: u32 = 730;
/// People read at a time.
const PEOPLE_MAX: u32 = 5000;

impl Membership {
    /// Sizes of a segment in the last days, oldest first.
    ///
    /// # Errors
    /// If there is no such segment, or the control database failed.
    pub async fn history(&self, site: SiteId, segment: &str, days: u32) -> Result<SegmentHistory, MembershipError> {
        let (row, timezone) = self.row(site, segment).await?;
        let now = clock::now();
        let since = day_of(now.plus(-i64::from(days.clamp(1, DAYS_MAX) - 1) * DAY_MS), &timezone);
        let today = day_of(now, &timezone);
        let stored = self.0.uses.control.segment_days(site, segment, &since).await?;
        let mut days = if row.is_some() { filled(&stored, &since, &today) } else { Vec::new() };
        let members = row.as_ref().filter(|row| row.counted).map(|row| row.members);
        // People who were erased did not leave.
        if let (Some(today), Some(members)) = (days.last_mut(), members) {
            today.members = members;
        }
        Ok(SegmentHistory { state: following(row.as_ref()), members, days })
    }

    /// Who entered and left, newest first; `before` is the `next` of the answer before.
    ///
    /// # Errors
    /// If there is no such segment, or the control database failed.
    pub async fn changes(
        &self,
        site: SiteId,
        segment: &str,
        (limit, before): (u32, Option<i64>),
    ) -> Result<SegmentChanges, MembershipError> {
        let (row, _) = self.row(site, segment).await?;
        let before = before.unwrap_or(i64::MAX);
        let mut rows = self.0.uses.control.segment_changes(site, segment, before, limit + 1).await?;
        let has_more = rows.len() > limit as usize;
        rows.truncate(limit as usize);
        let next = rows.last().filter(|_| has_more).map(|row| row.number);
        let changes = rows.into_iter().map(|row| SegmentChange {
            visitor: row.visitor.to_string(),
            user_id: Some(row.user_id).filter(|id| !id.is_empty()),
            change: if row.entered { SegmentChangeKind::Entered } else { SegmentChangeKind::Left },
            at: Moment(row.at),
            reason: ChangeReason::from_number(row.reason),
            event: Some(row.event).filter(|event| !event.is_empty()),
        });
        Ok(SegmentChanges { state: following(row.as_ref()), changes: changes.collect(), next })
    }

    /// How many members the other followed segments share with a segment, most first.
    ///
    /// # Errors
    /// If there is no such segment, or the control database failed.
    pub async fn overlap(&self, site: SiteId, segment: &str) -> Result<SegmentOverlap, MembershipError> {
        let (row, _) = self.row(site, segment).await?;
        let state = following(row.as_ref());
        let followed = self.0.followed.load().get(&site).cloned();
        let of = followed.as_ref().and_then(|followed| {
            followed.segments.iter().find(|known| known.row.segment == segment && known.row.counted)
        });
        let (Some(followed), Some(of)) = (&followed, of) else {
            return Ok(SegmentOverlap { state, members: None, segments: Vec::new() });
        };
        let shared = self.shared_members(site, of.number).await?;
        let members = shared.get(&of.number).copied().unwrap_or(0);
        let other = |other: &FollowedSegment| {
            let people = shared.get(&other.number).copied().unwrap_or(0);
            let (id, name) = (other.row.segment.clone(), other.name.clone());
            SharedMembers { id, name, people, share: (members > 0).then(|| people as f64 / members as f64) }
        };
        let others = followed.segments.iter().filter(|known| known.number != of.number && known.row.counted);
        let mut segments: Vec<SharedMembers> = others.map(other).collect();
        segments.sort_by(|a, b| b.people.cmp(&a.people).then_with(|| a.id.cmp(&b.id)));
        Ok(SegmentOverlap { state, members: Some(members), segments })
    }

    /// Members of a segment by the segments they are in too.
    async fn shared_members(&self, site: SiteId, of: u32) -> Result<HashMap<u32, u64>, MembershipError> {
        let _reading = self.0.reading.lock().await;
        let mut shared: HashMap<u32, u64> = HashMap::new();
        let mut after = None;
        loop {
            let rows = self.0.uses.control.segment_people_after(site, after, PEOPLE_MAX).await?;
            for row in rows.iter().filter(|row| decode(&row.segments).any(|(number, _)| number == of)) {
                for (number, _) in decode(&row.segments) {
                    *shared.entry(number).or_default() += 1;
                }
            }
            match rows.last() {
                Some(last) if rows.len() == PEOPLE_MAX as usize => after = Some(last.person),
                _ => return Ok(shared),
            }
        }
    }

    /// The row of a segment, if it is followed, and the site's time zone.
    async fn row(&self, id: SiteId, segment: &str) -> Result<(Option<FollowedRow>, String), MembershipError> {
        let sites = self.0.uses.sites.load_full();
        let site = sites.sites.get(&id).ok_or(MembershipError::Missing)?;
        site.segments.get(segment).ok_or(MembershipError::Missing)?;
        Ok((self.0.uses.control.followed_segment(id, segment).await?, site.site.timezone.clone()))
    }
}

const fn following(row: Option<&FollowedRow>) -> SegmentFollowing {
    match row {
        Some(FollowedRow { counted: true, .. }) => SegmentFollowing::Followed,
        Some(_) => SegmentFollowing::Counting,
        None => SegmentFollowing::NotFollowed,
    }
}

/// The date of a time in a time zone.
pub(super) fn day_of(at: Timestamp, timezone: &str) -> String {
    let at = jiff::Timestamp::from_millisecond(at.0).unwrap_or_default();
    at.to_zoned(Site::zone(timezone)).date().to_string()
}

/// Every day from `since` to `today`; days without a change have the size of the day before. Begins with the first known.
fn filled(rows: &[DayRow], since: &str, today: &str) -> Vec<SegmentDay> {
    let Some(first) = rows.first() else { return Vec::new() };
    let (Ok(mut date), Ok(last)) = (first.day.as_str().max(since).parse::<jiff::civil::Date>(), today.parse()) else {
        return Vec::new();
    };
    let mut days = Vec::new();
    let mut members = first.members;
    while date <= last && days.len() <= DAYS_MAX as usize {
        let text = date.to_string();
        let row = rows.iter().find(|row| row.day == text);
        members = row.map_or(members, |row| row.members);
        let (entered, left) = row.map_or((0, 0), |row| (row.entered, row.left));
        days.push(SegmentDay { date: text, members, entered, left });
        let Ok(next) = date.tomorrow() else { break };
        date = next;
    }
    days
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(day: &str, members: u64, entered: u64, left: u64) -> DayRow {
        DayRow { day: day.to_owned(), members, entered, left }
    }

    #[test]
    fn days_without_a_change_keep_the_size() {
        let rows = [row("2026-10-01", 5, 1, 0), row("2026-11-29", 7, 3, 1)];
        let days = filled(&rows, "2026-11-28", "2026-11-30");
        let seen: Vec<_> = days.iter().map(|day| (&*day.date, day.members, day.entered, day.left)).collect();
        assert_eq!(seen, [("2026-11-28", 5, 0, 0), ("2026-11-29", 7, 3, 1), ("2026-11-30", 7, 0, 0)]);
        assert!(filled(&[], "2026-11-28", "2026-11-30").is_empty());
        let young = filled(&rows[1..], "2026-01-01", "2026-11-30");
        assert_eq!(young.iter().map(|day| &*day.date).collect::<Vec<_>>(), ["2026-11-29", "2026-11-30"]);
    }

    #[test]
    fn a_day_is_that_of_the_site() {
        let late = Timestamp::parse_rfc3339("2026-11-30T21:00:00Z").unwrap();
        assert_eq!((&*day_of(late, "UTC"), &*day_of(late, "Asia/Tehran")), ("2026-11-30", "2026-12-01"));
    }
}
