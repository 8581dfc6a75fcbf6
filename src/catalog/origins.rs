//! Origins of a site's pages, as an owner enters them and as browsers send them.

use url::Url;

/// Maximum length of an origin, bytes.
const ORIGIN_BYTES_MAX: usize = 300;

/// Normalizes an origin to the form browsers send: lowercase, international names in ASCII, without the scheme's
/// default port. `HTTPS://Shop.example:443/` becomes `https://shop.example`.
///
/// # Errors
/// One line that names the origin and says what is wrong with it.
pub(super) fn normalized(text: &str) -> Result<String, String> {
    let text = text.trim();
    let refuse = |why: &str| {
        let shown: String = text.chars().take(80).filter(|c| !c.is_control()).collect();
        Err(format!("the origin `{shown}` cannot be used: {why}"))
    };
    if text.contains('*') {
        return refuse("wildcards are not supported; list every origin, such as https://shop.example");
    }
    let url = match Url::parse(text) {
        Ok(url) if matches!(url.scheme(), "http" | "https") => url,
        Ok(_) | Err(url::ParseError::RelativeUrlWithoutBase) => {
            return refuse("it must begin with http:// or https://, such as https://shop.example");
        }
        Err(error) => return refuse(&format!("{error}; write it as https://shop.example")),
    };
    if !url.username().is_empty() || url.password().is_some() {
        return refuse("it must not have a user name or password");
    }
    let origin = url.origin().ascii_serialization();
    if url.path() != "/" || url.query().is_some() || url.fragment().is_some() {
        return refuse(&format!("an origin has no path, query or fragment; write {origin}"));
    }
    if origin.len() > ORIGIN_BYTES_MAX {
        return refuse("it is too long");
    }
    Ok(origin)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_become_what_browsers_send() {
        for (written, sent) in [
            ("https://shop.example", "https://shop.example"),
            (" https://shop.example/ ", "https://shop.example"),
            ("HTTPS://Shop.EXAMPLE", "https://shop.example"),
            ("http://shop.example:80", "http://shop.example"),
            ("https://shop.example:443/", "https://shop.example"),
            ("http://shop.example:443", "http://shop.example:443"),
            ("http://localhost:5173", "http://localhost:5173"),
            ("http://[::1]:8080", "http://[::1]:8080"),
            ("https://فروشگاه.example", "https://xn--mgbtj4c7ad63e.example"),
            ("https://Bücher.example", "https://xn--bcher-kva.example"),
        ] {
            assert_eq!(normalized(written).as_deref(), Ok(sent), "{written}");
        }
    }

    #[test]
    fn what_is_no_origin_is_refused_by_name() {
        for (written, why) in [
            ("https://*.shop.example", "wildcards"),
            ("http://*.example", "wildcards"),
            ("*", "wildcards"),
            ("shop.example", "begin with http"),
            ("javascript:alert(1)", "begin with http"),
            ("ftp://shop.example", "begin with http"),
            ("null", "begin with http"),
            ("", "begin with http"),
            ("https://", "host"),
            ("https://shop.example:99999", "port"),
            ("https://shop.example/path", "write https://shop.example"),
            ("https://shop.example?q=1", "no path"),
            ("https://shop.example/#top", "no path"),
            ("https://me:secret@shop.example", "user name"),
        ] {
            let message = normalized(written).unwrap_err();
            assert!(message.contains(why) && message.contains(written), "{written}: {message}");
            assert!(!message.contains('\n'));
        }
        assert!(normalized(&format!("https://{}.example", "a.".repeat(200))).is_err());
        assert!(!normalized("https://a\nb\u{1b}.example/x").unwrap_err().contains('\n'));
    }
}
