//! Makes texts safe to store: bounded, trimmed and without control characters.

use std::borrow::Cow;

/// Removes control characters and surrounding space, and cuts to at most `bytes_max` bytes at a character boundary.
/// Copies only if a character inside is removed.
pub(super) fn clean<'a>(text: &Cow<'a, str>, bytes_max: usize) -> Cow<'a, str> {
    match text {
        Cow::Borrowed(text) => clean_borrowed(text, bytes_max),
        Cow::Owned(text) => Cow::Owned(clean_borrowed(text, bytes_max).into_owned()),
    }
}

/// The same for a plain reference.
pub(super) fn clean_borrowed(text: &str, bytes_max: usize) -> Cow<'_, str> {
    let text = text.trim();
    if text.bytes().any(|byte| byte < 0x20 || byte == 0x7f || byte == 0xc2) && text.contains(is_unwanted) {
        // A tab or line break becomes a space.
        let kept: String = text
            .chars()
            .filter_map(|c| if c.is_whitespace() { Some(' ') } else { (!is_unwanted(c)).then_some(c) })
            .collect();
        return Cow::Owned(cut(kept.trim(), bytes_max).to_owned());
    }
    Cow::Borrowed(cut(text, bytes_max))
}

fn is_unwanted(c: char) -> bool {
    c.is_control()
}

/// The longest prefix of at most `bytes_max` bytes.
pub(super) fn cut(text: &str, bytes_max: usize) -> &str {
    text.get(..text.floor_char_boundary(bytes_max)).unwrap_or(text).trim_end()
}

/// Whether a text has more than `chars_max` characters.
pub(super) fn longer_than(text: &str, chars_max: usize) -> bool {
    text.len() > chars_max && text.chars().nth(chars_max).is_some()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn clean_texts_are_not_copied() {
        let check = |text: &str, max, expected: &str, copied| {
            let cleaned = clean_borrowed(text, max);
            assert_eq!((&*cleaned, matches!(cleaned, Cow::Owned(_))), (expected, copied), "{text:?}");
        };
        check(" Coffee ", 10, "Coffee", false);
        check("Café", 4, "Caf", false);
        check("Café", 5, "Café", false);
        check("a\0b\u{7f}c\u{85}\u{9b}d", 10, "abc d", true);
        check("line\nbreak\ttab", 20, "line break tab", true);
        check("قهوه", 100, "قهوه", false);
        check("", 0, "", false);
    }

    #[test]
    fn length_is_counted_in_characters() {
        assert!(!longer_than("قهوه", 4));
        assert!(longer_than("قهوه", 3));
        assert!(!longer_than("", 0));
    }

    proptest! {
        #[test]
        fn nothing_unclean_passes(text in any::<String>(), max in 0_usize..40) {
            let cleaned = clean_borrowed(&text, max);
            prop_assert!(cleaned.len() <= max && !cleaned.contains(char::is_control));
        }
    }
}
