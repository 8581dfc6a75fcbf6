//! The large part of the learned data, which is rebuilt from time to time.

use super::{
    decay::Decay,
    popularity::PopularityTable,
    postings::Postings,
    rules::{Rules, WeightedVisit},
    sessions::Sessions,
    settings::Settings,
    two_hop::TwoHop,
};

#[derive(Debug)]
pub(super) struct Base {
    pub(super) sessions: Sessions,
    pub(super) postings: Postings,
    pub(super) rules: Rules,
    pub(super) two_hop: TwoHop,
    pub(super) popularity: PopularityTable,
    pub(super) rule_decay: Decay,
    pub(super) slow_decay: Decay,
    pub(super) quick_decay: Decay,
}

impl Base {
    pub(super) fn new(sessions: Sessions, settings: &Settings) -> Self {
        let rule_decay = Decay::new(settings.rule_half_life_s);
        let slow_decay = Decay::new(settings.popularity_half_life_s);
        let quick_decay = Decay::new(settings.trend_half_life_s);
        let postings = Postings::new(&sessions);
        let rules = Rules::new(&sessions, &postings, &rule_decay);
        let two_hop = TwoHop::new(&rules, sessions.catalogue());
        let popularity = PopularityTable::new(&sessions, &slow_decay, &quick_decay);
        Self { sessions, postings, rules, two_hop, popularity, rule_decay, slow_decay, quick_decay }
    }

    pub(super) fn weighted_visit(&self, visit: u32, now: u32) -> WeightedVisit<'_> {
        let weight = self.rule_decay.factor(now.saturating_sub(self.sessions.ended(visit)));
        WeightedVisit { visit, visitor: self.sessions.visitor(visit), items: self.sessions.items(visit), weight }
    }
}
