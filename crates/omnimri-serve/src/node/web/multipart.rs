//! `multipart/related` (RFC 2387, RFC 2046 5.1): parts as they arrive, whatever their size.

use super::reply::Refusal;

/// Most bytes of the headers of a part.
const MOST_HEADER_BYTES: usize = 8 << 10;

/// What a piece of the body held.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Piece {
    /// A part begins, with the value of its Content-Type in lower case.
    Begin(String),
    /// Bytes of the part.
    Data(Vec<u8>),
    /// The part ends.
    End,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Before the first delimiter.
    Preamble,
    /// After a delimiter: the rest of its line and headers.
    Headers,
    Body,
    /// After the closing delimiter.
    Done,
}

/// Splits a body.
#[derive(Debug)]
pub(super) struct Parts {
    /// CRLF, two hyphens and the boundary.
    delimiter: Vec<u8>,
    buffer: Vec<u8>,
    state: State,
}

impl Parts {
    /// For a value of Content-Type.
    pub fn of(content_type: &str) -> Result<Self, Refusal> {
        let lower = content_type.to_ascii_lowercase();
        if !lower.starts_with("multipart/related") {
            return Err(Refusal::new(
                axum::http::StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "expected multipart/related; type=\"application/dicom\"",
            ));
        }
        let boundary = parameter(content_type, "boundary");
        let boundary = boundary.filter(|b| (1..=70).contains(&b.len()));
        let boundary = boundary.ok_or_else(|| Refusal::bad("expected a boundary"))?;
        Ok(Self {
            delimiter: format!("\r\n--{boundary}").into_bytes(),
            // The first delimiter may come without a line before it.
            buffer: b"\r\n".to_vec(),
            state: State::Preamble,
        })
    }

    /// Was the closing delimiter seen?
    pub fn is_done(&self) -> bool {
        self.state == State::Done
    }

    /// Takes bytes of the body and tells what they complete.
    pub fn push(&mut self, bytes: &[u8]) -> Result<Vec<Piece>, Refusal> {
        self.buffer.extend(bytes);
        let mut pieces = Vec::new();
        loop {
            match self.state {
                State::Done => {
                    self.buffer.clear();
                    return Ok(pieces);
                }
                State::Headers => {
                    if self.buffer.starts_with(b"--") {
                        self.state = State::Done;
                        continue;
                    }
                    let Some(end) = find(&self.buffer, b"\r\n\r\n") else {
                        if self.buffer.len() > MOST_HEADER_BYTES {
                            return Err(Refusal::bad("expected shorter headers of a part"));
                        }
                        return Ok(pieces);
                    };
                    let head = String::from_utf8_lossy(&self.buffer[..end]).into_owned();
                    pieces.push(Piece::Begin(content_type(&head)));
                    self.buffer.drain(..end + 4);
                    self.state = State::Body;
                }
                State::Preamble | State::Body => {
                    let in_body = self.state == State::Body;
                    if let Some(at) = find(&self.buffer, &self.delimiter) {
                        if in_body {
                            if at > 0 {
                                pieces.push(Piece::Data(self.buffer[..at].to_vec()));
                            }
                            pieces.push(Piece::End);
                        }
                        self.buffer.drain(..at + self.delimiter.len());
                        self.state = State::Headers;
                        continue;
                    }
                    // What cannot be the start of a delimiter.
                    let sure = self.buffer.len().saturating_sub(self.delimiter.len() - 1);
                    if sure > 0 {
                        let data: Vec<u8> = self.buffer.drain(..sure).collect();
                        if in_body {
                            pieces.push(Piece::Data(data));
                        }
                    }
                    return Ok(pieces);
                }
            }
        }
    }
}

fn find(text: &[u8], what: &[u8]) -> Option<usize> {
    text.windows(what.len()).position(|w| w == what)
}

/// Value of Content-Type among the headers of a part.
fn content_type(head: &str) -> String {
    let value = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.trim()
            .eq_ignore_ascii_case("content-type")
            .then(|| value.trim().to_ascii_lowercase())
    });
    value.unwrap_or_default()
}

/// A parameter of a media type, without quotes.
pub(super) fn parameter(value: &str, name: &str) -> Option<String> {
    value.split(';').skip(1).find_map(|part| {
        let (key, value) = part.split_once('=')?;
        let value = value.trim().trim_matches('"');
        key.trim()
            .eq_ignore_ascii_case(name)
            .then(|| value.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: &[u8] =
        b"ignored\r\n--x\r\nContent-Type: Application/DICOM\r\nX: y\r\n\r\none\r\n--y\r\n\
        --x\r\n\r\n\r\n--x--\r\nafter";

    fn split(chunk: usize) -> (Vec<(String, Vec<u8>)>, bool) {
        let mut parts =
            Parts::of("multipart/related; type=\"application/dicom\"; boundary=x").unwrap();
        let (mut all, mut open) = (Vec::new(), None);
        for bytes in BODY.chunks(chunk) {
            for piece in parts.push(bytes).unwrap() {
                match piece {
                    Piece::Begin(kind) => open = Some((kind, Vec::new())),
                    Piece::Data(data) => open.as_mut().unwrap().1.extend(data),
                    Piece::End => all.extend(open.take()),
                }
            }
        }
        (all, parts.is_done())
    }

    #[test]
    fn parts_are_found_however_they_arrive() {
        let expected = vec![
            ("application/dicom".to_owned(), b"one\r\n--y".to_vec()),
            (String::new(), Vec::new()),
        ];
        for chunk in 1..BODY.len() + 1 {
            assert_eq!(split(chunk), (expected.clone(), true), "{chunk}");
        }
    }

    #[test]
    fn other_bodies_are_refused() {
        assert!(Parts::of("application/json").is_err());
        assert!(Parts::of("multipart/related").is_err());
        let mut parts = Parts::of("multipart/related; boundary=\"b\"").unwrap();
        parts.push(b"--b\r\n").unwrap();
        assert!(parts.push(&[b'a'; 9000]).is_err());
    }
}
