use proptest::{collection::vec, prelude::*, strategy::ValueTree};

use super::*;

fn text() -> impl Strategy<Value = Cow<'static, str>> {
    prop_oneof![Just(String::new()), "\\PC{0,12}", "[a-z]{120,200}"].prop_map(Cow::Owned)
}

fn page() -> impl Strategy<Value = Page<'static>> {
    (text(), text(), text(), text(), text(), text()).prop_map(
        |(host, path, query, title, referrer_host, referrer_path)| Page {
            host,
            path,
            query,
            title,
            referrer_host,
            referrer_path,
        },
    )
}

fn traffic() -> impl Strategy<Value = Traffic<'static>> {
    let channel = proptest::sample::select(Channel::ALL.to_vec());
    let click_id = proptest::sample::select(vec!["", "gclid", "fbclid"]);
    let campaign_params = vec((proptest::sample::select(vec!["utm_id", "utm_source_platform"]), text()), 0..3);
    (channel, text(), text(), text(), text(), text(), click_id, campaign_params).prop_map(
        |(channel, source, medium, campaign, term, content, click_id, campaign_params)| Traffic {
            channel,
            source,
            medium,
            campaign,
            term,
            content,
            click_id,
            campaign_params,
        },
    )
}

fn device() -> impl Strategy<Value = Device<'static>> {
    let class = proptest::sample::select(DeviceClass::ALL.to_vec());
    (class, text(), text(), text(), text()).prop_map(|(class, os, os_version, browser, browser_version)| Device {
        class,
        os,
        os_version,
        browser,
        browser_version,
    })
}

fn place() -> impl Strategy<Value = GeoLocation> {
    (text(), text(), text()).prop_map(|(country, region, city)| GeoLocation {
        country: country.into_owned(),
        region: region.into_owned(),
        city: city.into_owned(),
    })
}

fn items() -> impl Strategy<Value = Vec<ItemLine<'static>>> {
    vec((text(), any::<i64>(), any::<u32>()), 0..5).prop_map(|lines| {
        lines.into_iter().map(|(id, price_minor, quantity)| ItemLine { id, price_minor, quantity }).collect()
    })
}

/// Any event that `model` allows.
fn event() -> impl Strategy<Value = Event<'static>> {
    let head = (any::<u32>(), any::<u128>(), 1..=6_u8, text(), 0..=11_u8, any::<[i64; 3]>(), any::<u128>(), text());
    let flags = (any::<[bool; 3]>(), proptest::sample::select(vec!["", "crawler"]), any::<[u16; 2]>(), any::<i64>());
    let parts = (page(), traffic(), device(), place(), items());
    let tail = (text(), text(), text(), text(), text(), text(), vec(text(), 0..3), text());
    (head, flags, parts, tail).prop_map(|(head, flags, parts, tail)| Event {
        site: SiteId(head.0),
        message: MessageHash(head.1),
        kind: Kind::from_number(head.2).unwrap(),
        name: head.3,
        action: Action::from_number(head.4),
        occurred_at: Timestamp(head.5[0]),
        received_at: Timestamp(head.5[1]),
        visitor: VisitorId(head.6),
        user_id: head.7,
        user_verified: flags.0[0],
        session_start: Timestamp(head.5[2]),
        robot: flags.1,
        page: parts.0,
        traffic: parts.1,
        device: parts.2,
        place: parts.3,
        language: tail.0,
        timezone: tail.1,
        screen_width: flags.2[0],
        screen_height: flags.2[1],
        items: parts.4,
        category: tail.2,
        amount_minor: flags.3,
        currency: Currency(*b"EUR"),
        order_id: tail.3,
        properties: tail.4,
        library: tail.5,
        violations: tail.6,
        exposure: tail.7,
        by_server_key: flags.0[1],
        user_id_only: flags.0[2],
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn an_encoded_event_is_decoded_unchanged(event in event()) {
        let mut record = Vec::new();
        encode(&event, &mut record);
        prop_assert_eq!(split_checked(&record), Ok((VERSION, &record[1..])));
        prop_assert_eq!(decode(&record), Ok(event));
    }

    #[test]
    fn a_truncated_record_is_rejected_without_a_panic(event in event(), cut in any::<proptest::sample::Index>()) {
        let mut record = Vec::new();
        encode(&event, &mut record);
        record.truncate(cut.index(record.len()));
        prop_assert!(decode(&record).is_err());
        prop_assert!(split_checked(&record).is_err());
    }

    #[test]
    fn any_bytes_are_rejected_or_decoded_without_a_panic(mut bytes in vec(any::<u8>(), 0..400)) {
        if let Some(first) = bytes.first_mut() {
            *first = VERSION;
        }
        // Whatever can be decoded can be part of a batch.
        if decode(&bytes).is_ok() {
            prop_assert!(split_checked(&bytes).is_ok());
        }
    }
}

#[test]
fn records_of_earlier_versions_are_decoded() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let mut event = event().new_tree(&mut runner).unwrap().current();
    (event.by_server_key, event.user_id_only) = (false, false);
    let mut record = Vec::new();
    encode(&event, &mut record);
    // The fourth version appended two bytes.
    record[0] = VERSION_3;
    record.truncate(record.len() - 2);
    assert_eq!(decode(&record), Ok(event.clone()));
    assert_eq!(split_checked(&record), Ok((VERSION_3, &record[1..])));
    event.exposure = "".into();
    record.clear();
    encode(&event, &mut record);
    // The third version appended a string.
    record[0] = VERSION_2;
    record.truncate(record.len() - 3);
    assert_eq!(decode(&record), Ok(event.clone()));
    assert_eq!(split_checked(&record), Ok((VERSION_2, &record[1..])));
    (event.traffic.campaign_params, event.violations, event.exposure) = (Vec::new(), Vec::new(), Cow::Borrowed(""));
    record.clear();
    encode(&event, &mut record);
    // The second version appended two empty lists.
    record[0] = VERSION_1;
    record.truncate(record.len() - 5);
    assert_eq!(decode(&record), Ok(event));
    assert!(
        insert_statement(VERSION_1, "Native").is_some_and(|statement| statement.ends_with("library) FORMAT Native"))
    );
}

#[test]
fn unknown_versions_and_empty_records_are_rejected() {
    assert_eq!(decode(&[9, 0]), Err(RowError::UnknownVersion(9)));
    assert_eq!(decode(&[]), Err(RowError::Short));
}

/// A record that differs from others only by its path.
pub(in crate::store) fn record_with_path(path: &str) -> Vec<u8> {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let mut event = event().new_tree(&mut runner).unwrap().current();
    event.page.path = path.to_owned().into();
    (event.traffic.campaign_params, event.violations, event.exposure) = (Vec::new(), Vec::new(), Cow::Borrowed(""));
    let mut record = Vec::new();
    encode(&event, &mut record);
    record
}
