//! Responses of `POST /v1/decide` and `GET /v1/recommend`.
//!
//! JSON is written field by field: the fields of an item are the same in every response until the item changes, so
//! they are serialized once, cached with the catalog item, and copied.

use std::borrow::Cow;

use serde::Serialize;
use serde_json::{Map, Result, Value, value::RawValue};
use utoipa::ToSchema;

use super::tracker::TrackerSettings;
use crate::model::{Currency, Evidence, Item};

/// Decisions for all requested slots.
#[derive(Debug, ToSchema)]
pub struct DecideAnswer<'a> {
    /// Visitor id to use from now on; absent without consent.
    pub visitor: Option<String>,
    /// Decisions by slot; unfilled slots are absent.
    #[schema(value_type = HashMap<String, DecisionBody>)]
    pub decisions: Vec<(&'a str, DecisionBody<'a>)>,
    /// Variants by experiment, if experiments were asked for; those the person does not take part in are absent.
    #[schema(value_type = Option<Object>)]
    pub experiments: Option<Vec<(&'a str, VariantBody<'a>)>>,
    /// True if the stored profile could not be read in time.
    pub degraded: bool,
    /// The site's tracker settings, if the tracker has an older version.
    pub settings: Option<TrackerSettings<'a>>,
}

impl DecideAnswer<'_> {
    /// Serializes the response.
    pub fn to_json(&self) -> Result<Vec<u8>> {
        let mut text = Vec::with_capacity(ANSWER_BYTES);
        let mut answer = Object::open(&mut text);
        answer.optional("visitor", self.visitor.as_ref())?;
        answer.raw("decisions", |text| write_decisions(text, &self.decisions))?;
        if let Some(experiments) = &self.experiments {
            answer.raw("experiments", |text| write_variants(text, experiments))?;
        }
        answer.field("degraded", &self.degraded)?.optional("settings", self.settings.as_ref())?;
        answer.close();
        Ok(text)
    }
}

/// Initial buffer size: fits a response with 21 items.
const ANSWER_BYTES: usize = 6 * 1024;

/// Serializes decisions by slot, to embed them in another response.
pub fn decisions_to_json(decisions: &[(&str, DecisionBody<'_>)]) -> Result<Box<RawValue>> {
    let mut text = Vec::new();
    write_decisions(&mut text, decisions)?;
    serde_json::from_slice(&text)
}

fn write_variants(text: &mut Vec<u8>, experiments: &[(&str, VariantBody<'_>)]) -> Result<()> {
    let by_key = Object::open(text);
    for (key, variant) in experiments {
        serde_json::to_writer(&mut *by_key.text, key)?;
        by_key.text.push(b':');
        serde_json::to_writer(&mut *by_key.text, variant)?;
        by_key.text.push(b',');
    }
    by_key.close();
    Ok(())
}

fn write_decisions(text: &mut Vec<u8>, decisions: &[(&str, DecisionBody<'_>)]) -> Result<()> {
    let by_slot = Object::open(text);
    for (slot, decision) in decisions {
        serde_json::to_writer(&mut *by_slot.text, slot)?;
        by_slot.text.push(b':');
        decision.write(by_slot.text)?;
        by_slot.text.push(b',');
    }
    by_slot.close();
    Ok(())
}

/// The variant of an experiment.
#[derive(Debug, Serialize, ToSchema)]
pub struct VariantBody<'a> {
    /// Its key.
    pub variant: &'a str,
    /// Its value.
    #[schema(value_type = Value)]
    pub value: &'a Value,
}

/// The decision for one slot.
#[derive(Debug, ToSchema)]
pub struct DecisionBody<'a> {
    /// Id of the offer shown.
    pub offer: Option<&'a str>,
    /// Variant of the experiment.
    pub variant: Option<&'a str>,
    /// Content fields of the offer.
    #[schema(value_type = HashMap<String, Value>)]
    pub content: &'a Map<String, Value>,
    /// Items, best first.
    #[schema(value_type = Vec<ShownItemFields>)]
    pub items: Vec<ShownItem<'a>>,
    /// Signed token of how the items were selected: send it back unchanged with `Slot Viewed` and `Slot Clicked`.
    pub exposure: Option<&'a str>,
    /// `offer`, `experiment`, `recommendation`, `fallback` or `control`.
    pub reason: &'static str,
    /// Explanation in sentences; only for `server` and `admin` keys.
    pub explanation: Option<&'a [String]>,
    /// Items excluded despite a sufficient score, with the reason; only for `server` and `admin` keys.
    pub left_out: Option<Vec<ExcludedItemBody<'a>>>,
}

impl DecisionBody<'_> {
    fn write(&self, text: &mut Vec<u8>) -> Result<()> {
        let mut body = Object::open(text);
        body.field("offer", &self.offer)?.field("variant", &self.variant)?.field("content", self.content)?;
        body.raw("items", |text| write_items(text, &self.items))?;
        body.optional("exposure", self.exposure.as_ref())?.field("reason", self.reason)?;
        body.optional("explanation", self.explanation.as_ref())?.optional("left_out", self.left_out.as_ref())?;
        body.close();
        Ok(())
    }
}

/// Response of `GET /v1/recommend`.
#[derive(Debug, ToSchema)]
pub struct RecommendAnswer<'a> {
    /// Items, best first.
    #[schema(value_type = Vec<ShownItemFields>)]
    pub items: Vec<ShownItem<'a>>,
    /// Explanation in sentences; only for `server` and `admin` keys.
    pub explanation: Option<&'a [String]>,
    /// Items excluded despite a sufficient score, with the reason; only for `server` and `admin` keys.
    pub left_out: Option<Vec<ExcludedItemBody<'a>>>,
}

impl RecommendAnswer<'_> {
    /// Serializes the response.
    pub fn to_json(&self) -> Result<Vec<u8>> {
        let mut text = Vec::with_capacity(ANSWER_BYTES);
        let mut answer = Object::open(&mut text);
        answer.raw("items", |text| write_items(text, &self.items))?;
        answer.optional("explanation", self.explanation.as_ref())?.optional("left_out", self.left_out.as_ref())?;
        answer.close();
        Ok(text)
    }
}

/// A recommended item: its catalog fields (see [`item_fields`]) and why it was selected.
#[derive(Debug)]
pub struct ShownItem<'a> {
    /// Pre-serialized catalog fields: `"id":…,"categories":[…],`.
    pub fields: Cow<'a, str>,
    /// The model that selected it.
    pub reason: &'static str,
    /// Score; comparable only within this response.
    pub score: f32,
    /// Explanation; only for `server` and `admin` keys.
    pub explanation: Option<Box<ItemExplanationBody<'a>>>,
}

/// A recommended item as it is written: its catalogue fields and why it was selected.
#[derive(Debug, ToSchema)]
#[schema(as = ShownItem)]
pub struct ShownItemFields {
    /// Item id.
    pub id: String,
    /// Title in the page's language.
    pub title: String,
    /// Address of its page; empty if unknown.
    pub url: String,
    /// Address of its picture; empty if unknown.
    pub image: String,
    /// Price in minor units of `currency`.
    pub price_minor: i64,
    /// ISO 4217 code; empty if unknown.
    pub currency: String,
    /// Brand; empty if unknown.
    pub brand: String,
    /// Categories.
    pub categories: Vec<String>,
    /// The model that selected it.
    pub reason: String,
    /// Score; comparable only within this response.
    pub score: f32,
    /// Explanation; only for `server` and `admin` keys.
    #[schema(value_type = Option<ItemExplanationBody>)]
    pub explanation: Option<()>,
}

/// Why an item was selected.
#[derive(Debug, Serialize, ToSchema)]
pub struct ItemExplanationBody<'a> {
    /// The model that contributed most to the score.
    pub model: &'static str,
    /// Evidence for the item, as a sentence.
    pub evidence: String,
    /// The same evidence as structured data, for translation.
    pub grounds: EvidenceBody<'a>,
    /// Score of the model.
    pub model_score: f32,
    /// Final score after merchandising rules.
    pub score: f32,
    /// Merchandising rules that changed the score.
    pub rules: &'a [String],
}

/// Evidence for an item: a `kind` and the values that belong to it.
#[derive(Debug, Default, Serialize, ToSchema)]
pub struct EvidenceBody<'a> {
    /// `viewed_together`, `similar_visits`, `two_steps`, `liked_category`, `popular`, `seen`, `new`, `pinned`,
    /// `bought_together`, `bought_after`, "dearer" (higher priced) or `alike`.
    kind: &'static str,
    /// The related item.
    #[serde(skip_serializing_if = "Option::is_none")]
    item: Option<&'a str>,
    /// The category the visitor prefers.
    #[serde(skip_serializing_if = "Option::is_none")]
    category: Option<&'a str>,
    /// Number of visitors who viewed both items.
    #[serde(skip_serializing_if = "Option::is_none")]
    visitors: Option<u32>,
    /// Number of similar visits with this item.
    #[serde(skip_serializing_if = "Option::is_none")]
    visits: Option<u32>,
    /// Number of orders with both items.
    #[serde(skip_serializing_if = "Option::is_none")]
    orders: Option<u32>,
}

impl<'a> From<&'a Evidence> for EvidenceBody<'a> {
    fn from(evidence: &'a Evidence) -> Self {
        let base = Self { kind: evidence.kind(), ..Self::default() };
        match evidence {
            Evidence::ViewedTogether { item, visitors } => Self { item: Some(item), visitors: Some(*visitors), ..base },
            Evidence::SimilarVisits { visits } => Self { visits: Some(*visits), ..base },
            Evidence::LikedCategory { category } => Self { category: Some(category), ..base },
            Evidence::BoughtTogether { item, orders } | Evidence::BoughtAfter { item, orders } => {
                Self { item: Some(item), orders: Some(*orders), ..base }
            }
            Evidence::TwoSteps
            | Evidence::Popular
            | Evidence::Seen
            | Evidence::New
            | Evidence::Pinned
            | Evidence::HigherPriced
            | Evidence::SimilarContent => base,
        }
    }
}

/// An item that was excluded.
#[derive(Debug, Serialize, ToSchema)]
pub struct ExcludedItemBody<'a> {
    /// Item id.
    pub id: &'a str,
    /// Reason of the exclusion.
    pub because: &'a str,
}

/// Serializes an item's public fields with a title in the page's language, without the enclosing braces.
#[must_use]
pub fn item_fields(item: &Item, title: &str) -> String {
    let mut text = Vec::new();
    write_fields(&mut Object { text: &mut text }, item, title).expect("strings and numbers serialize to JSON");
    String::from_utf8(text).expect("JSON is UTF-8")
}

fn write_fields(fields: &mut Object<'_>, item: &Item, title: &str) -> Result<()> {
    let currency = if item.currency == Currency::NONE { "" } else { item.currency.as_str() };
    fields.field("id", &*item.id)?.field("title", title)?.field("url", &item.url)?.field("image", &item.image)?;
    fields.field("price_minor", &item.price_minor)?.field("currency", currency)?;
    fields.field("brand", &item.brand)?.field("categories", &item.categories)?;
    Ok(())
}

fn write_items(text: &mut Vec<u8>, items: &[ShownItem<'_>]) -> Result<()> {
    text.push(b'[');
    for (n, item) in items.iter().enumerate() {
        if n > 0 {
            text.push(b',');
        }
        let mut shown = Object::open(text);
        shown.text.extend_from_slice(item.fields.as_bytes());
        shown.plain("reason", item.reason).field("score", &item.score)?;
        shown.optional("explanation", item.explanation.as_ref())?;
        shown.close();
    }
    text.push(b']');
    Ok(())
}

/// Writes a JSON object field by field.
struct Object<'t> {
    text: &'t mut Vec<u8>,
}

impl<'t> Object<'t> {
    fn open(text: &'t mut Vec<u8>) -> Self {
        text.push(b'{');
        Self { text }
    }

    fn field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Result<&mut Self> {
        self.raw(name, |text| serde_json::to_writer(text, value))
    }

    /// Writes a constant string that needs no escaping.
    fn plain(&mut self, name: &'static str, value: &'static str) -> &mut Self {
        for part in ["\"", name, "\":\"", value, "\","] {
            self.text.extend_from_slice(part.as_bytes());
        }
        self
    }

    fn optional<T: Serialize>(&mut self, name: &'static str, value: Option<T>) -> Result<&mut Self> {
        match value {
            Some(value) => self.field(name, &value),
            None => Ok(self),
        }
    }

    fn raw(&mut self, name: &'static str, write: impl FnOnce(&mut Vec<u8>) -> Result<()>) -> Result<&mut Self> {
        self.text.push(b'"');
        self.text.extend_from_slice(name.as_bytes());
        self.text.extend_from_slice(b"\":");
        write(self.text)?;
        self.text.push(b',');
        Ok(self)
    }

    /// Replaces the comma after the last field by the closing brace.
    fn close(self) {
        if self.text.last() == Some(&b',') {
            self.text.pop();
        }
        self.text.push(b'}');
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn responses_are_valid_json_for_any_content() {
        let odd = "\"\\\u{7}<سلام>";
        let item = Item { id: odd.into(), categories: vec![odd.to_owned(), String::new()], ..Item::default() };
        let fields = item_fields(&item, odd);
        let shown = || ShownItem { fields: fields.as_str().into(), reason: "new", score: 0.5, explanation: None };
        let (content, why) = (Map::from_iter([("title".to_owned(), json!(odd))]), [odd.to_owned()]);
        let body = DecisionBody {
            offer: Some(odd),
            variant: None,
            content: &content,
            items: vec![shown(), shown()],
            exposure: None,
            reason: "offer",
            explanation: Some(&why),
            left_out: None,
        };
        let shown_json = json!({"id": odd, "title": odd, "url": "", "image": "", "price_minor": 0, "currency": "",
            "brand": "", "categories": [odd, ""], "reason": "new", "score": 0.5});
        let answer = DecideAnswer {
            experiments: None,
            visitor: None,
            decisions: vec![(odd, body)],
            degraded: true,
            settings: None,
        };
        let read = |bytes: Vec<u8>| serde_json::from_slice::<Value>(&bytes).unwrap();
        assert_eq!(
            read(answer.to_json().unwrap()),
            json!({"degraded": true, "decisions": {odd: {"offer": odd, "variant": null, "content": {"title": odd},
                "items": [shown_json, shown_json], "reason": "offer", "explanation": [odd]}}})
        );
        let empty = DecideAnswer {
            experiments: None,
            visitor: Some("v".into()),
            decisions: Vec::new(),
            degraded: false,
            settings: None,
        };
        assert_eq!(read(empty.to_json().unwrap()), json!({"visitor": "v", "decisions": {}, "degraded": false}));
        let nothing = RecommendAnswer { items: Vec::new(), explanation: None, left_out: None };
        assert_eq!(read(nothing.to_json().unwrap()), json!({"items": []}));
    }
}
