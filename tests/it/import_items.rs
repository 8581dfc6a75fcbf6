//! `ashna import items` on realistic shop files: valid rows are imported, others counted and reported, and an
//! unreadable file fails with one line.

use std::process::Output;

use serde_json::{Value, json};

use crate::service::{Service, ashna, refusal};

/// A service without a warehouse, which the catalogue does not need, and one of its sites.
struct Shop {
    service: Service,
    site: String,
}

impl Shop {
    async fn open() -> Self {
        let client = reqwest::Client::new();
        let mut service = Service::new(&[]).set("ASHNA__CLICKHOUSE__URL", "http://127.0.0.1:1");
        service.start();
        service.ready(&client).await;
        let added = service.command(&["site", "add", "--name", "Shop", "--origin", "https://shop.example"]);
        Self { service, site: added["site_id"].to_string().trim_matches('"').to_owned() }
    }

    /// A new site for the next file.
    fn another_site(&mut self) {
        let added = self.service.command(&["site", "add", "--name", "Other", "--origin", "https://other.example"]);
        self.site = added["site_id"].to_string().replace('"', "");
    }

    fn tries(&self, bytes: &[u8]) -> Output {
        let file = self.service.data().join("a file of items");
        std::fs::write(&file, bytes).expect("a file");
        self.service.tries(&["import", "items", file.to_str().expect("a path"), "--site", &self.site])
    }

    fn imports(&self, bytes: &[u8]) -> Value {
        let output = self.tries(bytes);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).expect("one JSON document")
    }
}

/// Counts: read, kept, dropped, rejected.
fn counts(answer: &Value) -> [u64; 4] {
    ["read", "kept", "dropped", "rejected"].map(|name| answer[name].as_u64().expect("a count"))
}

/// The rejected rows with their reasons.
fn refused(answer: &Value) -> Vec<(u64, &str)> {
    let rows = answer["rejected_rows"].as_array().map(Vec::as_slice).unwrap_or_default();
    rows.iter().map(|row| (row["row"].as_u64().expect("a row"), row["reason"].as_str().expect("a reason"))).collect()
}

const RSS: &str = "<?xml version=\"1.0\"?>\n<rss version=\"2.0\" xmlns:g=\"http://base.google.com/ns/1.0\"><channel>\
    <item><g:id>a</g:id><title>Mug &amp; &quot;spoon&quot;</title><g:price>12.00 EUR</g:price></item>\
    <item><g:id>b</g:id><title><![CDATA[Tea <green>]]></title><g:price>3.5 EUR</g:price></item>\
    <item><g:id>c</g:id><g:price>1.00 points</g:price></item><item><title>no id</title></item></channel></rss>";

#[tokio::test(flavor = "multi_thread")]
async fn every_format_is_imported_and_bad_rows_are_counted_and_reported() {
    let mut shop = Shop::open().await;
    let csv = "id,title,price,currency\r\na,\"Mug, \"\"red\"\"\nlarge\",12.00,EUR\r\nb,Tea,3.5,EUR\r\nc,Pot,1,EURO\r\n\
        ,no id,1,EUR\r\nd,Cup,dear,EUR\r\na,again,1,EUR\r\ne,too, many,1,EUR\r\n";
    let lines = "{\"id\":\"a\",\"title\":\"Mug\",\"price_minor\":1200,\"currency\":\"EUR\"}\r\n\r\n{\"id\":\"b\"}\r\n\
        no JSON\r\n{\"id\":\"\"}\r\n{\"id\":\"c\",\"currency\":\"EURO\"}\r\n{\"id\":\"b\"}";
    let tsv = "id\ttitle\tprice\tproduct type\na\tMug\t12.00 EUR\tHome > Kitchen\nb\tTea\t3,50 €\t\nc\tPot\t1 points\n";
    let rss = RSS.as_bytes();
    let [unreadable, id, currency] = ["unreadable_item", "bad_id", "bad_currency"];
    let files = [
        (csv.as_bytes(), vec![(5, "bad_currency"), (6, id), (7, "bad_price"), (8, "repeated_id"), (9, unreadable)]),
        (lines.as_bytes(), vec![(4, unreadable), (5, id), (6, currency), (7, "repeated_id")]),
        (tsv.as_bytes(), vec![(4, "bad_price")]),
        (rss, vec![(3, "bad_price"), (4, id)]),
    ];
    for (file, expected) in files {
        let shown = String::from_utf8_lossy(file);
        let rejected = expected.len() as u64;
        let answer = shop.imports(file);
        let mut named = refused(&answer);
        named.sort_unstable();
        assert_eq!((counts(&answer), named), ([2 + rejected, 2, 0, rejected], expected), "{shown}\n{answer}");
        assert!(answer["rejected_rows"][0]["message"].as_str().expect("a message").len() > 10, "{answer}");
        // The same file again, now with a byte order mark, changes nothing.
        let marked = [b"\xef\xbb\xbf", file].concat();
        assert_eq!(counts(&shop.imports(&marked)), [2 + rejected, 0, 2, rejected], "{shown}");
        shop.another_site();
    }
    // As text, and from standard input.
    let data = shop.service.data().to_str().expect("a path").to_owned();
    let message = ashna(&["import", "items", "-", "--site", &shop.site, "--data-dir", &data], csv.as_bytes());
    let message = String::from_utf8_lossy(&message.stdout).into_owned();
    for expected in
        ["rejected           5", "bad_currency", "row 7: item \"d\": `price` is \"dear\"", "row 9: the row has 5"]
    {
        assert!(message.contains(expected), "{message:?} lacks {expected:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unreadable_file_fails_with_one_line_and_keeps_the_rows_before() {
    let shop = Shop::open().await;
    let check = |bytes: &[u8], expected: &[&str]| {
        let message = refusal(&shop.tries(bytes));
        assert!(expected.iter().all(|text| message.contains(text)), "{message:?} lacks {expected:?}");
    };
    check(b"", &["the file is empty"]);
    check(b"\xef\xbb\xbf \r\n", &["the file is empty"]);
    check(b"name,price\nMug,1\n", &["column `id`"]);
    check("id,title\nа,Кружка\n".encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>().as_slice(), &["UTF-16"]);
    check(b"id,title\ncut-1,Mug\ncut-2,Po\ncut-3", &["in the middle of row 4", "of 2 rows before it 2 were kept"]);
    check(b"{\"id\":\"cut-4\"}\n{\"id\":\"cut-5\",\"ti", &["in the middle of row 2", "1 were kept"]);
    check(b"id,title\nq-1,Mug\nq-2,\"Pot\nq-3,Cup\n", &["line 3 is never closed", "1 were kept"]);
    let cut = RSS.split_at(RSS.find("<item><g:id>c").expect("the third")).0;
    check(cut.as_bytes(), &["ends in the middle", "of 2 rows before it 2 were kept"]);
    check(b"<?xml version=\"1.0\" encoding=\"klingon\"?><rss><item><id>a</id></item></rss>", &["klingon", "UTF-8"]);
    let nowhere = shop.service.tries(&["import", "items", "/nowhere.csv", "--site", &shop.site]);
    assert!(refusal(&nowhere).contains("cannot read /nowhere.csv"));
    let stranger = shop.service.tries(&["import", "items", "-", "--site", "99"]);
    assert!(refusal(&stranger).contains("there is no site 99"));
}

#[tokio::test(flavor = "multi_thread")]
async fn latin_1_bytes_huge_fields_and_other_currencies_affect_only_their_rows() {
    let mut shop = Shop::open().await;
    // Each format with a row of Latin-1 bytes between two valid ones.
    let files: [(&[u8], u64); 3] = [
        (b"id,title\na,Tea\nb,caf\xe9\nc,Pot\n", 3),
        (b"{\"id\":\"a\"}\n{\"id\":\"b\",\"title\":\"caf\xe9\"}\n{\"id\":\"c\"}\n", 2),
        (b"id\ttitle\na\tTea\nb\tcaf\xe9\nc\tPot\n", 3),
    ];
    for (file, row) in files {
        let answer = shop.imports(file);
        assert_eq!((counts(&answer), refused(&answer)), ([3, 2, 0, 1], vec![(row, "unreadable_item")]), "{answer}");
        shop.another_site();
    }
    let xml = b"<rss><item><id>a</id></item><item><id>b</id><title>caf\xe9</title></item><item><id>c</id></item></rss>";
    let answer = shop.tries(xml);
    assert!(!answer.status.success() || refused(&serde_json::from_slice(&answer.stdout).expect("JSON")).len() == 1);

    shop.another_site();
    let huge = "x".repeat(900_000);
    let csv = format!("id,title,attribute\na,{huge},1\nb,Tea,{huge}\nc,Pot,1\n{huge},Cup,1\n");
    let answer = shop.imports(csv.as_bytes());
    assert_eq!(counts(&answer), [4, 1, 0, 3], "{answer}");
    assert!(answer.to_string().len() < 5000, "huge values are not repeated in errors");
    let line = |id: &str, title: &str| json!({ "id": id, "title": title }).to_string() + "\n";
    let lines = [line("d", "Tea"), line("e", &"y".repeat(3 << 20)), line("f", "Pot")].concat();
    let answer = shop.imports(lines.as_bytes());
    assert_eq!((counts(&answer), refused(&answer)), ([3, 2, 0, 1], vec![(2, "item_too_large")]));

    // A price in another currency keeps that currency and its exact amount.
    shop.another_site();
    let answer = shop.imports("id,price\na,12.00 EUR\nb,1200 JPY\nc,12.5 JPY\nd,1.234 KWD\ne,45000 IRT\n".as_bytes());
    assert_eq!((counts(&answer), refused(&answer)), ([5, 4, 0, 1], vec![(4, "bad_price")]), "{answer}");
}
