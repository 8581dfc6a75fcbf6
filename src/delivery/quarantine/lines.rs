//! Files with one JSON document per line.

use std::{
    fs::{File, OpenOptions},
    io::{self, BufRead as _, BufReader, Read as _, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
};

use serde::Serialize;

/// Longer lines are invalid: an event has at most 32 KB.
const LINE_BYTES_MAX: u64 = 1024 * 1024;

/// Reads a file line by line; a missing file has no lines.
#[derive(Debug)]
pub(super) struct LineReader {
    reader: Option<BufReader<File>>,
    line: Vec<u8>,
    /// Whether the rest of the last line is still to be read.
    has_rest: bool,
}

impl LineReader {
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let reader = match File::open(path) {
            Ok(file) => Some(BufReader::new(file)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        Ok(Self { reader, line: Vec::new(), has_rest: false })
    }

    /// The next line; of one that is too long only the beginning.
    pub(super) fn next_line(&mut self) -> io::Result<Option<&[u8]>> {
        self.copy_rest(&mut io::sink())?;
        let Some(reader) = &mut self.reader else { return Ok(None) };
        self.line.clear();
        let read = reader.by_ref().take(LINE_BYTES_MAX).read_until(b'\n', &mut self.line)?;
        self.has_rest = read as u64 == LINE_BYTES_MAX && !self.line.ends_with(b"\n");
        Ok((read > 0).then_some(self.line.as_slice()))
    }

    /// Writes what is left of a line that was too long, without its line break.
    pub(super) fn copy_rest(&mut self, out: &mut impl io::Write) -> io::Result<()> {
        let Some(reader) = self.reader.as_mut().filter(|_| self.has_rest) else { return Ok(()) };
        while self.has_rest {
            let bytes = reader.fill_buf()?;
            let end = bytes.iter().position(|byte| *byte == b'\n');
            out.write_all(&bytes[..end.unwrap_or(bytes.len())])?;
            let read = end.map_or(bytes.len(), |end| end + 1);
            self.has_rest = end.is_none() && read > 0;
            reader.consume(read);
        }
        Ok(())
    }
}

/// Appends lines and waits until they are on disk.
pub(super) fn append(path: &Path, lines: &[impl Serialize]) -> io::Result<()> {
    if lines.is_empty() {
        return Ok(());
    }
    let mut text = Vec::from(if is_torn(path)? { "\n" } else { "" });
    for line in lines {
        serde_json::to_writer(&mut text, line)?;
        text.push(b'\n');
    }
    let mut file = OpenOptions::new().append(true).create(true).mode(0o600).open(path)?;
    file.write_all(&text)?;
    file.sync_all()?;
    path.parent().map_or(Ok(()), |directory| File::open(directory)?.sync_all())
}

/// Whether the last line was truncated by a crash.
fn is_torn(path: &Path) -> io::Result<bool> {
    use std::io::{Seek as _, SeekFrom};
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(error),
    };
    if file.metadata()?.len() == 0 {
        return Ok(false);
    }
    file.seek(SeekFrom::End(-1))?;
    let mut last = [0];
    file.read_exact(&mut last)?;
    Ok(last != *b"\n")
}
