//! Items as a table with a header: CSV, TSV, and Google's text feed.

use std::io::BufRead;

use csv::ByteRecord;

use super::{
    FeedError, Row, Setting,
    bounds::{Meter, told},
    fields::{Draft, plain_name},
};
use crate::model::FlawKind;

/// Columns that are looked at.
const COLUMNS_MAX: usize = 300;

/// The rows of a table.
pub(super) struct Rows<R> {
    reader: csv::Reader<R>,
    columns: Vec<String>,
    record: ByteRecord,
    setting: Setting,
    meter: Meter,
}

impl<R: BufRead> Rows<R> {
    pub(super) fn open(source: R, delimiter: u8, setting: Setting, meter: Meter) -> Result<Self, FeedError> {
        let mut reader = csv::ReaderBuilder::new().delimiter(delimiter).flexible(true).from_reader(source);
        let header = reader.byte_headers().map_err(|error| failure(error, 1))?;
        let columns = header.iter().take(COLUMNS_MAX).map(|name| plain_name(&String::from_utf8_lossy(name))).collect();
        Ok(Self { reader, columns, record: ByteRecord::new(), setting, meter })
    }

    pub(super) fn next(&mut self) -> Option<Result<Row, FeedError>> {
        self.meter.next_row();
        let place = self.reader.position().line();
        match self.reader.read_byte_record(&mut self.record) {
            Ok(false) => return None,
            Ok(true) => {}
            Err(error) => return Some(Err(failure(error, place))),
        }
        let place = self.record.position().map_or(place, csv::Position::line);
        let mut draft = Draft::default();
        for (name, value) in self.columns.iter().zip(&self.record) {
            let Ok(value) = std::str::from_utf8(value) else {
                let message = format!("column `{name}` is not UTF-8");
                return Some(Ok(Row { place, item: Err(FlawKind::Unreadable.because(message)) }));
            };
            draft.put(name, value);
        }
        Some(Ok(Row { place, item: draft.finish(self.setting) }))
    }
}

fn failure(error: csv::Error, place: u64) -> FeedError {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => told(error, place),
        other => FeedError::Io(std::io::Error::other(format!("{other:?}"))),
    }
}
