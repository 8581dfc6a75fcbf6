//! Counts of answers, and their estimates. No I/O.

use std::collections::HashMap;

use ahash::RandomState;

use super::answers::Answer;
use crate::{
    estimate::{Interval, Moments},
    wire::reports::{CustomerSatisfaction, FeedbackKind, NetPromoterScore},
};

/// The interval of a net promoter score has three answers added, a quarter of them promoters and a quarter detractors
/// (adjusted Wald; Rocks 2016, "Interval estimation for the Net Promoter Score").
const ADDED_ANSWERS: [(f64, f64); 3] = [(0.75, 0.75), (1.5, 0.0), (0.75, -0.75)];

/// Answers and their sum by person: one person's answers are not independent.
type ByPerson = HashMap<u128, (f64, f64), RandomState>;

/// Counts of answers.
#[derive(Debug, Default)]
pub struct Tally {
    promoters: u64,
    passives: u64,
    detractors: u64,
    promotions: ByPerson,
    satisfied: u64,
    csat_answers: u64,
    satisfactions: ByPerson,
    /// Complaints.
    pub complaints: u64,
    /// Feedback.
    pub feedback: u64,
    /// Answers of other surveys.
    pub other_answers: u64,
    /// Answers without a readable score.
    pub unreadable: u64,
}

impl Tally {
    /// Counts an answer of a person.
    pub fn add(&mut self, person: u128, answer: &Answer) {
        match answer.kind {
            FeedbackKind::Complaint => self.complaints += 1,
            FeedbackKind::Feedback => self.feedback += 1,
            FeedbackKind::Survey => self.other_answers += 1,
            FeedbackKind::Nps | FeedbackKind::Csat if answer.score.is_none() => self.unreadable += 1,
            FeedbackKind::Nps => {
                let promotion = answer.promotion();
                let count = match promotion {
                    1.0 => &mut self.promoters,
                    -1.0 => &mut self.detractors,
                    _ => &mut self.passives,
                };
                *count += 1;
                add(&mut self.promotions, person, promotion);
            }
            FeedbackKind::Csat => {
                let satisfied = answer.is_satisfied();
                self.csat_answers += 1;
                self.satisfied += u64::from(satisfied);
                add(&mut self.satisfactions, person, f64::from(u8::from(satisfied)));
            }
        }
    }

    /// All answers, readable or not.
    #[must_use]
    pub fn size(&self) -> u64 {
        let readable = self.promoters + self.passives + self.detractors + self.csat_answers;
        readable + self.complaints + self.feedback + self.other_answers + self.unreadable
    }

    /// The net promoter score.
    #[must_use]
    pub fn nps(&self) -> NetPromoterScore {
        let answers = self.promoters + self.passives + self.detractors;
        let value = (answers > 0).then(|| (self.promoters as f64 - self.detractors as f64) / answers as f64);
        let mut adjusted = moments(&self.promotions);
        for (n, sum) in ADDED_ANSWERS {
            adjusted.add(n, sum);
        }
        let interval = value.zip(adjusted.ratio()).map(|(value, Interval { low, high, .. })| {
            [low.min(value).max(-1.0) * 100.0, high.max(value).min(1.0) * 100.0]
        });
        NetPromoterScore {
            answers,
            promoters: self.promoters,
            passives: self.passives,
            detractors: self.detractors,
            score: value.map(|value| value * 100.0),
            interval,
        }
    }

    /// The share of the satisfied, with a Wilson interval over people.
    #[must_use]
    pub fn csat(&self) -> CustomerSatisfaction {
        let share = moments(&self.satisfactions).share();
        CustomerSatisfaction {
            answers: self.csat_answers,
            satisfied: self.satisfied,
            share: share.map(|share| share.value),
            interval: share.map(|share| [share.low, share.high]),
        }
    }
}

fn add(people: &mut ByPerson, person: u128, outcome: f64) {
    let entry = people.entry(person).or_default();
    entry.0 += 1.0;
    entry.1 += outcome;
}

/// In a fixed order, so that equal answers give equal bits.
fn moments(people: &ByPerson) -> Moments {
    let mut clusters: Vec<(f64, f64)> = people.values().copied().collect();
    clusters.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
    let mut moments = Moments::default();
    for (n, sum) in clusters {
        moments.add(n, sum);
    }
    moments
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn tally(name: &str, scores: &[u8]) -> Tally {
        let mut tally = Tally::default();
        for (person, score) in (1..).zip(scores) {
            let properties = json!({ "score": score });
            tally.add(person, &Answer::read(name, properties.as_object().unwrap()).unwrap());
        }
        tally
    }

    #[test]
    fn a_net_promoter_score_is_promoters_minus_detractors() {
        let nps = tally("nps answered", &[10, 10, 9, 9, 8, 7, 7, 6, 3, 0]).nps();
        assert_eq!((nps.answers, nps.promoters, nps.passives, nps.detractors), (10, 4, 3, 3));
        assert!((nps.score.unwrap() - 10.0).abs() < 1e-9);
        let [low, high] = nps.interval.unwrap();
        assert!(-60.0 < low && low < 10.0 && 10.0 < high && high < 75.0, "{low} {high}");
        let many: Vec<u8> = [10, 10, 9, 9, 8, 7, 7, 6, 3, 0].repeat(100);
        let [closer, _] = tally("nps answered", &many).nps().interval.unwrap();
        // By the normal approximation: 10 - 1.96 × 100 × √((0.4 + 0.3 - 0.01) / 1000) = 4.85.
        assert!((closer - 4.85).abs() < 0.2, "{closer}");
        assert_eq!(Tally::default().nps(), NetPromoterScore::default());
    }

    #[test]
    fn few_equal_answers_are_no_certainty() {
        let nps = tally("nps answered", &[10, 10, 10]).nps();
        assert_eq!(nps.score, Some(100.0));
        assert!(nps.interval.unwrap()[0] < 90.0 && (nps.interval.unwrap()[1] - 100.0).abs() < 1e-9);
        let csat = tally("csat answered", &[5, 4, 4]).csat();
        assert_eq!((csat.answers, csat.satisfied, csat.share), (3, 3, Some(1.0)));
        assert!(csat.interval.unwrap()[0] < 0.9);
    }

    #[test]
    fn what_cannot_be_read_is_counted_apart() {
        let tally = tally("nps answered", &[10, 11, 200]);
        assert_eq!((tally.nps().answers, tally.unreadable, tally.size()), (1, 2, 3));
        assert_eq!(tally.csat(), CustomerSatisfaction::default());
    }
}
