//! Files of every format, valid and hostile.

use std::io::Write;

use proptest::prelude::*;
use serde_json::json;

use super::*;

fn options() -> ReadOptions {
    ReadOptions { currency: Currency(*b"EUR"), now: Timestamp(1_763_798_400_000), bytes_max: 64 << 20 }
}

/// The items, the rejected rows with reasons, and the error that ended the file.
fn read(bytes: &[u8]) -> (Vec<ItemBody>, Vec<(u64, &'static str)>, Option<String>) {
    let (mut items, mut refused) = (Vec::new(), Vec::new());
    let rows = match open(bytes, options()) {
        Ok(rows) => rows,
        Err(error) => return (items, refused, Some(error.to_string())),
    };
    for row in rows {
        match row {
            Ok(Row { item: Ok(item), .. }) => items.push(item),
            Ok(Row { item: Err(issue), number }) => refused.push((number, issue.kind.as_str())),
            Err(error) => return (items, refused, Some(error.to_string())),
        }
    }
    (items, refused, None)
}

const RSS: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<rss xmlns:g="http://base.google.com/ns/1.0" version="2.0"><channel><title>Shop</title><link>https://shop.example</link>
<item><g:id>P1</g:id><g:title>Mug &amp; spoon &#x201c;red&#x201d;</g:title><link>https://shop.example/p1?a=1&amp;b=2</link>
<g:image_link>https://shop.example/p1.jpg</g:image_link><g:price>12.00 EUR</g:price><g:sale_price>9.99 EUR</g:sale_price>
<g:availability>in_stock</g:availability><g:brand>Acme</g:brand><g:product_type>Home &gt; Kitchen &gt; Mugs</g:product_type>
<g:google_product_category>2169</g:google_product_category><g:condition>new</g:condition><g:gtin>4006381333931</g:gtin>
<g:item_group_id>mug</g:item_group_id><g:custom_label_0>sale</g:custom_label_0>
<g:shipping><g:country>DE</g:country><g:price>4.90 EUR</g:price></g:shipping>
<description><![CDATA[<b>A mug</b> & more]]></description></item>
<item><g:id>P2</g:id><g:title>Pot</g:title><g:price>free</g:price></item>
<item><g:id>P1</g:id><g:title>Again</g:title></item>
<item><g:id>P3</g:id><g:availability>out of stock</g:availability><g:sale_price>1.00 EUR</g:sale_price>
<g:price>2.00 EUR</g:price><g:sale_price_effective_date>2020-01-01T00:00+0000/2020-02-01T00:00+0000</g:sale_price_effective_date></item>
</channel></rss>"#;

#[test]
fn a_google_feed_becomes_items() {
    let (items, refused, end) = read(RSS.as_bytes());
    assert_eq!((refused, end), (vec![(2, "bad_price"), (3, "repeated_id")], None));
    let mug = &items[0];
    assert_eq!((mug.id.as_str(), mug.title.as_str(), mug.brand.as_str()), ("P1", "Mug & spoon “red”", "Acme"));
    assert_eq!((mug.url.as_str(), mug.item_group.as_str()), ("https://shop.example/p1?a=1&b=2", "mug"));
    assert_eq!((mug.price_minor, mug.currency.as_str(), mug.available), (999, "EUR", true));
    assert_eq!(mug.categories, ["Mugs", "Kitchen", "Home"]);
    assert_eq!(
        serde_json::Value::from(mug.attributes.clone()),
        json!({"condition": "new", "custom_label_0": "sale", "description": "<b>A mug</b> & more", "gtin": "4006381333931",
               "google_product_category": "2169", "regular_price_minor": 1200})
    );
    assert_eq!((items[1].id.as_str(), items[1].available, items[1].price_minor), ("P3", false, 200));
}

#[test]
fn atom_has_its_links_in_attributes() {
    let atom = r#"<feed xmlns="http://www.w3.org/2005/Atom" xmlns:g="http://base.google.com/ns/1.0"><title>Shop</title>
        <entry><g:id>a</g:id><title>Tea</title><link href="https://shop.example/a?x=1&amp;y"/><g:price>EUR 3.50</g:price></entry></feed>"#;
    let (items, refused, end) = read(atom.as_bytes());
    assert_eq!((items.len(), refused.len(), end), (1, 0, None));
    assert_eq!((items[0].url.as_str(), items[0].price_minor), ("https://shop.example/a?x=1&y", 350));
}

#[test]
fn tables_are_recognized_by_their_header() {
    let tsv = "id\ttitle\tprice\tavailability\tproduct type\ttitle:fa\n1\tMug\t12.00 EUR\tin stock\tA > B\tماگ\n2\tPot\tx\t\t\n";
    let (items, refused, end) = read(tsv.as_bytes());
    assert_eq!((items.len(), refused, end), (1, vec![(3, "bad_price")], None));
    assert_eq!(
        (items[0].categories.clone(), items[0].titles["fa"].as_str()),
        (vec!["B".to_owned(), "A".to_owned()], "ماگ")
    );
    let csv = "\u{feff}id,title,price_minor,currency,available,tags,colour\r\n1,\"Mug, \"\"red\"\"\",1250,USD,false,a|b,red\r\n";
    let (items, _, _) = read(csv.as_bytes());
    assert_eq!(
        (items[0].title.as_str(), items[0].price_minor, items[0].currency.as_str()),
        ("Mug, \"red\"", 1250, "USD")
    );
    assert_eq!((items[0].available, items[0].tags.len(), &items[0].attributes["colour"]), (false, 2, &json!("red")));
    let (items, _, _) = read("id;title;price\n7;Mug;12,50\n".as_bytes());
    assert_eq!(items[0].price_minor, 1250);
    assert!(read(b"name,price\nx,1\n").2.unwrap().contains("a column `id`"));
    let latin1 = b"id,title\n1,caf\xe9\n2,tea\n";
    assert_eq!(read(latin1).1, [(2, "unreadable_item")]);
}

#[test]
fn json_comes_as_lines_or_as_an_array() {
    let lines = "{\"id\":\"a\"}\n\nnot JSON\n{\"id\":\"b\",\"price_minor\":1.5}\n{\"id\":\"c\"}";
    let (items, refused, end) = read(lines.as_bytes());
    assert_eq!((items.len(), refused, end), (2, vec![(3, "unreadable_item"), (4, "unreadable_item")], None));
    let array = r#" [ {"id":"a","title":"x,y]\"}"}, {"id":"b","tags":["1","2"]} , 7 ] "#;
    let (items, refused, end) = read(array.as_bytes());
    assert_eq!((items.len(), refused, end), (2, vec![(3, "unreadable_item")], None));
    assert_eq!((items[0].title.as_str(), items[1].tags.len()), ("x,y]\"}", 2));
}

#[test]
fn compressed_files_are_decompressed_and_bounded() {
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packer.write_all(RSS.as_bytes()).unwrap();
    assert_eq!(read(&packer.finish().unwrap()).0.len(), 2);
    let mut bomb = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    bomb.write_all(b"id,title\n").unwrap();
    for _ in 0..80 << 10 {
        bomb.write_all(&[b'a'; 1023]).unwrap();
        bomb.write_all(b"\n").unwrap();
    }
    assert!(read(&bomb.finish().unwrap()).2.unwrap().contains("larger than 67108864 bytes"));
}

#[test]
fn hostile_files_end_in_one_clear_line() {
    let check = |bytes: &[u8], message: &str| {
        let end = read(bytes).2.unwrap_or_default();
        assert!(end.contains(message) && !end.contains('\n'), "{end:?} lacks {message:?}");
    };
    check(b"", "empty");
    check(b"i\0d\0,\0", "UTF-16");
    check(b"<?xml version=\"1.0\" encoding=\"no-such\"?><rss/>", "no-such; save it as UTF-8");
    check(b"PK\x03\x04\x14\x00", "ZIP archive");
    check(b"BZh91AY&SY", "bzip2");
    check(
        b"<!DOCTYPE yml_catalog SYSTEM \"shops.dtd\"><yml_catalog><shop><offer/></shop></yml_catalog>",
        "`yml_catalog`",
    );
    check(b"<urlset><url><loc>https://shop.example/a</loc></url></urlset>", "`urlset`");
    check(
        br#"<!DOCTYPE lolz [<!ENTITY lol "lol"><!ENTITY l "&lol;&lol;">]><rss><item><id>&l;</id></item></rss>"#,
        "in a document type",
    );
    check(b"<rss><channel><item><id>1</id>", "ends in the middle");
    check(b"<rss><channel><item></channel></rss>", "cannot be read");
    check("<a>".repeat(100).as_bytes(), "too deep");
    let endless = [b"id,title\n1,\"".to_vec(), vec![b'x'; 8 << 20]].concat();
    check(&endless, "a quote or an element is not closed");
    let endless = [b"<rss><item><id>1</id><title>".to_vec(), vec![b'x'; 8 << 20]].concat();
    check(&endless, "a quote or an element is not closed");
    let wide =
        [b"{\"id\":\"a\"}\n{\"id\":\"".to_vec(), vec![b'x'; 4 << 20], b"\"}\n{\"id\":\"b\"}\n".to_vec()].concat();
    let (items, refused, end) = read(&wide);
    assert_eq!((items.len(), refused, end), (2, vec![(2, "item_too_large")], None));
    let unknown = b"<rss><item><id>1</id><title>a &nbsp; b</title></item><item><id>2</id></item></rss>";
    assert_eq!((read(unknown).0.len(), read(unknown).1), (1, vec![(1, "unreadable_item")]));
}

#[test]
fn files_are_read_as_other_programs_write_them() {
    let check = |file: &[u8], expected: &[(&str, &str, i64)]| {
        let (items, refused, end) = read(file);
        let found: Vec<(&str, &str, i64)> =
            items.iter().map(|item| (item.id.as_str(), item.title.as_str(), item.price_minor)).collect();
        assert_eq!((&*found, &*refused, end), (expected, &[][..], None), "{}", String::from_utf8_lossy(file));
    };
    let mug = [("7", "Mug", 1250)];
    check(b"# written by a shop\n# on Monday\nid,title,price\n7,Mug,\"12,5 EUR\"\n", &mug);
    check(b"sep=;\nid;title;price\n7;Mug;12,50\n", &mug);
    let utf16: Vec<u8> =
        "\u{feff}id\ttitle\tprice\n7\tTasse \u{e9}\t12.50\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    check(&utf16, &[("7", "Tasse \u{e9}", 1250)]);
    let latin = b"<?xml version='1.0' encoding='ISO-8859-1'?><rss><item><id>7</id><title>caf\xe9</title></item></rss>";
    check(latin, &[("7", "caf\u{e9}", 0)]);
    let cyrillic = b"<?xml version=\"1.0\" encoding=\"windows-1251\"?><rss><item><id>7</id><title>\xcc\xff\xf7</title></item></rss>";
    check(cyrillic, &[("7", "\u{41c}\u{44f}\u{447}", 0)]);
    check(b"<!DOCTYPE rss><rss><item><id>7</id><title><b>Mug</b></title><price>12.50</price></item></rss>", &mug);
    check(
        b"<rss><item><id>7</id><title><![CDATA[Mug &amp; <b>spoon</b>]]></title></item></rss>",
        &[("7", "Mug & spoon", 0)],
    );
    check(br#"[{"id": 7, "title": "Mug", "price": "12,50 EUR"}]"#, &mug);
    // WooCommerce's own table.
    let table = b"ID,Type,SKU,Name,In stock?,Regular price,Sale price,Categories,Images\n\
        7,simple,m-7,Mug,0,12.50,0.00,\"Home > Mugs\",\"https://shop.example/a.png, https://shop.example/b.png\"\n";
    check(table, &mug);
    let item = read(table).0.remove(0);
    assert_eq!((item.available, item.image.as_str()), (false, "https://shop.example/a.png"));
    let large =
        [b"[{\"id\":\"a\",\"title\":\"".to_vec(), vec![b'x'; 5 << 20], b"\"},{\"id\":\"b\"}]".to_vec()].concat();
    let (items, refused, end) = read(&large);
    assert_eq!((items.len(), refused, end), (1, vec![(1, "item_too_large")], None));
}

#[test]
fn a_cut_off_file_is_reported_and_the_rows_before_it_count() {
    let check = |text: &str, kept: usize, message: &str| {
        let (items, _, end) = read(text.as_bytes());
        let end = end.unwrap_or_default();
        assert!(items.len() == kept && end.contains(message), "{text:?}: {} {end:?}", items.len());
    };
    check("id,title,price\n1,Mug,1.00 EUR\n2,Po", 1, "ends in the middle of row 3");
    check("id\ttitle\tprice\n1\tMug\t1\n2\t", 1, "ends in the middle of row 3");
    check("id,title\n1,Mug\n2,\"Pot\n3,Cup\n4,Jug\n", 1, "row at line 3 is never closed");
    check("id,title\n1,Mug\n2,\"Po", 1, "row at line 3 is never closed");
    check("id,\"title\n1,Mug\n", 0, "row at line 1 is never closed");
    check("{\"id\":\"1\"}\n{\"id\":\"2\",\"tit", 1, "ends in the middle of row 2");
    check("[{\"id\":\"1\"},{\"id\":\"2\",", 1, "ends in the middle of row 2");
    check("[{\"id\":\"1\"},", 1, "ends in the middle of row 2");
    check("[{\"id\":\"1\"}", 0, "ends in the middle of row 1");
    check("<rss><item><id>1</id></item><item><id>2</id><tit", 1, "cannot be read after item 1");
}

#[test]
fn a_file_need_not_end_with_a_line_terminator() {
    for text in [
        "id,title\n1,Mug\n2,Pot",
        "id,title\n1,Mug\n2,\"Pot\"",
        "id,title\r\n1,Mug\r\n2,Pot\r\n\r\n",
        "{\"id\":\"1\",\"title\":\"Mug\"}\r\n{\"id\":\"2\",\"title\":\"Pot\"}",
        "title,id\nMug,1\nPot,2",
    ] {
        let (items, refused, end) = read(text.as_bytes());
        let found: Vec<(&str, &str)> = items.iter().map(|item| (item.id.as_str(), item.title.as_str())).collect();
        assert_eq!((found, refused, end), (vec![("1", "Mug"), ("2", "Pot")], vec![], None), "{text:?}");
    }
    let (items, refused, end) = read(b"id,title");
    assert_eq!((items.len(), refused, end), (0, vec![], None), "a header alone");
    assert_eq!(read(b"{\"id\":\"1\"}\nno JSON at all").1, [(2, "unreadable_item")]);
}

#[test]
fn rows_are_numbered_by_the_line_they_start_on() {
    let text = "id,title,price\n1,\"Mug\nred\",x\n\n\n2,Pot,x\n3,\"a\n\nb\",1\n4,Cup,x\n5,Jug,x";
    let expected = [2, 6, 10, 11].map(|line| (line, "bad_price"));
    assert_eq!(read(text.as_bytes()).1, expected);
    assert_eq!(read(text.replace('\n', "\r\n").as_bytes()).1, expected);
    let cut = "id,title\r\n1,\"a\r\nb\"\r\n\r\n2,\"Pot\r\n3,Cup\r\n";
    assert!(read(cut.as_bytes()).2.unwrap().contains("line 5 is never closed"));
}

#[test]
fn an_unquoted_delimiter_in_a_text_is_detected() {
    let (items, refused, _) = read(b"id,title,price\n1,Mug,1.00 EUR,,\n2,Mug, red,2.00 EUR\n3,Pot\n");
    assert_eq!((items.len(), refused), (2, vec![(3, "unreadable_item")]));
}

proptest! {
    /// Whatever the bytes are, parsing ends, and every row is an item or has a reason.
    #[test]
    fn no_bytes_make_parsing_panic_or_run_forever(
        start in prop_oneof![Just("id,title\n"), Just("<rss><item><id>"), Just("["), Just("{"), Just("id\ttitle\n")],
        bytes in proptest::collection::vec(any::<u8>(), 0..400),
    ) {
        let all = [start.as_bytes(), &bytes].concat();
        let (items, refused, _) = read(&all);
        prop_assert!(items.len() + refused.len() <= all.len());
    }

    /// The items do not depend on how the bytes are split.
    #[test]
    fn the_size_of_the_chunks_does_not_matter(size in 1_usize..60, which in 0_usize..3) {
        struct Slow<'a>(&'a [u8], usize);
        impl Read for Slow<'_> {
            fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
                let n = self.1.min(self.0.len()).min(buffer.len());
                buffer[..n].copy_from_slice(&self.0[..n]);
                self.0 = &self.0[n..];
                Ok(n)
            }
        }
        let text = [RSS, "[{\"id\":\"a\"},{\"id\":\"b\"}]", "id,title\n1,x\n2,\"y\nz\"\n"][which];
        let slow = open(Slow(text.as_bytes(), size), options()).unwrap();
        let ids: Vec<String> = slow.filter_map(|row| Some(row.unwrap().item.ok()?.id)).collect();
        let whole: Vec<String> = read(text.as_bytes()).0.into_iter().map(|item| item.id).collect();
        prop_assert_eq!(ids, whole);
    }
}

#[test]
fn memory_per_file_is_bounded() {
    let lines: Vec<String> = (0..10).map(|n| format!("{{\"id\":\"i{n}\",\"title\":\"t\"}}")).collect();
    let lines = lines.join("\n");
    let options = ReadOptions { currency: Currency::NONE, now: Timestamp(0), bytes_max: 1 << 20 };
    let mut rows = open(lines.as_bytes(), options).unwrap();
    rows.items_max = 4;
    let read: Vec<_> = rows.by_ref().collect();
    assert_eq!(read.len(), 5);
    assert!(matches!(read[4], Err(FeedError::TooMany(4))));
    assert!(rows.next().is_none());
}
