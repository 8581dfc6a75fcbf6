//! The `satisfaction` report: surveys, complaints, feedback, and what contacts cost.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Calendar, Interval, Moment, ReportFilter};

/// Request of the `satisfaction` report.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SatisfactionQuestion {
    /// Start of the period, inclusive.
    pub from: Moment,
    /// End of the period, exclusive.
    pub to: Moment,
    /// IANA time zone; absent: the site's.
    #[serde(default)]
    pub timezone: Option<String>,
    /// Step width of the series.
    #[serde(default)]
    pub interval: Interval,
    /// Calendar of the series' weeks and months.
    #[serde(default)]
    pub calendar: Calendar,
    /// Maximum number of comments, 1 to 1,000; absent: 50.
    #[serde(default)]
    pub limit: Option<u32>,
    /// What is kept of the events, at most 20 filters that must all hold.
    #[serde(default)]
    pub filters: Vec<ReportFilter>,
}

/// Response of the `satisfaction` report.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Satisfaction {
    /// Answers to "how likely are you to recommend us", 0 to 10.
    pub nps: NetPromoterScore,
    /// Answers to "how satisfied are you".
    pub csat: CustomerSatisfaction,
    /// Complaints.
    pub complaints: u64,
    /// Feedback that is no survey.
    pub feedback: u64,
    /// Answers of surveys of other kinds.
    pub other_answers: u64,
    /// NPS and CSAT answers without a score, or with one that is not on the scale; they are not counted above.
    pub unreadable: u64,
    /// Whether there are more answers than are read; the latest are.
    pub is_cut: bool,
    /// The same by contact channel, most answers first; the empty channel is that of events that state none.
    pub channels: Vec<ChannelSatisfaction>,
    /// One point per step.
    pub series: Vec<SatisfactionPoint>,
    /// The latest comments, newest first.
    pub comments: Vec<Comment>,
    /// Contacts by channel, and what they cost.
    pub contacts: Vec<ContactCost>,
    /// The site's currency.
    pub currency: String,
}

/// Net promoter score.
#[derive(Debug, Clone, Default, PartialEq, Serialize, ToSchema)]
pub struct NetPromoterScore {
    /// Answers.
    pub answers: u64,
    /// 9 or 10.
    pub promoters: u64,
    /// 7 or 8.
    pub passives: u64,
    /// 0 to 6.
    pub detractors: u64,
    /// Promoters minus detractors in percent of the answers, -100 to 100; null without answers.
    pub score: Option<f64>,
    /// 95% interval of the score; null without answers.
    pub interval: Option<[f64; 2]>,
}

/// Customer satisfaction.
#[derive(Debug, Clone, Default, PartialEq, Serialize, ToSchema)]
pub struct CustomerSatisfaction {
    /// Answers.
    pub answers: u64,
    /// Those of at least four fifths of the scale: 4 or 5 of 5.
    pub satisfied: u64,
    /// `satisfied` of `answers`, 0 to 1; null without answers.
    pub share: Option<f64>,
    /// 95% interval of the share; null without answers.
    pub interval: Option<[f64; 2]>,
}

/// Satisfaction over one channel.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct ChannelSatisfaction {
    /// `web`, `app`, `email`, `sms`, `push`, `call_centre`, `shop`; empty if none was stated.
    pub channel: String,
    /// Net promoter score.
    pub nps: NetPromoterScore,
    /// Customer satisfaction.
    pub csat: CustomerSatisfaction,
    /// Complaints.
    pub complaints: u64,
    /// Feedback.
    pub feedback: u64,
}

/// Satisfaction in one step.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct SatisfactionPoint {
    /// Start of the step.
    pub at: Moment,
    /// NPS answers.
    pub nps_answers: u64,
    /// Net promoter score, -100 to 100; null without answers.
    pub nps_score: Option<f64>,
    /// CSAT answers.
    pub csat_answers: u64,
    /// Share of the satisfied, 0 to 1; null without answers.
    pub csat_share: Option<f64>,
    /// Complaints.
    pub complaints: u64,
    /// Feedback.
    pub feedback: u64,
}

/// What an event of this report is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum FeedbackKind {
    /// An answer on the NPS scale.
    Nps,
    /// An answer on a scale of satisfaction.
    Csat,
    /// An answer of another survey.
    Survey,
    /// A complaint.
    Complaint,
    /// Feedback.
    Feedback,
}

/// One comment.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Comment {
    /// Time of the event.
    pub at: Moment,
    /// Visitor id that stands for the person; null if anonymous.
    pub visitor: Option<String>,
    /// What it is.
    pub kind: FeedbackKind,
    /// Name of the survey; empty if none.
    pub survey: String,
    /// The score, if there is a readable one.
    pub score: Option<f64>,
    /// The highest score of its scale.
    pub scale: Option<f64>,
    /// Contact channel; empty if none was stated.
    pub channel: String,
    /// The comment; empty for accounts whose view is masked.
    pub comment: String,
}

/// Contacts over one channel, and what they cost.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ContactCost {
    /// `web`, `app`, `email`, `sms`, `push`, `call_centre` or `shop`.
    pub channel: String,
    /// Events with this channel that are no orders or refunds.
    pub contacts: u64,
    /// People who were contacted.
    pub people: u64,
    /// Orders placed over this channel, or without a channel of their own within 30 days of a contact, the last contact
    /// before the order being over this channel.
    pub conversions: u64,
    /// Contacts times the site's `contact_costs_minor` of this channel; null if the site has not entered it.
    pub cost_minor: Option<i64>,
    /// Cost of one conversion; null without a cost or a conversion.
    pub cost_per_conversion_minor: Option<i64>,
}
