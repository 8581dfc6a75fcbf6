//! Items as JSON: one object a line, or an array.

use std::io::{self, BufRead};

use super::{
    FeedError, ROW_BYTES_MAX, Row, Setting,
    bounds::{Meter, told},
    fields::{Draft, plain_name},
};
use crate::{
    model::{ItemIssue, ItemIssueKind},
    wire::item::ItemBody,
};

/// The rows of a file of JSON.
pub(super) struct Rows<R> {
    source: R,
    setting: Setting,
    meter: Meter,
    place: u64,
    is_array: bool,
    /// Whether the array's last bracket was seen.
    is_closed: bool,
}

impl<R: BufRead> Rows<R> {
    pub(super) const fn lines(source: R, setting: Setting, meter: Meter) -> Self {
        Self { source, setting, meter, place: 0, is_array: false, is_closed: false }
    }

    pub(super) const fn array(source: R, setting: Setting, meter: Meter) -> Self {
        Self { source, setting, meter, place: 0, is_array: true, is_closed: false }
    }

    pub(super) fn next(&mut self) -> Option<Result<Row, FeedError>> {
        loop {
            self.meter.next_row();
            let read = if self.is_array { self.next_element() } else { self.next_line() };
            let text = match read {
                Ok(Some(text)) => text,
                Ok(None) if self.is_array && !self.is_closed => return Some(Err(FeedError::Cut(self.place + 1))),
                Ok(None) => return None,
                Err(error) => return Some(Err(told(error, self.place + 1))),
            };
            self.place += u64::from(!self.is_array);
            let item = match text {
                Piece::Whole(text) | Piece::Last(text) if text.trim_ascii().is_empty() => continue,
                Piece::Whole(text) => item_of(text.trim_ascii(), self.setting),
                Piece::Last(text) => match item_of(text.trim_ascii(), self.setting) {
                    Err(_) if !is_whole(&text) => return Some(Err(FeedError::Cut(self.place.max(1)))),
                    read => read,
                },
                Piece::TooLarge => {
                    Err(ItemIssueKind::RowTooLarge.because(format!("a line is larger than {ROW_BYTES_MAX} bytes")))
                }
            };
            self.place += u64::from(self.is_array);
            return Some(Ok(Row { place: self.place, item }));
        }
    }

    /// A line without its end; one that is too large is passed over.
    fn next_line(&mut self) -> io::Result<Option<Piece>> {
        let (mut line, mut too_large, mut any) = (Vec::new(), false, false);
        loop {
            self.meter.next_row();
            let bytes = self.source.fill_buf()?;
            if bytes.is_empty() {
                return Ok(any.then_some(if too_large { Piece::TooLarge } else { Piece::Last(line) }));
            }
            any = true;
            let end = memchr::memchr(b'\n', bytes);
            let piece = &bytes[..end.unwrap_or(bytes.len())];
            too_large |= line.len() + piece.len() > ROW_BYTES_MAX;
            if too_large {
                line = Vec::new();
            } else {
                line.extend_from_slice(piece);
            }
            let used = piece.len() + usize::from(end.is_some());
            self.source.consume(used);
            if end.is_some() {
                return Ok(Some(if too_large { Piece::TooLarge } else { Piece::Whole(line) }));
            }
        }
    }

    /// What lies between two commas of the array, found by counting brackets outside of texts.
    fn next_element(&mut self) -> io::Result<Option<Piece>> {
        let mut element = Vec::new();
        let (mut depth, mut in_text, mut escaped) = (0_u32, false, false);
        loop {
            let bytes = self.source.fill_buf()?;
            if bytes.is_empty() {
                return Ok((!element.is_empty() && self.is_closed).then_some(Piece::Whole(element)));
            }
            let mut used = 0;
            let mut ended = false;
            for byte in bytes {
                used += 1;
                if in_text {
                    element.push(*byte);
                    (in_text, escaped) = (escaped || *byte != b'"', !escaped && *byte == b'\\');
                    continue;
                }
                match byte {
                    b'[' if depth == 0 && element.is_empty() => continue,
                    b',' | b']' if depth == 0 => {
                        self.is_closed = *byte == b']';
                        ended = true;
                        break;
                    }
                    b'{' | b'[' => depth += 1,
                    b'}' | b']' => depth = depth.saturating_sub(1),
                    b'"' => in_text = true,
                    b' ' | b'\n' | b'\r' | b'\t' if element.is_empty() => continue,
                    _ => {}
                }
                element.push(*byte);
            }
            self.source.consume(used);
            if ended {
                return Ok(Some(Piece::Whole(element)));
            }
        }
    }
}

/// Fields of a feed by Google's names, and Ashna's own for the same.
const FOREIGN: [(&str, &str); 5] = [
    ("link", "url"),
    ("image_link", "image"),
    ("product_type", "categories"),
    ("item_group_id", "item_group"),
    ("content_language", "language"),
];

/// Reads one item. What shops write into JSON by the names of their feeds means the same there.
fn item_of(json: &[u8], setting: Setting) -> Result<ItemBody, ItemIssue> {
    let mut item = ItemBody::read(json)?;
    let is_price = |name: &str| matches!(name, "price" | "sale_price" | "sale_price_effective_date");
    let said: Vec<String> = item.attributes.keys().map(|name| plain_name(name)).collect();
    let (prices, availability) =
        (said.iter().any(|name| is_price(name)), said.iter().any(|name| name == "availability"));
    if prices || availability {
        let told = Draft::of_attributes(&item).finish(setting)?;
        if prices && item.price_minor == 0 {
            (item.price_minor, item.currency) = (told.price_minor, told.currency);
            item.attributes.extend(told.attributes);
        }
        item.available &= told.available;
        item.attributes.retain(|name, _| !is_price(&plain_name(name)) && plain_name(name) != "availability");
    }
    for (theirs, ours) in FOREIGN {
        let Some(text) = item.attributes.get(theirs).and_then(serde_json::Value::as_str).map(str::to_owned) else {
            continue;
        };
        let field = match ours {
            "url" => &mut item.url,
            "image" => &mut item.image,
            "item_group" => &mut item.item_group,
            "language" => &mut item.language,
            _ if item.categories.is_empty() => {
                item.categories = text.split('>').rev().map(|part| part.trim().to_owned()).collect();
                item.attributes.remove(theirs);
                continue;
            }
            _ => continue,
        };
        if field.is_empty() {
            *field = text;
            item.attributes.remove(theirs);
        }
    }
    Ok(item)
}

/// Whether a line that is no item is at least all that was meant: JSON from its first to its last bracket.
fn is_whole(line: &[u8]) -> bool {
    !serde_json::from_slice::<serde::de::IgnoredAny>(line).is_err_and(|error| error.is_eof())
}

enum Piece {
    Whole(Vec<u8>),
    /// A line without its end.
    Last(Vec<u8>),
    TooLarge,
}
