//! What is kept of a person: the segments they are in, and when an answer may change. No I/O.

use crate::{
    control::PersonRow,
    model::{Profile, SiteId, Timestamp, VisitorId},
};

/// Bytes of one segment in the stored list.
const ENTRY_BYTES: usize = 12;

/// A person: the visitors that a site has verified as one user, or one visitor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// The visitor, or a hash of the user id.
    pub key: u128,
    /// The visitor seen last.
    pub visitor: VisitorId,
    /// The verified user id; empty if there is none.
    pub user_id: String,
    /// When an answer may change without an event; may be earlier than necessary.
    pub wake_at: Option<Timestamp>,
    /// Numbers of the segments they are in, each with the time since when.
    pub segments: Vec<(u32, Timestamp)>,
}

/// The key of the person that a profile describes.
#[must_use]
pub fn key_of(profile: &Profile) -> u128 {
    if profile.user_verified && !profile.user_id.is_empty() { key_of_user(&profile.user_id) } else { profile.visitor.0 }
}

/// The key of a user.
#[must_use]
pub fn key_of_user(user_id: &str) -> u128 {
    let mut hasher = blake3::Hasher::new();
    hasher.update(b"ashna person\0");
    hasher.update(user_id.as_bytes());
    let mut bytes = [0; 16];
    hasher.finalize_xof().fill(&mut bytes);
    u128::from_be_bytes(bytes)
}

impl Person {
    /// The person that a profile describes, of whom nothing is kept yet.
    #[must_use]
    pub fn new(profile: &Profile) -> Self {
        let user_id = if profile.user_verified { profile.user_id.to_string() } else { String::new() };
        let (key, visitor) = (key_of(profile), profile.visitor);
        Self { key, visitor, user_id, wake_at: None, segments: Vec::new() }
    }

    /// Whether they are in a segment.
    #[must_use]
    pub fn is_in(&self, number: u32) -> bool {
        self.segments.iter().any(|(known, _)| *known == number)
    }

    /// Makes them a member since a time.
    pub fn enter(&mut self, number: u32, since: Timestamp) {
        if !self.is_in(number) {
            self.segments.push((number, since));
        }
    }

    /// They are no longer a member. Returns since when they were.
    pub fn leave(&mut self, number: u32) -> Option<Timestamp> {
        let place = self.segments.iter().position(|(known, _)| *known == number)?;
        Some(self.segments.swap_remove(place).1)
    }

    /// Asks for an evaluation at `at`, if none is asked for before.
    pub fn wake_by(&mut self, at: Option<Timestamp>) {
        self.wake_at = match (self.wake_at, at) {
            (Some(known), Some(at)) => Some(known.min(at)),
            (known, at) => known.or(at),
        };
    }

    /// Adds what was kept under another key, which is the same person. Returns the numbers that both had.
    pub fn absorb(&mut self, other: &Self) -> Vec<u32> {
        let mut both = Vec::new();
        for (number, since) in &other.segments {
            match self.segments.iter_mut().find(|(known, _)| known == number) {
                Some((_, known)) => {
                    *known = (*known).min(*since);
                    both.push(*number);
                }
                None => self.segments.push((*number, *since)),
            }
        }
        self.wake_by(other.wake_at);
        both
    }

    /// Whether nothing needs to be kept.
    #[must_use]
    pub const fn is_idle(&self) -> bool {
        self.segments.is_empty() && self.wake_at.is_none()
    }

    /// As it is stored.
    #[must_use]
    pub fn row(&self, site: SiteId) -> PersonRow {
        let mut segments = Vec::with_capacity(self.segments.len() * ENTRY_BYTES);
        for (number, since) in &self.segments {
            segments.extend_from_slice(&number.to_le_bytes());
            segments.extend_from_slice(&since.0.to_le_bytes());
        }
        let (person, visitor, user_id) = (self.key, self.visitor, self.user_id.clone());
        PersonRow { site, person, visitor, user_id, wake_at: self.wake_at, segments }
    }
}

impl From<&PersonRow> for Person {
    fn from(row: &PersonRow) -> Self {
        Self {
            key: row.person,
            visitor: row.visitor,
            user_id: row.user_id.clone(),
            wake_at: row.wake_at,
            segments: decode(&row.segments).collect(),
        }
    }
}

/// The stored list of segments.
pub fn decode(bytes: &[u8]) -> impl Iterator<Item = (u32, Timestamp)> + '_ {
    bytes.chunks_exact(ENTRY_BYTES).map(|entry| {
        let (number, since) = entry.split_at(4);
        let number = u32::from_le_bytes(number.try_into().unwrap_or_default());
        (number, Timestamp(i64::from_le_bytes(since.try_into().unwrap_or_default())))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_survives_storing() {
        let mut profile = Profile::empty(SiteId(1), VisitorId(7));
        let anonymous = Person::new(&profile);
        assert_eq!((anonymous.key, &*anonymous.user_id, anonymous.is_idle()), (7, "", true));
        profile.user_id = "ada".into();
        assert_eq!(key_of(&profile), 7, "anyone can claim a user id");
        profile.user_verified = true;
        let mut person = Person::new(&profile);
        assert_eq!(person.key, key_of_user("ada"));
        person.enter(3, Timestamp(30));
        person.enter(1, Timestamp(-10));
        person.enter(3, Timestamp(40));
        person.wake_by(Some(Timestamp(9)));
        person.wake_by(Some(Timestamp(10)));
        person.wake_by(None);
        let read = Person::from(&person.row(SiteId(1)));
        assert_eq!(read, person);
        assert_eq!(
            (read.wake_at, &*read.segments),
            (Some(Timestamp(9)), &[(3, Timestamp(30)), (1, Timestamp(-10))][..])
        );
        assert_eq!((person.leave(3), person.leave(3)), (Some(Timestamp(30)), None));
    }

    #[test]
    fn who_turns_out_to_be_the_same_person_is_a_member_once() {
        let mut user = Person::new(&Profile::empty(SiteId(1), VisitorId(1)));
        let mut browser = Person::new(&Profile::empty(SiteId(1), VisitorId(2)));
        user.enter(1, Timestamp(10));
        browser.enter(1, Timestamp(5));
        browser.enter(2, Timestamp(6));
        browser.wake_by(Some(Timestamp(99)));
        assert_eq!(user.absorb(&browser), [1]);
        assert_eq!(user.segments, [(1, Timestamp(5)), (2, Timestamp(6))]);
        assert_eq!(user.wake_at, Some(Timestamp(99)));
    }
}
