//! Google product feeds as RSS 2.0 (`item`) or Atom (`entry`), fields in the namespace `g:` or bare.
//!
//! Only XML's five predefined entities and character references are expanded: a feed that declares entities is refused,
//! which rules out expansion attacks.

use std::io::BufRead;

use quick_xml::{
    Reader,
    events::{BytesStart, Event},
};

use super::{
    FeedError, ROW_BYTES_MAX, ReadOptions, Row,
    bounds::{Meter, feed_error},
    fields::{Draft, plain_name},
};
use crate::model::ItemIssueKind;

/// Maximum nesting depth of elements.
const DEPTH_MAX: usize = 32;

/// The items of a feed.
pub(super) struct Rows<R> {
    reader: Reader<R>,
    options: ReadOptions,
    meter: Meter,
    buffer: Vec<u8>,
    number: u64,
    depth: usize,
    /// Name of the outermost element.
    root: String,
}

/// An item while its elements are read.
#[derive(Default)]
struct Open {
    draft: Draft,
    /// Depth of the item's element.
    depth: usize,
    field: Option<String>,
    text: String,
    /// Whether the field has the prefix of product feeds.
    is_own: bool,
    /// A reference to an unknown entity.
    unknown: Option<String>,
    has_children: bool,
}

impl<R: BufRead> Rows<R> {
    pub(super) fn open(source: R, options: ReadOptions, meter: Meter) -> Self {
        let mut reader = Reader::from_reader(source);
        reader.config_mut().expand_empty_elements = true;
        Self { reader, options, meter, buffer: Vec::new(), number: 0, depth: 0, root: String::new() }
    }

    pub(super) fn next(&mut self) -> Option<Result<Row, FeedError>> {
        let mut open: Option<Open> = None;
        loop {
            self.buffer.clear();
            if open.is_none() {
                self.meter.next_row();
            }
            let event = match self.reader.read_event_into(&mut self.buffer) {
                Ok(event) => event,
                Err(quick_xml::Error::Io(error)) => {
                    return Some(Err(feed_error(std::io::Error::new(error.kind(), error), self.number + 1)));
                }
                Err(error) => return Some(Err(FeedError::Xml(self.number, error.to_string()))),
            };
            let refuse = |why: &str| Some(Err(FeedError::Xml(self.number, why.to_owned())));
            match event {
                Event::Eof if open.is_some() || self.depth > 0 => return refuse("it ends in the middle"),
                Event::Eof => return self.end_of_file(),
                // A name of the kind of document is harmless; entities that it declares are not.
                Event::DocType(kind) if kind.contains('[') => {
                    return refuse("entities in a document type are not supported");
                }
                Event::Start(element) => {
                    self.depth += 1;
                    if self.root.is_empty() {
                        self.root = text_of(element.local_name().as_ref());
                    }
                    if self.depth > DEPTH_MAX {
                        return refuse("elements are nested too deep");
                    }
                    match &mut open {
                        Some(open) => open.start(&element, self.depth),
                        None => open = is_item(&element).then(|| Open { depth: self.depth, ..Open::default() }),
                    }
                }
                Event::Text(text) => put(open.as_mut(), &text.xml10_content()),
                Event::CData(text) => put(open.as_mut(), &text.xml10_content()),
                Event::GeneralRef(reference) => {
                    let name = reference.xml10_content();
                    let character = reference.resolve_char_ref().ok().flatten().or_else(|| entity(&name));
                    match (character, open.as_mut()) {
                        (Some(character), open) => put(open, character.encode_utf8(&mut [0; 4])),
                        (None, Some(open)) => open.unknown = Some(super::clipped(&name)),
                        (None, None) => {}
                    }
                }
                Event::End(_) => {
                    self.depth = self.depth.saturating_sub(1);
                    if open.as_ref().is_some_and(|open| self.depth < open.depth) {
                        self.number += 1;
                        let item = open.take().unwrap_or_default().finish(self.options);
                        return Some(Ok(Row { number: self.number, item }));
                    }
                    if let Some(open) = &mut open {
                        open.end(self.depth);
                    }
                }
                Event::Comment(_) | Event::PI(_) | Event::Empty(_) | Event::Decl(_) | Event::DocType(_) => {}
            }
        }
    }
}

impl<R> Rows<R> {
    /// A feed may be empty; another kind of document without items is a mistake.
    fn end_of_file(&mut self) -> Option<Result<Row, FeedError>> {
        let is_feed = ["rss", "feed", "rdf"].iter().any(|name| self.root.eq_ignore_ascii_case(name));
        if self.number > 0 || is_feed || self.root.is_empty() {
            return None;
        }
        Some(Err(FeedError::NoItems(super::clipped(&std::mem::take(&mut self.root)))))
    }
}

fn is_item(element: &BytesStart<'_>) -> bool {
    matches!(&*plain_name(&text_of(element.local_name().as_ref())), "item" | "entry" | "product")
}

fn put(open: Option<&mut Open>, text: &str) {
    if let Some(open) = open
        && open.field.is_some()
        && open.text.len() + text.len() <= ROW_BYTES_MAX
    {
        open.text.push_str(text);
    }
}

fn text_of(name: impl AsRef<[u8]>) -> String {
    String::from_utf8_lossy(name.as_ref()).into_owned()
}

fn entity(name: &str) -> Option<char> {
    Some(match name {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        _ => return None,
    })
}

impl Open {
    fn start(&mut self, element: &BytesStart<'_>, depth: usize) {
        if depth > self.depth + 1 {
            // A group such as `g:shipping`: its parts are not fields of the item.
            self.has_children = true;
            return;
        }
        let name = plain_name(&text_of(element.local_name().as_ref()));
        // Atom has its links in an attribute.
        if name == "link" {
            self.put_link(element);
        }
        let prefix = element.name().prefix().map(|prefix| text_of(prefix.as_ref()));
        self.is_own = prefix.is_some_and(|prefix| prefix == "g");
        self.field = Some(name);
        self.text.clear();
        self.has_children = false;
    }

    /// A link of Atom: `alternate` is the product page, `self` the entry.
    fn put_link(&mut self, element: &BytesStart<'_>) {
        let attribute = |name: &str| {
            let found = element.attributes().flatten().find(|attribute| text_of(attribute.key.as_ref()) == name)?;
            let value = text_of(found.value.as_bytes());
            Some(quick_xml::escape::unescape(&value).unwrap_or_default().into_owned())
        };
        let Some(url) = attribute("href") else { return };
        match attribute("rel").as_deref() {
            None | Some("" | "alternate") => self.draft.put_page(&url),
            Some("self" | "edit" | "enclosure" | "related" | "via" | "replies") => {}
            Some(_) => self.draft.put("link", &url),
        }
    }

    fn end(&mut self, depth: usize) {
        if depth == self.depth
            && let Some(name) = self.field.take()
            // Shops format titles; other elements with children are groups.
            && (!self.has_children || name == "title")
        {
            match (&*name, self.is_own) {
                ("id", true) => self.draft.put_own_id(&self.text),
                _ => self.draft.put(&name, &self.text),
            }
        }
    }

    fn finish(self, options: ReadOptions) -> Result<crate::wire::item::ItemBody, crate::model::ItemIssue> {
        match self.unknown {
            Some(name) => {
                Err(ItemIssueKind::Unreadable.with_message(format!("the entity `&{name};` means nothing here")))
            }
            None => self.draft.finish(options),
        }
    }
}
