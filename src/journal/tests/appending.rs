//! Appending, reading, rotating, releasing.

use super::*;

#[tokio::test]
async fn what_was_appended_is_read_back_in_order_across_segments_and_restarts() {
    let dir = tempfile::tempdir().unwrap();
    let mut expected = Vec::new();
    for round in 0..3_u64 {
        let (journal, found) = open(dir.path());
        assert_eq!((found.records, found.next.0, found.torn_bytes), (round * 100, round * 100, 0));
        for i in 0..50 {
            let key = 1000 * round + i;
            let positions = journal.append(batch([key, key + 500])).await.unwrap();
            expected.extend([(positions.start.0, key), (positions.end.0 - 1, key + 500)]);
        }
        assert_eq!(read_all(&journal, 0), (expected.clone(), vec![]));
        assert_eq!(read_all(&journal, 37).0, expected[37..]);
    }
    assert!(std::fs::read_dir(dir.path()).unwrap().count() > 5, "segments were rotated");
}
