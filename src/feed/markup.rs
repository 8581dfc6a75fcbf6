//! Texts that shops export as HTML.

/// A title without HTML tags and with its character references resolved; other texts are unchanged.
pub(super) fn plain_text(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(['<', '&']) {
        plain.push_str(&rest[..at]);
        rest = &rest[at..];
        let (replacement, length) =
            tag(rest).map(|length| (None, length)).or_else(|| reference(rest)).unwrap_or_else(|| {
                // A character that only looks like markup.
                (rest.chars().next(), 1)
            });
        plain.extend(replacement);
        rest = &rest[length..];
    }
    plain.push_str(rest);
    plain.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Tags of HTML that occur in titles.
const TAGS: [&str; 34] = [
    "a", "abbr", "b", "big", "br", "center", "del", "div", "em", "font", "h1", "h2", "h3", "h4", "h5", "h6", "i",
    "img", "ins", "li", "ol", "p", "s", "small", "span", "strike", "strong", "sub", "sup", "td", "tr", "u", "ul",
    "wbr",
];

/// Length of the HTML tag that a text begins with: `<b>`, `</span>`, `<br/>`; `5 < 6` and `<green>` are none.
fn tag(text: &str) -> Option<usize> {
    let inner = text.strip_prefix('<')?;
    let name = inner.strip_prefix('/').unwrap_or(inner);
    let length = name.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(name.len());
    TAGS.iter().any(|tag| tag.eq_ignore_ascii_case(&name[..length])).then_some(())?;
    let end = inner.find(['<', '>']).filter(|end| inner.as_bytes()[*end] == b'>')?;
    Some(end + 2)
}

/// The character of the reference that a text begins with, and the reference's length.
fn reference(text: &str) -> Option<(Option<char>, usize)> {
    let end = text.bytes().take(12).position(|byte| byte == b';')?;
    let name = text.get(1..end)?;
    let character = match name {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        "nbsp" => ' ',
        _ => {
            let number = name.strip_prefix('#')?;
            let code = match number.strip_prefix(['x', 'X']) {
                Some(hexadecimal) => u32::from_str_radix(hexadecimal, 16).ok()?,
                None => number.parse().ok()?,
            };
            char::from_u32(code).filter(|c| !c.is_control())?
        }
    };
    Some((Some(character), end + 1))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::plain_text;

    #[test]
    fn markup_is_removed_from_titles() {
        let check = |text: &str, expected: &str| assert_eq!(plain_text(text), expected, "{text}");
        check("Mug &amp; <b>spoon</b>", "Mug & spoon");
        check("Caf&#233; &#x201C;Rosa&#x201d;&nbsp;1<br/>kg", "Café “Rosa” 1kg");
        check("Size 5 < 6 > 4 & more", "Size 5 < 6 > 4 & more");
        check("AT&T; R&D", "AT&T; R&D");
        check("<3 hearts", "<3 hearts");
        check("Tea <green>", "Tea <green>");
        check("<SPAN class='x'>Mug</SPAN>", "Mug");
        check("&#0; &#xD800; &;", "&#0; &#xD800; &;");
        check("", "");
    }

    proptest! {
        #[test]
        fn any_text_is_read(text in "[<>&;#xa-f0-9/ é]{0,40}") {
            plain_text(&text);
        }
    }
}
