//! Maximum lengths of an event's texts. Longer texts are cut, except where a cut would change who or what is meant:
//! those events are rejected.

/// Characters of an event's name; longer is rejected.
pub const NAME_CHARS: usize = 200;
/// Characters of a message id; longer is rejected.
pub const MESSAGE_ID_CHARS: usize = 100;
/// Characters of a user id; longer is rejected.
pub const USER_ID_CHARS: usize = 256;
/// Levels of arrays and objects in properties; deeper is rejected.
pub const PROPERTIES_DEPTH: usize = 16;

/// Items of one event; the rest is discarded.
pub const ITEMS: usize = 100;

/// Bytes of a host.
pub const HOST: usize = 253;
/// Bytes of a path.
pub const PATH: usize = 1024;
/// Bytes of a query.
pub const QUERY: usize = 1024;
/// Bytes of a title.
pub const TITLE: usize = 512;
/// Bytes of each campaign parameter.
pub const CAMPAIGN: usize = 256;
/// Bytes of a language tag.
pub const LANGUAGE: usize = 35;
/// Bytes of a time zone's name.
pub const TIMEZONE: usize = 64;
/// Bytes of an item's id.
pub const ITEM_ID: usize = 128;
/// Bytes of a category.
pub const CATEGORY: usize = 256;
/// Bytes of a slot's name.
pub const SLOT: usize = 200;
/// Bytes of an order number.
pub const ORDER_ID: usize = 128;
/// Bytes of a library's name and version.
pub const LIBRARY: usize = 64;
/// Bytes of a browser's or system's version.
pub const VERSION: usize = 16;
/// Bytes of a URL that are read; the rest is cut before parsing.
pub const URL: usize = 4096;
/// Bytes of a user agent that are read.
pub const USER_AGENT: usize = 512;
