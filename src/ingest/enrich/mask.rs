//! Personal data that slipped into addresses and titles: e-mail addresses, card and phone numbers.

use std::borrow::Cow;

const EMAIL: &str = "[email]";
const NUMBER: &str = "[number]";

/// The text with personal data replaced. Copies only when there is some.
pub(super) fn mask(text: Cow<'_, str>) -> Cow<'_, str> {
    let text = match mask_emails(&text) {
        Some(masked) => Cow::Owned(masked),
        None => text,
    };
    match mask_numbers(&text) {
        Some(masked) => Cow::Owned(masked),
        None => text,
    }
}

/// `None` when there is no address in it. An escaped `@` counts.
fn mask_emails(text: &str) -> Option<String> {
    let mut masked: Option<String> = None;
    let (mut copied, mut searched) = (0, 0);
    while let Some((at, sign)) = next_at_sign(text, searched) {
        let local = text[copied..at].bytes().rev().take_while(|b| is_local(*b)).count();
        let domain = text[at + sign..].bytes().take_while(|b| is_domain(*b)).count();
        let end = at + sign + text[at + sign..at + sign + domain].trim_end_matches(['.', '-']).len();
        searched = at + sign;
        if local > 0 && text[at + sign..end].contains('.') {
            let out = masked.get_or_insert_default();
            out.push_str(&text[copied..at - local]);
            out.push_str(EMAIL);
            (copied, searched) = (end, end);
        }
    }
    masked.map(|mut out| {
        out.push_str(&text[copied..]);
        out
    })
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

/// `None` when there is no such number in it.
fn mask_numbers(text: &str) -> Option<String> {
    let bytes = text.as_bytes();
    let mut masked: Option<String> = None;
    let (mut copied, mut i, mut inside_word) = (0, 0, false);
    while i < bytes.len() {
        if is_escape(&bytes[i..]) {
            (i, inside_word) = (i + 3, false);
            continue;
        }
        if inside_word || !bytes[i].is_ascii_digit() {
            (inside_word, i) = (is_word(bytes[i]), i + 1);
            continue;
        }
        let run = Run::at(bytes, i);
        if run.is_personal(bytes) {
            let out = masked.get_or_insert_default();
            out.push_str(&text[copied..run.begin]);
            out.push_str(NUMBER);
            copied = run.end;
        }
        (i, inside_word) = (run.end, true);
    }
    masked.map(|mut out| {
        out.push_str(&text[copied..]);
        out
    })
}

/// Whether this begins with an escaped byte such as `%20`.
fn is_escape(bytes: &[u8]) -> bool {
    matches!(bytes, [b'%', high, low, ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit())
}

const fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// Digits in groups, as people write cards and phones: single spaces, dashes or dots between them.
struct Run {
    begin: usize,
    end: usize,
    digits: [u8; 20],
    /// Digits in it; more than `digits` can hold means it is neither card nor phone.
    count: usize,
    international: bool,
}

impl Run {
    fn at(bytes: &[u8], begin: usize) -> Self {
        let before = &bytes[..begin];
        let plus = if before.ends_with(b"+") {
            1
        } else if before.ends_with(b"%2B") {
            3
        } else {
            0
        };
        let mut run = Self { begin: begin - plus, end: begin, digits: [0; 20], count: 0, international: plus > 0 };
        let mut i = begin;
        while i < bytes.len() {
            if bytes[i].is_ascii_digit() {
                if let Some(place) = run.digits.get_mut(run.count) {
                    *place = bytes[i] - b'0';
                }
                run.count += 1;
                i += 1;
                run.end = i;
                continue;
            }
            let gap = if bytes[i..].starts_with(b"%20") { 3 } else { 1 };
            let joins = gap == 3 || matches!(bytes[i], b' ' | b'-' | b'.' | b'+');
            if !joins || !bytes.get(i + gap).is_some_and(u8::is_ascii_digit) {
                break;
            }
            i += gap;
        }
        run
    }

    fn is_personal(&self, bytes: &[u8]) -> bool {
        if bytes.get(self.end).is_some_and(|b| is_word(*b)) {
            return false;
        }
        let Some(digits) = self.digits.get(..self.count) else { return false };
        // A number in international form, or a national one with its leading zero.
        let phone = (self.international && (8..=15).contains(&self.count))
            || (digits.first() == Some(&0) && digits.get(1).is_some_and(|d| *d != 0) && matches!(self.count, 10 | 11))
            || (digits.starts_with(&[0, 0]) && (11..=17).contains(&self.count));
        phone || is_card(digits)
    }
}

/// Issuers' first digits, lengths, and Luhn's check sum. Thirteen digits are left to article numbers.
fn is_card(digits: &[u8]) -> bool {
    if !(14..=19).contains(&digits.len()) || !matches!(digits[0], 2..=6) {
        return false;
    }
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(i, digit)| {
            let weighed = if i % 2 == 0 { u32::from(*digit) } else { 2 * u32::from(*digit) };
            if weighed > 9 { weighed - 9 } else { weighed }
        })
        .sum();
    sum.is_multiple_of(10)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn personal_data_is_masked_and_nothing_else() {
        let check = |text: &str, expected: &str| assert_eq!(mask(Cow::Borrowed(text)), expected, "{text}");
        check("/u/jo.doe+x@mail.example.org/edit", "/u/[email]/edit");
        check("/reset/jo%40example.com", "/reset/[email]");
        check("Mail a@b.c, d@e.f.", "Mail [email], [email].");
        check("/@handle/post", "/@handle/post");
        check("/npm/pkg@1.2.3", "/npm/[email]");
        check("100% @ home", "100% @ home");
        check("/pay/4111111111111111", "/pay/[number]");
        check("Card 4111 1111 1111 1111!", "Card [number]!");
        check("/card/6037-9911-2345-6788", "/card/6037-9911-2345-6788");
        check("/card/6037-9911-2345-6783", "/card/6037-9911-2345-6783");
        check("/tel/+442079460958", "/tel/[number]");
        check("/tel/%2B98%20912%20345%206789", "/tel/[number]");
        check("Call 0912 345 6789", "Call [number]");
        check("/x%204111111111111111%20y", "/x%20[number]%20y");
        check("/v%2012%203456", "/v%2012%203456");
        check("/p/1234567890", "/p/1234567890");
        check("/p/4006381333931-name", "/p/4006381333931-name");
        check("/t/1763798400000", "/t/1763798400000");
        check("/order/4111111111111111a", "/order/4111111111111111a");
        check("/2025/11/22/story", "/2025/11/22/story");
        check("/p/0012345", "/p/0012345");
        check("قهوه ۱۲۳", "قهوه ۱۲۳");
    }

    #[test]
    fn text_without_personal_data_is_not_copied() {
        assert!(matches!(mask(Cow::Borrowed("/p/coffee-12?x=1")), Cow::Borrowed(_)));
    }

    proptest! {
        #[test]
        fn any_text_can_be_masked(text in "[a-z@.%0-9+ é-]{0,60}") {
            let once = mask(Cow::Borrowed(&text)).into_owned();
            prop_assert_eq!(mask_emails(&once), None);
        }
    }
}
