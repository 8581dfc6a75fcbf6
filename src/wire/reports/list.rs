//! All report requests and responses, for the OpenAPI description.

use serde::Serialize;
use utoipa::ToSchema;

use super::{
    Campaigns, CampaignsQuestion, DataQuality, DataQualityQuestion, ExperimentQuestion, ExperimentReport, Funnel,
    FunnelQuestion, OfferResults, OffersQuestion, Overview, OverviewQuestion, Pages, PagesQuestion, Realtime,
    RealtimeQuestion, Recommendations, RecommendationsQuestion, RfmQuestion, RfmReport, Satisfaction,
    SatisfactionQuestion, Sources, SourcesQuestion, Visitors, VisitorsQuestion, WhatIf, WhatIfQuestion,
};
use crate::wire::admin::Quality;

/// Request of the report named in the path; empty for `realtime` and `quality`.
#[derive(ToSchema)]
#[serde(untagged)]
pub enum ReportQuestion {
    /// `overview`.
    Overview(OverviewQuestion),
    /// `pages`.
    Pages(PagesQuestion),
    /// `sources`.
    Sources(SourcesQuestion),
    /// `campaigns`.
    Campaigns(CampaignsQuestion),
    /// `visitors`.
    Visitors(VisitorsQuestion),
    /// `funnel`.
    Funnel(FunnelQuestion),
    /// `recommendations`.
    Recommendations(RecommendationsQuestion),
    /// `what-if`.
    WhatIf(WhatIfQuestion),
    /// `data-quality`.
    DataQuality(DataQualityQuestion),
    /// `experiments`.
    Experiments(ExperimentQuestion),
    /// `rfm`.
    Rfm(RfmQuestion),
    /// `satisfaction`.
    Satisfaction(SatisfactionQuestion),
    /// `offers`.
    Offers(OffersQuestion),
    /// `realtime` and `quality`.
    Realtime(RealtimeQuestion),
}

/// Response of the report named in the path.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub enum ReportAnswer {
    /// `overview`.
    Overview(Overview),
    /// `pages`.
    Pages(Pages),
    /// `sources`.
    Sources(Sources),
    /// `campaigns`.
    Campaigns(Campaigns),
    /// `visitors`.
    Visitors(Visitors),
    /// `funnel`.
    Funnel(Funnel),
    /// `recommendations`.
    Recommendations(Recommendations),
    /// `what-if`.
    WhatIf(WhatIf),
    /// `data-quality`.
    DataQuality(DataQuality),
    /// `experiments`.
    Experiments(ExperimentReport),
    /// `rfm`.
    Rfm(RfmReport),
    /// `satisfaction`.
    Satisfaction(Satisfaction),
    /// `offers`.
    Offers(OfferResults),
    /// `realtime`.
    Realtime(Realtime),
    /// `quality`.
    Quality(Quality),
}
