//! Items as JSON: one object per line, or an array.

use std::io::{self, BufRead};

use super::{
    FeedError, Numbered, ROW_BYTES_MAX, ReadOptions, Row,
    bounds::{Meter, feed_error},
    fields::{Draft, plain_name},
};
use crate::{
    model::{ItemIssue, ItemIssueKind},
    wire::item::ItemBody,
};

/// The rows of a JSON file.
pub(super) struct Rows<R> {
    source: R,
    options: ReadOptions,
    meter: Meter,
    number: u64,
    is_array: bool,
    /// Whether the array's closing bracket was seen.
    is_closed: bool,
}

impl<R: BufRead> Rows<R> {
    pub(super) const fn lines(source: R, options: ReadOptions, meter: Meter) -> Self {
        Self { source, options, meter, number: 0, is_array: false, is_closed: false }
    }

    pub(super) const fn array(source: R, options: ReadOptions, meter: Meter) -> Self {
        Self { source, options, meter, number: 0, is_array: true, is_closed: false }
    }

    pub(super) fn next(&mut self) -> Option<Result<Row, FeedError>> {
        let options = self.options;
        let row = self.next_as(|text| item_from_json(text, options))?;
        Some(row.map(|(number, item)| Row { number, item }))
    }

    /// The next row with its number, parsed by `parse`.
    pub(super) fn next_as<T>(
        &mut self,
        parse: impl Fn(&[u8]) -> Result<T, ItemIssue>,
    ) -> Option<Result<Numbered<T>, FeedError>> {
        loop {
            self.meter.next_row();
            let read = if self.is_array { self.next_element() } else { self.next_line() };
            let text = match read {
                Ok(Some(text)) => text,
                Ok(None) if self.is_array && !self.is_closed => return Some(Err(FeedError::Cut(self.number + 1))),
                Ok(None) => return None,
                Err(error) => return Some(Err(feed_error(error, self.number + 1))),
            };
            self.number += u64::from(!self.is_array);
            let item =
                match text {
                    RowText::Complete(text) | RowText::Unterminated(text) if text.trim_ascii().is_empty() => continue,
                    RowText::Complete(text) => parse(text.trim_ascii()),
                    RowText::Unterminated(text) => match parse(text.trim_ascii()) {
                        Err(_) if !is_complete(&text) => return Some(Err(FeedError::Cut(self.number.max(1)))),
                        read => read,
                    },
                    RowText::TooLarge => Err(ItemIssueKind::RowTooLarge
                        .with_message(format!("an item is larger than {ROW_BYTES_MAX} bytes"))),
                };
            self.number += u64::from(self.is_array);
            return Some(Ok((self.number, item)));
        }
    }

    /// Reads a line without its terminator; skips one that is too large.
    fn next_line(&mut self) -> io::Result<Option<RowText>> {
        let (mut line, mut too_large, mut any) = (Vec::new(), false, false);
        loop {
            self.meter.next_row();
            let bytes = self.source.fill_buf()?;
            if bytes.is_empty() {
                return Ok(any.then_some(if too_large { RowText::TooLarge } else { RowText::Unterminated(line) }));
            }
            any = true;
            let end = memchr::memchr(b'\n', bytes);
            let part = &bytes[..end.unwrap_or(bytes.len())];
            too_large |= line.len() + part.len() > ROW_BYTES_MAX;
            if too_large {
                line = Vec::new();
            } else {
                line.extend_from_slice(part);
            }
            let used = part.len() + usize::from(end.is_some());
            self.source.consume(used);
            if end.is_some() {
                return Ok(Some(if too_large { RowText::TooLarge } else { RowText::Complete(line) }));
            }
        }
    }

    /// Reads up to the next comma of the array, counting brackets outside of strings.
    fn next_element(&mut self) -> io::Result<Option<RowText>> {
        let mut element = Vec::new();
        let (mut depth, mut in_text, mut escaped) = (0_u32, false, false);
        let mut too_large = false;
        loop {
            self.meter.next_row();
            let bytes = self.source.fill_buf()?;
            if bytes.is_empty() {
                return Ok((!element.is_empty() && self.is_closed).then_some(RowText::Complete(element)));
            }
            // An element that is too large is read to its end, so that the next one is found.
            too_large |= element.len() > ROW_BYTES_MAX;
            if too_large {
                element.truncate(1);
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
                return Ok(Some(if too_large { RowText::TooLarge } else { RowText::Complete(element) }));
            }
        }
    }
}

/// Google's field names, and Ashna's own for the same.
const FOREIGN: [(&str, &str); 5] = [
    ("link", "url"),
    ("image_link", "image"),
    ("product_type", "categories"),
    ("item_group_id", "item_group"),
    ("content_language", "language"),
];

/// Parses one item. Fields that shops write into JSON under Google's names have the same meaning as in feeds.
fn item_from_json(json: &[u8], options: ReadOptions) -> Result<ItemBody, ItemIssue> {
    let mut item = ItemBody::from_slice(json)?;
    let is_price = |name: &str| matches!(name, "price" | "sale_price" | "sale_price_effective_date");
    let names: Vec<String> = item.attributes.keys().map(|name| plain_name(name)).collect();
    let (prices, availability) =
        (names.iter().any(|name| is_price(name)), names.iter().any(|name| name == "availability"));
    if prices || availability {
        let draft = Draft::from_attributes(&item).finish(options)?;
        if prices && item.price_minor == 0 {
            (item.price_minor, item.currency) = (draft.price_minor, draft.currency);
            item.attributes.extend(draft.attributes);
        }
        item.available &= draft.available;
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

/// Whether an invalid last line is at least complete JSON and not cut off.
fn is_complete(line: &[u8]) -> bool {
    !serde_json::from_slice::<serde::de::IgnoredAny>(line).is_err_and(|error| error.is_eof())
}

enum RowText {
    Complete(Vec<u8>),
    /// A last line without terminator.
    Unterminated(Vec<u8>),
    TooLarge,
}
