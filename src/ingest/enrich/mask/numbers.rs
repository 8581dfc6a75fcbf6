//! Masks payment cards, phone numbers and social security numbers in common notations, with Latin, Persian or Arabic
//! digits.

use super::Replacer;

const NUMBER: &str = "[number]";

/// `None` if there is no such number.
pub(super) fn mask(text: &str) -> Option<String> {
    let bytes = text.as_bytes();
    let mut masked = Replacer::default();
    let (mut i, mut inside_word) = (0, false);
    while i < bytes.len() {
        if is_escape(&bytes[i..]) {
            (i, inside_word) = (i + 3, false);
            continue;
        }
        if inside_word || digit(&bytes[i..]).is_none() {
            (inside_word, i) = (is_word(bytes[i]), i + 1);
            continue;
        }
        let run = Run::at(bytes, i);
        if run.is_personal(bytes) {
            masked.replace(text, run.begin, run.end, NUMBER);
        }
        (i, inside_word) = (run.end, true);
    }
    masked.finish(text)
}

/// Whether it begins with an escaped byte such as `%20`.
fn is_escape(bytes: &[u8]) -> bool {
    matches!(bytes, [b'%', high, low, ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit())
}

const fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// The digit at the beginning, and its length in bytes: `7`, `۷` (U+06F7) or `٧` (U+0667).
fn digit(bytes: &[u8]) -> Option<(u8, usize)> {
    match bytes {
        [b'0'..=b'9', ..] => Some((bytes[0] - b'0', 1)),
        [0xdb, low @ 0xb0..=0xb9, ..] => Some((low - 0xb0, 2)),
        [0xd9, low @ 0xa0..=0xa9, ..] => Some((low - 0xa0, 2)),
        _ => None,
    }
}

/// Digits in groups with single spaces, dashes or dots between them, as cards and phone numbers are written.
struct Run {
    begin: usize,
    end: usize,
    digits: [u8; 20],
    /// Number of digits; more than `digits` can hold means neither card nor phone number.
    count: usize,
    international: bool,
    /// Lengths of the first groups between dashes.
    groups: [u8; 4],
    dashes: usize,
}

impl Run {
    fn at(bytes: &[u8], begin: usize) -> Self {
        let before = &bytes[..begin];
        let plus = if before.ends_with(b"+") {
            1
        } else if before.ends_with(b"%2B") || before.ends_with(b"%2b") {
            3
        } else {
            0
        };
        let mut run = Self {
            begin: begin - plus,
            end: begin,
            digits: [0; 20],
            count: 0,
            international: plus > 0,
            groups: [0; 4],
            dashes: 0,
        };
        let mut i = begin;
        while i < bytes.len() {
            if let Some((value, length)) = digit(&bytes[i..]) {
                if let Some(digit) = run.digits.get_mut(run.count) {
                    *digit = value;
                }
                if let Some(group) = run.groups.get_mut(run.dashes) {
                    *group = group.saturating_add(1);
                }
                run.count += 1;
                i += length;
                run.end = i;
                continue;
            }
            let gap = gap(&bytes[i..]);
            if gap == 0 || digit(&bytes[i + gap..]).is_none() {
                break;
            }
            run.dashes += usize::from(bytes[i] == b'-');
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
        phone || is_card(digits) || self.is_social_security(digits)
    }

    /// Nine digits as 3-2-4, with a valid area. Dates have another form.
    fn is_social_security(&self, digits: &[u8]) -> bool {
        self.dashes == 2
            && self.groups == [3, 2, 4, 0]
            && digits[0] != 9
            && digits[..3] != [0, 0, 0]
            && digits[..3] != [6, 6, 6]
            && digits[3..5] != [0, 0]
            && digits[5..] != [0, 0, 0, 0]
    }
}

/// Length of a separator between two groups of one number; 0 for anything else.
fn gap(bytes: &[u8]) -> usize {
    match bytes {
        // Around an area code.
        [b' ', b'(', ..] | [b')', b' ' | b'-', ..] => 2,
        [b' ' | b'-' | b'.' | b'+', ..] => 1,
        [b'%', b'2', b'0', ..] => 3,
        _ => 0,
    }
}

/// First digits of issuers, lengths, and the Luhn checksum. Thirteen digits are left for product numbers (EAN).
fn is_card(digits: &[u8]) -> bool {
    // 9 is for national use; 9919 belongs to an Iranian bank.
    let issued = matches!(digits.first(), Some(2..=6)) || digits.starts_with(&[9, 9, 1, 9]);
    if !(14..=19).contains(&digits.len()) || !issued {
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
    use super::*;

    #[test]
    fn personal_numbers_are_masked_and_others_stay() {
        let check = |text: &str, expected: &str| {
            assert_eq!(mask(text).as_deref().unwrap_or(text), expected, "{text}");
        };
        check("/pay/4111111111111111", "/pay/[number]");
        check("Card 4111 1111 1111 1111!", "Card [number]!");
        check("/card/6037-9911-2345-6788", "/card/6037-9911-2345-6788");
        check("/card/6037-9975-9999-9993", "/card/[number]");
        check("کارت ۶۰۳۷۹۹۷۵۹۹۹۹۹۹۹۳ من", "کارت [number] من");
        check("بطاقة ٤١١١ ١١١١ ١١١١ ١١١١", "بطاقة [number]");
        check("/tel/+442079460958", "/tel/[number]");
        check("/tel/%2B98%20912%20345%206789", "/tel/[number]");
        check("Call 0912 345 6789", "Call [number]");
        check("تماس ۰۹۱۲۳۴۵۶۷۸۹", "تماس [number]");
        check("Call +1 (415) 555-0132", "Call [number]");
        check("12 (34) 56", "12 (34) 56");
        check("SSN 219-09-9999", "SSN [number]");
        check("SSN 666-09-9999, 900-12-1234, 219-00-9999", "SSN 666-09-9999, 900-12-1234, 219-00-9999");
        check("/x%204111111111111111%20y", "/x%20[number]%20y");
        check("/v%2012%203456", "/v%2012%203456");
        check("/p/1234567890", "/p/1234567890");
        check("/p/4006381333931-name", "/p/4006381333931-name");
        check("/t/1763798400000", "/t/1763798400000");
        check("/order/4111111111111111a", "/order/4111111111111111a");
        check("/2025/11/22/story", "/2025/11/22/story");
        check("2025-11-22", "2025-11-22");
        check("/p/0012345", "/p/0012345");
        check("۱۲۳ قهوه ۱۴۰۴", "۱۲۳ قهوه ۱۴۰۴");
    }
}
