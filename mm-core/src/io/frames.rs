//! Recorded frames from a file: JSON lines or one JSON document, plain, gzip or zstd, or standard input (`-`).
//!
//! Envelopes are taken off: of an object that is no event itself, the value of `frame`, `book`, `body` or `payload`, at
//! the top or one level down. What comes out is the text of the recording, byte for byte, never parsed and written again.
//! A file that ends in the middle of a value is an error with its line, never a shorter recording.

mod json;

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

/// Largest line or document that is read, in bytes.
pub const TEXT_MAX: usize = 256 * 1024 * 1024;

/// One recorded frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// The line it begins on, counted from 1.
    pub line: u64,
    /// The frame as recorded, without its envelope.
    pub text: String,
}

/// Why a recording cannot be read, or not to its end.
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    /// It cannot be opened.
    #[error("{path}: cannot be opened: {source}")]
    Open {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Reading or unpacking failed.
    #[error("{path} line {line}: cannot be read: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Where it failed, counted from 1.
        line: u64,
        /// Why.
        source: io::Error,
    },
    /// It ends in the middle of a value.
    #[error("{path} line {line}: torn: the file ends in the middle of a value")]
    Torn {
        /// The file.
        path: PathBuf,
        /// The torn line.
        line: u64,
    },
    /// Something that is neither JSON nor a text frame.
    #[error("{path} line {line}: not JSON: {what}")]
    Json {
        /// The file.
        path: PathBuf,
        /// The line it begins on.
        line: u64,
        /// What is wrong.
        what: &'static str,
    },
    /// A line, or a document, beyond [`TEXT_MAX`].
    #[error("{path} line {line}: longer than {TEXT_MAX} bytes")]
    TooLong {
        /// The file.
        path: PathBuf,
        /// The line.
        line: u64,
    },
}

/// Opens a recording; `-` is standard input.
///
/// # Errors
/// [`FrameError::Open`] names the file. Everything else comes from the iterator, which ends behind its first error.
pub fn read(path: &Path) -> Result<Frames, FrameError> {
    let open = |source| FrameError::Open { path: path.to_owned(), source };
    if path.as_os_str() == "-" {
        return Ok(Frames::new(path, Box::new(io::stdin()), false));
    }
    let file = File::open(path).map_err(open)?;
    if file.metadata().map_err(open)?.is_dir() {
        return Err(open(io::Error::from(io::ErrorKind::IsADirectory)));
    }
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let (inner, reader): (&str, Box<dyn Read>) = if let Some(inner) = name.strip_suffix(".gz") {
        (inner, Box::new(flate2::read::MultiGzDecoder::new(BufReader::new(file))))
    } else if let Some(inner) = name.strip_suffix(".zst") {
        (inner, Box::new(zstd::Decoder::new(file).map_err(open)?))
    } else {
        (name, Box::new(file))
    };
    Ok(Frames::new(path, reader, inner.ends_with(".json")))
}

/// The frames of a text that is in memory already; `path` is what errors name.
#[must_use]
pub fn from_text(path: &Path, text: String) -> Frames {
    let document = path.extension().is_some_and(|ext| ext == "json");
    Frames::new(path, Box::new(io::Cursor::new(text.into_bytes())), document)
}

/// Frames in the order of the file.
pub struct Frames {
    path: PathBuf,
    reader: BufReader<Box<dyn Read>>,
    /// Lines read so far.
    line: u64,
    mode: Mode,
}

enum Mode {
    /// One JSON document.
    Document,
    /// Lines, unless the first of them is no JSON value by itself: then it is a document after all.
    FirstLine,
    Lines,
    /// The elements of a document that are still to come.
    Elements(std::vec::IntoIter<Frame>),
    Ended,
}

impl Frames {
    fn new(path: &Path, reader: Box<dyn Read>, document: bool) -> Self {
        let mode = if document { Mode::Document } else { Mode::FirstLine };
        Self { path: path.to_owned(), reader: BufReader::with_capacity(1 << 16, reader), line: 0, mode }
    }

    /// The next line that holds something, and whether it ended with a line break.
    fn next_line(&mut self) -> Result<Option<(String, bool)>, FrameError> {
        loop {
            let mut bytes = Vec::new();
            let read = (&mut self.reader).take(TEXT_MAX as u64 + 1).read_until(b'\n', &mut bytes);
            let line = self.line + 1;
            let text = self.text(read.map(|_| bytes), line)?;
            if text.is_empty() {
                return Ok(None);
            }
            self.line = line;
            if !text.trim().is_empty() {
                let ended = text.ends_with('\n');
                return Ok(Some((text, ended)));
            }
        }
    }

    fn text(&self, bytes: io::Result<Vec<u8>>, line: u64) -> Result<String, FrameError> {
        let path = || self.path.clone();
        // An unpacker that runs out of input is a torn file, whatever it calls it.
        let bytes = bytes.map_err(|source| match source.kind() {
            io::ErrorKind::UnexpectedEof => FrameError::Torn { path: path(), line },
            _ => FrameError::Read { path: path(), line, source },
        })?;
        if bytes.len() > TEXT_MAX {
            return Err(FrameError::TooLong { path: path(), line });
        }
        String::from_utf8(bytes).map_err(|_| FrameError::Json { path: path(), line, what: "not UTF-8" })
    }

    /// A line as a frame. Text that does not begin like a JSON container is a text frame (`PONG`).
    fn line_frame(&self, text: &str, ended: bool) -> Result<Frame, FrameError> {
        let text = text.trim();
        let (path, line) = (self.path.clone(), self.line);
        if !text.starts_with(['{', '[']) {
            return Ok(Frame { line, text: text.to_owned() });
        }
        match json::value(text.as_bytes(), 0) {
            Ok(end) if end == text.len() => Ok(Frame { line, text: json::unwrap(text) }),
            Ok(_) => Err(FrameError::Json { path, line, what: "something follows the value" }),
            Err(json::Bad::Ends) if !ended => Err(FrameError::Torn { path, line }),
            Err(json::Bad::Ends) => Err(FrameError::Json { path, line, what: "the value ends too early" }),
            Err(json::Bad::Syntax) => Err(FrameError::Json { path, line, what: "a value was expected" }),
        }
    }

    /// Everything that is left, behind what was read already, as one document.
    fn document(&mut self, mut text: String) -> Result<Vec<Frame>, FrameError> {
        let mut bytes = Vec::new();
        let read = (&mut self.reader).take(TEXT_MAX as u64 + 1).read_to_end(&mut bytes);
        text.push_str(&self.text(read.map(|_| bytes), self.line + 1)?);
        let line_of = |at: usize| 1 + text.as_bytes()[..at].iter().filter(|byte| **byte == b'\n').count() as u64;
        let start = text.len() - text.trim_start().len();
        let body = text.trim();
        if body.is_empty() {
            return Ok(Vec::new());
        }
        let path = self.path.clone();
        let spans = match json::elements(body) {
            Ok(spans) => spans,
            Err(json::Bad::Ends) => return Err(FrameError::Torn { path, line: line_of(text.trim_end().len()) }),
            Err(json::Bad::Syntax) => {
                return Err(FrameError::Json {
                    path,
                    line: line_of(start),
                    what: "neither JSON lines nor one document",
                });
            }
        };
        // Lines are counted along the way: a document may have many elements.
        let (mut line, mut counted) = (1, 0);
        Ok(spans
            .into_iter()
            .map(|(from, to)| {
                let at = start + from;
                line += text.as_bytes()[counted..at].iter().filter(|byte| **byte == b'\n').count() as u64;
                counted = at;
                Frame { line, text: json::unwrap(&body[from..to]) }
            })
            .collect())
    }

    fn advance(&mut self) -> Result<Option<Frame>, FrameError> {
        match &mut self.mode {
            Mode::Ended => Ok(None),
            Mode::Elements(frames) => Ok(frames.next()),
            Mode::Document => {
                let frames = self.document(String::new())?;
                self.mode = Mode::Elements(frames.into_iter());
                self.advance()
            }
            Mode::Lines => match self.next_line()? {
                Some((text, ended)) => self.line_frame(&text, ended).map(Some),
                None => Ok(None),
            },
            Mode::FirstLine => {
                let Some((text, ended)) = self.next_line()? else { return Ok(None) };
                // An indented document: its first line alone is not a value.
                if ended && matches!(text.trim(), "{" | "[") {
                    let before = "\n".repeat(usize::try_from(self.line - 1).unwrap_or(0));
                    let frames = self.document(before + &text)?;
                    self.mode = Mode::Elements(frames.into_iter());
                    return self.advance();
                }
                self.mode = Mode::Lines;
                self.line_frame(&text, ended).map(Some)
            }
        }
    }
}

impl Iterator for Frames {
    type Item = Result<Frame, FrameError>;

    fn next(&mut self) -> Option<Self::Item> {
        let result = self.advance().transpose();
        if !matches!(result, Some(Ok(_))) {
            self.mode = Mode::Ended;
        }
        result
    }
}

#[cfg(test)]
mod tests;
