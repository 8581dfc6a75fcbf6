//! Variants of experiments, from the profile that decisions use.

use super::{PROFILE_BUDGET, PersonalizationRequest, Personalizer};
use crate::{
    catalog::{
        SiteSnapshot,
        condition::{Condition, TextField},
    },
    clock,
    decide::{self, Context},
    experiments::{Assignment, CompiledExperiment, CompiledVariant, ExperimentSet, Outside, Person},
    model::{Profile, Timestamp, VisitorId},
    segments::Evaluator,
};

const DAY_MS: i64 = 86_400_000;

/// An experiment's result for a person.
#[derive(Debug, Clone, PartialEq)]
pub struct Evaluated<'a> {
    /// The experiment.
    pub experiment: &'a CompiledExperiment,
    /// The variant, or why there is none.
    pub variant: Result<&'a CompiledVariant, Outside>,
    /// The message id of the exposure, the same for a person, a variant and a day; `None` if the profile has it already.
    pub exposure: Option<String>,
}

/// Whose flags are asked for.
#[derive(Debug, Clone, Copy)]
pub enum FlagSubject<'a> {
    /// A visitor, and the user that the site verified; empty if it did not.
    Known(VisitorId, &'a str),
    /// A user id without proof: it is hashed, and nothing of the person is read.
    UserId(&'a str),
    /// Someone who did not consent: nothing is assigned.
    WithoutConsent,
}

impl Personalizer {
    /// The variants of the requested experiments that run; those the person does not take part in are left out.
    pub(super) fn variants<'a>(
        request: &PersonalizationRequest<'a>,
        profile: &Profile,
        context: &Context<'_>,
    ) -> Vec<Evaluated<'a>> {
        let Some(person) = Person::of(profile).filter(|_| request.visitor.is_identified()) else { return Vec::new() };
        let mut asked: Vec<&CompiledExperiment> = Vec::new();
        for experiment in request.experiments.iter().filter_map(|key| request.site.experiment(key)) {
            if !asked.iter().any(|known| known.key == experiment.key) {
                asked.push(experiment);
            }
        }
        let all = asked.into_iter().map(|experiment| evaluate(request.site, experiment, (&person, profile), context));
        all.filter(|evaluated| evaluated.variant.is_ok()).collect()
    }

    /// One experiment by its key, or all.
    pub async fn flags<'a>(
        &self,
        site: &'a SiteSnapshot,
        subject: FlagSubject<'_>,
        key: Option<&str>,
        url_path: &str,
    ) -> Vec<Evaluated<'a>> {
        let all = site.experiments.iter().flat_map(ExperimentSet::iter);
        let asked: Vec<_> = all.filter(|experiment| key.is_none_or(|key| *experiment.key == *key)).collect();
        let without = || {
            let out = |experiment: &&'a CompiledExperiment| {
                let why = if experiment.is_running() { Outside::NotTargeted } else { Outside::NotRunning };
                Evaluated { experiment, variant: Err(why), exposure: None }
            };
            asked.iter().map(out).collect()
        };
        let id = site.site.id;
        let (profile, user_id) = match subject {
            FlagSubject::Known(visitor, user) => {
                (self.profiles.known(id, visitor, user, self.budget.min(PROFILE_BUDGET)).await.0, None)
            }
            FlagSubject::UserId(user) => (Profile::empty(id, VisitorId::ANONYMOUS).into(), Some(user)),
            FlagSubject::WithoutConsent => return without(),
        };
        let person = match user_id {
            Some(user) => Person::by_user_id(user, &profile),
            None => match Person::of(&profile) {
                Some(person) => person,
                None => return without(),
            },
        };
        let value = if user_id.is_none() { (self.values)(id, &profile) } else { None };
        let context = Context { url_path, ..Context::without_page(clock::now(), value, self.settings) };
        let result = |experiment: &&'a CompiledExperiment| {
            if user_id.is_some() && reads_person(&experiment.condition) {
                let why = if experiment.is_running() { Outside::NotTargeted } else { Outside::NotRunning };
                return Evaluated { experiment, variant: Err(why), exposure: None };
            }
            evaluate(site, experiment, (&person, &profile), &context)
        };
        asked.iter().map(result).collect()
    }
}

fn evaluate<'a>(
    site: &'a SiteSnapshot,
    experiment: &'a CompiledExperiment,
    (person, profile): (&Person<'_>, &Profile),
    context: &Context<'_>,
) -> Evaluated<'a> {
    let is_targeted = || {
        experiment.condition == Condition::Everyone || {
            let facts = decide::facts(profile, site, context);
            Evaluator::new(&facts, &site.site, context.now).holds(&experiment.condition)
        }
    };
    let assignment = match &site.experiments {
        Some(all) => all.assign(experiment, person, is_targeted),
        None => Assignment::Out(Outside::NotRunning),
    };
    match assignment {
        Assignment::Out(why) => Evaluated { experiment, variant: Err(why), exposure: None },
        Assignment::In(variant) => {
            let exposure = exposure_id(experiment, &variant.key, person, context.now);
            Evaluated { experiment, variant: Ok(variant), exposure }
        }
    }
}

/// Whether a rule asks for more than the page.
fn reads_person(condition: &Condition) -> bool {
    let mut reads = false;
    condition.visit(&mut |part| {
        reads |= !matches!(
            part,
            Condition::Everyone
                | Condition::All(_)
                | Condition::Any(_)
                | Condition::Not(_)
                | Condition::Segment { .. }
                | Condition::Text { field: TextField::UrlPath | TextField::ContactChannel, .. }
        );
    });
    reads
}

/// The message id of an exposure: it counts once a day (UTC), which is how long message ids are kept.
fn exposure_id(experiment: &CompiledExperiment, variant: &str, person: &Person<'_>, now: Timestamp) -> Option<String> {
    let day = now.0.div_euclid(DAY_MS);
    if person.was_shown(experiment, variant, Timestamp(day * DAY_MS)) {
        return None;
    }
    let mut hasher = blake3::Hasher::new();
    for part in [&*experiment.salt, variant, person.unit(), &day.to_string()] {
        hasher.update(part.as_bytes()).update(&[0]);
    }
    Some(["experiment-", &hasher.finalize().to_hex()[..32]].concat())
}
