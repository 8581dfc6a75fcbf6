//! Masks personal data and secrets in URLs, titles and search terms.
//!
//! Masked are: e-mail addresses; payment cards, phone numbers and US social security numbers ([`numbers`]); bank accounts
//! (IBAN); JSON web tokens; values of parameters named like a secret or personal data, and the random part of links that
//! reset, confirm or invite ([`secrets`]). What looks like a product number without its context, such as a bare national
//! id, is not masked.

mod numbers;
mod secrets;

use std::borrow::Cow;

const EMAIL: &str = "[email]";

/// Replaces personal data. Copies only if there is some.
pub(super) fn mask(text: Cow<'_, str>) -> Cow<'_, str> {
    let text = apply(text, secrets::mask);
    let text = apply(text, mask_emails);
    apply(text, numbers::mask)
}

fn apply(text: Cow<'_, str>, mask: impl Fn(&str) -> Option<String>) -> Cow<'_, str> {
    match mask(&text) {
        Some(masked) => Cow::Owned(masked),
        None => text,
    }
}

/// Replaces parts of a text from left to right; [`Self::finish`] returns `None` if nothing was replaced.
#[derive(Default)]
struct Replacer {
    out: Option<String>,
    copied: usize,
}

impl Replacer {
    fn replace(&mut self, text: &str, begin: usize, end: usize, replacement: &str) {
        let out = self.out.get_or_insert_default();
        out.push_str(&text[self.copied..begin]);
        out.push_str(replacement);
        self.copied = end;
    }

    fn finish(self, text: &str) -> Option<String> {
        self.out.map(|mut out| {
            out.push_str(&text[self.copied..]);
            out
        })
    }
}

/// Masks e-mail addresses, also with an escaped `@`; `None` if there is none.
fn mask_emails(text: &str) -> Option<String> {
    let mut masked = Replacer::default();
    let mut searched = 0;
    while let Some((at, sign)) = next_at_sign(text, searched) {
        let local = text[masked.copied..at].bytes().rev().take_while(|b| is_local(*b)).count();
        let domain = text[at + sign..].bytes().take_while(|b| is_domain(*b)).count();
        let end = at + sign + text[at + sign..at + sign + domain].trim_end_matches(['.', '-']).len();
        searched = at + sign;
        if local > 0 && is_host(&text[at + sign..end]) {
            masked.replace(text, at - local, end, EMAIL);
            searched = end;
        }
    }
    masked.finish(text)
}

/// Whether a text can be the host of an e-mail address: no domain ends in a number, as versions do.
fn is_host(domain: &str) -> bool {
    domain.rsplit_once('.').is_some_and(|(_, last)| !last.starts_with(|c: char| c.is_ascii_digit()))
}

fn next_at_sign(text: &str, from: usize) -> Option<(usize, usize)> {
    let bytes = &text.as_bytes()[from..];
    memchr::memchr2_iter(b'@', b'%', bytes).find_map(|i| match bytes[i] {
        b'@' => Some((from + i, 1)),
        _ if bytes[i..].starts_with(b"%40") => Some((from + i, 3)),
        _ => None,
    })
}

const fn is_local(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte >= 0x80 || matches!(byte, b'.' | b'_' | b'-' | b'+' | b'%')
}

const fn is_domain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte >= 0x80 || matches!(byte, b'.' | b'-')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_personal_data_is_masked() {
        let check = |text: &str, expected: &str| assert_eq!(mask(Cow::Borrowed(text)), expected, "{text}");
        check("/u/jo.doe+x@mail.example.org/edit", "/u/[email]/edit");
        check("/reset/jo%40example.com", "/reset/[email]");
        check("Mail a@b.c, d@e.f.", "Mail [email], [email].");
        check("/@handle/post", "/@handle/post");
        check("/npm/pkg@1.2.3", "/npm/pkg@1.2.3");
        check("/docs/gears@4.2.0-beta.1/start", "/docs/gears@4.2.0-beta.1/start");
        check("100% @ home", "100% @ home");
        check("jo@example.com paid with 4111111111111111", "[email] paid with [number]");
        check("قهوه ۱۲۳", "قهوه ۱۲۳");
    }

    #[test]
    fn text_without_personal_data_is_not_copied() {
        assert!(matches!(mask(Cow::Borrowed("/p/coffee-12?x=1")), Cow::Borrowed(_)));
    }

    proptest! {
        #[test]
        fn masking_leaves_no_email_address(text in "[a-z@.%0-9+ é=/eyJ-]{0,80}") {
            let once = mask(Cow::Borrowed(&text)).into_owned();
            prop_assert_eq!(mask_emails(&once), None);
        }

        #[test]
        fn masking_never_panics(text in "\\PC{0,200}") {
            let _ = mask(Cow::Borrowed(&text));
        }

        #[test]
        fn every_email_address_is_masked(
            before in "[ /?&=]{0,3}", local in "[a-z]{1,8}(\\.[a-z]{1,8})?", host in "[a-z]{1,10}\\.[a-z]{2,6}",
        ) {
            let text = format!("{before}{local}@{host}");
            prop_assert!(!mask(Cow::Owned(text.clone())).contains(&format!("{local}@{host}")), "{}", text);
        }
    }
}
