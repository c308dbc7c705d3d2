//! Bytes to a request: as much of HTTP/1.1 as a server needs that ignores bodies. Must not know what is answered.

use std::io::{BufRead, Read, Write};

/// Longest line of a head, and most of its lines.
const LINE_BYTES_MAX: u64 = 8 << 10;
const LINES_MAX: usize = 100;
/// Longest body that is read to its end, to keep the connection.
const BODY_BYTES_MAX: u64 = 64 << 20;

/// What is asked.
pub struct Request {
    /// `GET`, `HEAD`, ….
    pub method: String,
    /// Without the query.
    pub path: String,
    /// Name and value, as sent.
    pub query: Vec<(String, String)>,
    /// Further requests may follow.
    pub keep_alive: bool,
}

impl Request {
    /// The number that `name` has in the query.
    pub fn number(&self, name: &str) -> Option<u64> {
        self.query.iter().find(|(key, _)| key == name)?.1.parse().ok()
    }

    /// Whether `name` is in the query at all.
    pub fn has(&self, name: &str) -> bool {
        self.query.iter().any(|(key, _)| key == name)
    }
}

/// Why there is no request.
pub enum Unreadable {
    /// The client is gone or silent.
    Gone,
    /// It does not speak HTTP/1.
    Malformed(&'static str),
}

fn line(input: &mut impl BufRead) -> Result<Option<String>, Unreadable> {
    let mut bytes = Vec::new();
    input.by_ref().take(LINE_BYTES_MAX).read_until(b'\n', &mut bytes).map_err(|_| Unreadable::Gone)?;
    match bytes.pop() {
        None => Ok(None),
        Some(b'\n') => Ok(Some(String::from_utf8_lossy(&bytes).trim_end_matches('\r').to_owned())),
        Some(_) => Err(Unreadable::Malformed("a line is too long or cut off")),
    }
}

/// Reads one request and throws its body away; `None` when the client has hung up.
pub fn read(input: &mut impl BufRead, out: &mut impl Write) -> Result<Option<Request>, Unreadable> {
    let Some(first) = line(input)? else { return Ok(None) };
    let mut words = first.split(' ');
    let (Some(method), Some(target), Some(version)) = (words.next(), words.next(), words.next()) else {
        return Err(Unreadable::Malformed("no request line"));
    };
    if !version.starts_with("HTTP/1.") {
        return Err(Unreadable::Malformed("not HTTP/1"));
    }
    let mut keep_alive = version != "HTTP/1.0";
    let (mut length, mut chunked, mut expects) = (0, false, false);
    for number in 0.. {
        let header = line(input)?.ok_or(Unreadable::Gone)?;
        if header.is_empty() {
            break;
        }
        if number >= LINES_MAX {
            return Err(Unreadable::Malformed("too many headers"));
        }
        let Some((name, value)) = header.split_once(':') else { return Err(Unreadable::Malformed("no header")) };
        let value = value.trim().to_ascii_lowercase();
        match name.to_ascii_lowercase().as_str() {
            "connection" if value.contains("close") => keep_alive = false,
            "connection" if value.contains("keep-alive") => keep_alive = true,
            "content-length" => length = value.parse().map_err(|_| Unreadable::Malformed("content-length is no number"))?,
            "transfer-encoding" => chunked = value.contains("chunked"),
            "expect" => expects = value == "100-continue",
            _ => {}
        }
    }
    if expects {
        out.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").map_err(|_| Unreadable::Gone)?;
    }
    if chunked {
        skip_chunks(input)?
    } else {
        skip(input, length)?
    };
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let query = query.split('&').filter(|pair| !pair.is_empty());
    let query = query.map(|pair| pair.split_once('=').unwrap_or((pair, ""))).map(|(k, v)| (k.to_owned(), v.to_owned()));
    Ok(Some(Request { method: method.to_owned(), path: path.to_owned(), query: query.collect(), keep_alive }))
}

fn skip(input: &mut impl BufRead, length: u64) -> Result<(), Unreadable> {
    if length > BODY_BYTES_MAX {
        return Err(Unreadable::Malformed("the body is too long"));
    }
    let copied = std::io::copy(&mut input.by_ref().take(length), &mut std::io::sink()).map_err(|_| Unreadable::Gone)?;
    if copied == length { Ok(()) } else { Err(Unreadable::Gone) }
}

fn skip_chunks(input: &mut impl BufRead) -> Result<(), Unreadable> {
    let mut left = BODY_BYTES_MAX;
    loop {
        let head = line(input)?.ok_or(Unreadable::Gone)?;
        let size = head.split(';').next().unwrap_or_default().trim();
        let size = u64::from_str_radix(size, 16).map_err(|_| Unreadable::Malformed("no chunk size"))?;
        left = left.checked_sub(size).ok_or(Unreadable::Malformed("the body is too long"))?;
        skip(input, size)?;
        // The line that ends a chunk, or the trailers that end the body.
        while !line(input)?.ok_or(Unreadable::Gone)?.is_empty() {}
        if size == 0 {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Option<Request> {
        read(&mut text.as_bytes(), &mut Vec::new()).ok().flatten()
    }

    #[test]
    fn head_and_query() {
        let request = of("GET /a?sleep=20&bloat HTTP/1.1\r\nHost: x\r\n\r\n").expect("request");
        assert_eq!((request.path.as_str(), request.number("sleep"), request.has("bloat")), ("/a", Some(20), true));
        assert!(request.keep_alive);
        assert!(!of("GET / HTTP/1.0\r\n\r\n").expect("request").keep_alive);
        assert!(of("nonsense\r\n\r\n").is_none());
    }

    #[test]
    fn bodies_are_thrown_away() {
        let text = "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\nGET /next HTTP/1.1\r\n\r\n";
        let mut input = text.as_bytes();
        assert!(read(&mut input, &mut Vec::new()).is_ok());
        let next = read(&mut input, &mut Vec::new()).ok().flatten().expect("second request");
        assert_eq!(next.path, "/next");
    }
}
