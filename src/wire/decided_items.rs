//! How decisions and the items on pages are told.
//!
//! Answers are written field by field: what is told of an item is the same in every answer until the item changes,
//! so it is written once and copied from then on (`Items::told`).

use std::borrow::Cow;

use serde::Serialize;
use serde_json::{Map, Result, Value, value::RawValue};
use utoipa::ToSchema;

use super::tracker::TrackerSettings;
use crate::model::{Currency, Evidence, Item};

/// The answer for all slots.
#[derive(Debug, ToSchema)]
pub struct DecideAnswer<'a> {
    /// The id to go on with; absent without consent.
    pub visitor: Option<String>,
    /// By slot; slots nobody fills are absent.
    #[schema(value_type = Object)]
    pub decisions: Vec<(&'a str, DecisionBody<'a>)>,
    /// True when the stored profile could not be read in time.
    pub degraded: bool,
    /// The site's settings, when the tracker has others.
    #[schema(value_type = Option<Object>)]
    pub settings: Option<TrackerSettings<'a>>,
}

impl DecideAnswer<'_> {
    /// As JSON.
    pub fn to_json(&self) -> Result<Vec<u8>> {
        let mut text = Vec::with_capacity(ANSWER_BYTES);
        let mut answer = Object::open(&mut text);
        answer.put_some("visitor", self.visitor.as_ref())?;
        answer.nest("decisions", |text| write_decisions(text, &self.decisions))?;
        answer.put("degraded", &self.degraded)?.put_some("settings", self.settings.as_ref())?;
        answer.close();
        Ok(text)
    }
}

/// Room for an answer with a shelf of 21 items.
const ANSWER_BYTES: usize = 6 * 1024;

/// Decisions by slot, to be told within another answer.
pub fn decisions_within(decisions: &[(&str, DecisionBody<'_>)]) -> Result<Box<RawValue>> {
    let mut text = Vec::new();
    write_decisions(&mut text, decisions)?;
    serde_json::from_slice(&text)
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

/// The answer for one slot.
#[derive(Debug)]
pub struct DecisionBody<'a> {
    /// The offer shown.
    pub offer: Option<&'a str>,
    /// The experiment's arm.
    pub variant: Option<&'a str>,
    /// Texts by name.
    pub content: &'a Map<String, Value>,
    /// Items, best first.
    pub items: Vec<ShownItem<'a>>,
    /// How the items were drawn, signed: to be sent back with `Slot Viewed` and `Slot Clicked` as it is.
    pub exposure: Option<&'a str>,
    /// offer, experiment, recommendation, fallback or control.
    pub reason: &'static str,
    /// Why, in sentences; only to `server` and `admin` keys.
    pub explanation: Option<&'a [String]>,
    /// Items that would have been shown by their scores, and what kept them away; as `explanation`.
    pub left_out: Option<Vec<LeftOutBody<'a>>>,
}

impl DecisionBody<'_> {
    fn write(&self, text: &mut Vec<u8>) -> Result<()> {
        let mut body = Object::open(text);
        body.put("offer", &self.offer)?.put("variant", &self.variant)?.put("content", self.content)?;
        body.nest("items", |text| write_items(text, &self.items))?;
        body.put_some("exposure", self.exposure.as_ref())?.put("reason", self.reason)?;
        body.put_some("explanation", self.explanation.as_ref())?.put_some("left_out", self.left_out.as_ref())?;
        body.close();
        Ok(())
    }
}

/// What `GET /v1/recommend` answers.
#[derive(Debug)]
pub struct RecommendAnswer<'a> {
    /// Best first.
    pub items: Vec<ShownItem<'a>>,
    /// Why these, for `server` and `admin` keys.
    pub explanation: Option<&'a [String]>,
    /// Items that would have been shown by their scores, and what kept them away; as `explanation`.
    pub left_out: Option<Vec<LeftOutBody<'a>>>,
}

impl RecommendAnswer<'_> {
    /// As JSON.
    pub fn to_json(&self) -> Result<Vec<u8>> {
        let mut text = Vec::with_capacity(ANSWER_BYTES);
        let mut answer = Object::open(&mut text);
        answer.nest("items", |text| write_items(text, &self.items))?;
        answer.put_some("explanation", self.explanation.as_ref())?.put_some("left_out", self.left_out.as_ref())?;
        answer.close();
        Ok(text)
    }
}

/// An item on a page: what is told of it (`fields_of`), and how it came there.
#[derive(Debug)]
pub struct ShownItem<'a> {
    /// What is the same wherever it is shown: `"id":…,"categories":[…],`.
    pub told: Cow<'a, str>,
    /// The model that put it here.
    pub reason: &'static str,
    /// Its score; comparable within this answer only.
    pub score: f32,
    /// Why it is here; only to `server` and `admin` keys.
    pub explanation: Option<Box<ItemExplanation<'a>>>,
}

/// Why an item is shown.
#[derive(Debug, Serialize)]
pub struct ItemExplanation<'a> {
    /// The model whose word weighed most.
    pub model: &'static str,
    /// What speaks for it, in a sentence.
    pub evidence: String,
    /// The same as a word and its numbers, to be said in other languages.
    pub grounds: Grounds<'a>,
    /// What the model says.
    pub model_score: f32,
    /// What came of it after the rules.
    pub score: f32,
    /// The rules that moved it.
    pub rules: &'a [String],
}

/// What speaks for an item: `kind`, and with some kinds the names and numbers of it.
#[derive(Debug, Default, Serialize)]
pub struct Grounds<'a> {
    /// `viewed_together`, `similar_visits`, `two_steps`, `liked_category`, `popular`, `seen`, `new`, `pinned`,
    /// `bought_together`, `bought_after`, `dearer` or `alike`.
    kind: &'static str,
    /// The item it goes with.
    #[serde(skip_serializing_if = "Option::is_none")]
    item: Option<&'a str>,
    /// The category the visitor looks at.
    #[serde(skip_serializing_if = "Option::is_none")]
    category: Option<&'a str>,
    /// How many visitors looked at both.
    #[serde(skip_serializing_if = "Option::is_none")]
    visitors: Option<u32>,
    /// How many visits had it.
    #[serde(skip_serializing_if = "Option::is_none")]
    visits: Option<u32>,
    /// How many orders had both.
    #[serde(skip_serializing_if = "Option::is_none")]
    orders: Option<u32>,
}

impl<'a> From<&'a Evidence> for Grounds<'a> {
    fn from(evidence: &'a Evidence) -> Self {
        let bare = Self { kind: evidence.kind(), ..Self::default() };
        match evidence {
            Evidence::ViewedTogether { item, visitors } => Self { item: Some(item), visitors: Some(*visitors), ..bare },
            Evidence::SimilarVisits { visits } => Self { visits: Some(*visits), ..bare },
            Evidence::LikedCategory { category } => Self { category: Some(category), ..bare },
            Evidence::BoughtTogether { item, orders } | Evidence::BoughtAfter { item, orders } => {
                Self { item: Some(item), orders: Some(*orders), ..bare }
            }
            Evidence::TwoSteps
            | Evidence::Popular
            | Evidence::Seen
            | Evidence::New
            | Evidence::Pinned
            | Evidence::Dearer
            | Evidence::Alike => bare,
        }
    }
}

/// An item that is not shown.
#[derive(Debug, Serialize)]
pub struct LeftOutBody<'a> {
    /// Its id.
    pub id: &'a str,
    /// What keeps it away.
    pub because: &'a str,
}

/// What pages are told of an item, under the title of their language, without the braces around it.
#[must_use]
pub fn fields_of(item: &Item, title: &str) -> String {
    let mut text = Vec::new();
    write_fields(&mut Object { text: &mut text }, item, title).expect("texts and numbers can be told in JSON");
    String::from_utf8(text).expect("JSON is text")
}

fn write_fields(fields: &mut Object<'_>, item: &Item, title: &str) -> Result<()> {
    let currency = if item.currency == Currency::NONE { "" } else { item.currency.as_str() };
    fields.put("id", &*item.id)?.put("title", title)?.put("url", &item.url)?.put("image", &item.image)?;
    fields.put("price_minor", &item.price_minor)?.put("currency", currency)?;
    fields.put("brand", &item.brand)?.put("categories", &item.categories)?;
    Ok(())
}

fn write_items(text: &mut Vec<u8>, items: &[ShownItem<'_>]) -> Result<()> {
    text.push(b'[');
    for (n, item) in items.iter().enumerate() {
        if n > 0 {
            text.push(b',');
        }
        let mut shown = Object::open(text);
        shown.text.extend_from_slice(item.told.as_bytes());
        shown.put_word("reason", item.reason).put("score", &item.score)?;
        shown.put_some("explanation", item.explanation.as_ref())?;
        shown.close();
    }
    text.push(b']');
    Ok(())
}

/// A JSON object that is written field by field.
struct Object<'t> {
    text: &'t mut Vec<u8>,
}

impl<'t> Object<'t> {
    fn open(text: &'t mut Vec<u8>) -> Self {
        text.push(b'{');
        Self { text }
    }

    fn put<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Result<&mut Self> {
        self.nest(name, |text| serde_json::to_writer(text, value))
    }

    /// A word of ours, in which nothing is to be escaped.
    fn put_word(&mut self, name: &'static str, word: &'static str) -> &mut Self {
        for part in ["\"", name, "\":\"", word, "\","] {
            self.text.extend_from_slice(part.as_bytes());
        }
        self
    }

    fn put_some<T: Serialize>(&mut self, name: &'static str, value: Option<T>) -> Result<&mut Self> {
        match value {
            Some(value) => self.put(name, &value),
            None => Ok(self),
        }
    }

    fn nest(&mut self, name: &'static str, write: impl FnOnce(&mut Vec<u8>) -> Result<()>) -> Result<&mut Self> {
        self.text.push(b'"');
        self.text.extend_from_slice(name.as_bytes());
        self.text.extend_from_slice(b"\":");
        write(self.text)?;
        self.text.push(b',');
        Ok(self)
    }

    /// Every field has left a comma behind it.
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
    fn answers_are_json_whatever_is_in_them() {
        let odd = "\"\\\u{7}<سلام>";
        let item = Item { id: odd.into(), categories: vec![odd.to_owned(), String::new()], ..Item::default() };
        let told = fields_of(&item, odd);
        let shown = || ShownItem { told: told.as_str().into(), reason: "new", score: 0.5, explanation: None };
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
        let answer = DecideAnswer { visitor: None, decisions: vec![(odd, body)], degraded: true, settings: None };
        let read = |bytes: Vec<u8>| serde_json::from_slice::<Value>(&bytes).unwrap();
        assert_eq!(
            read(answer.to_json().unwrap()),
            json!({"degraded": true, "decisions": {odd: {"offer": odd, "variant": null, "content": {"title": odd},
                "items": [shown_json, shown_json], "reason": "offer", "explanation": [odd]}}})
        );
        let empty = DecideAnswer { visitor: Some("v".into()), decisions: Vec::new(), degraded: false, settings: None };
        assert_eq!(read(empty.to_json().unwrap()), json!({"visitor": "v", "decisions": {}, "degraded": false}));
        let nothing = RecommendAnswer { items: Vec::new(), explanation: None, left_out: None };
        assert_eq!(read(nothing.to_json().unwrap()), json!({"items": []}));
    }
}
