//! All report requests and responses, for the OpenAPI description.

use serde::Serialize;
use utoipa::ToSchema;

use super::{
    Attribution, AttributionQuestion, Campaigns, CampaignsQuestion, DataQuality, DataQualityQuestion, Errors, Events,
    EventsQuestion, ExperimentQuestion, ExperimentReport, Funnel, FunnelQuestion, Goals, Links, Locations,
    LocationsQuestion, OfferResults, OffersQuestion, Overview, OverviewQuestion, Pages, PagesQuestion, Paths,
    PathsQuestion, Products, ProductsQuestion, Realtime, RealtimeQuestion, Recommendations, RecommendationsQuestion,
    Retention, RetentionQuestion, RfmQuestion, RfmReport, Satisfaction, SatisfactionQuestion, Searches, SegmentSizes,
    SegmentsQuestion, Sources, SourcesQuestion, TableQuestion, Visitors, VisitorsQuestion, Vitals, WhatIf,
    WhatIfQuestion,
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
    /// `retention`.
    Retention(RetentionQuestion),
    /// `paths`.
    Paths(PathsQuestion),
    /// `attribution`.
    Attribution(AttributionQuestion),
    /// `goals`, `searches`, `links`, `errors` and `vitals`.
    Table(TableQuestion),
    /// `products`.
    Products(ProductsQuestion),
    /// `locations`.
    Locations(LocationsQuestion),
    /// `events`.
    Events(EventsQuestion),
    /// `segments`.
    Segments(SegmentsQuestion),
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
    /// `retention`.
    Retention(Retention),
    /// `paths`.
    Paths(Paths),
    /// `attribution`.
    Attribution(Attribution),
    /// `goals`.
    Goals(Goals),
    /// `products`.
    Products(Products),
    /// `locations`.
    Locations(Locations),
    /// `searches`.
    Searches(Searches),
    /// `links`.
    Links(Links),
    /// `errors`.
    Errors(Errors),
    /// `vitals`.
    Vitals(Vitals),
    /// `events`.
    Events(Events),
    /// `segments`.
    Segments(SegmentSizes),
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
