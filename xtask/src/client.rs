//! A load generator that costs as little as it can: one thread and one connection a caller, requests prepared beforehand.

use std::{
    io::{Read, Write as _},
    net::TcpStream,
    sync::{
        Barrier,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};

/// One HTTP/1.1 request, as bytes.
#[derive(Clone)]
pub(crate) struct Request {
    port: u16,
    bytes: Vec<u8>,
}

impl Request {
    /// With a header, or some lines of them, beside those that HTTP needs; `host` is among these unless it is the first line.
    pub(crate) fn new(port: u16, method: &str, path: &str, header: &str, body: &str) -> Self {
        let length = body.len();
        let host = if header.starts_with("host:") {
            String::new()
        } else {
            format!("host: 127.0.0.1:{port}\r\n")
        };
        let head = format!("{method} {path} HTTP/1.1\r\n{host}{header}\r\n");
        let rest = if method == "GET" {
            "\r\n".to_owned()
        } else {
            format!("content-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}")
        };
        Self {
            port,
            bytes: (head + &rest).into_bytes(),
        }
    }

    /// Sends it once.
    pub(crate) fn once(&self) -> Result<(u16, Vec<u8>)> {
        self.connect()?.send(self)
    }

    /// Sends it once; status, head and body of the answer.
    pub(crate) fn answer(&self) -> Result<(u16, String, Vec<u8>)> {
        self.connect()?.exchange(&self.bytes)
    }

    /// A connection to its server.
    pub(crate) fn connect(&self) -> Result<Connection> {
        Connection::open(self.port)
    }
}

/// What a run came to.
pub(crate) struct Ran {
    pub(crate) took: Duration,
    /// Of single requests, sorted.
    pub(crate) latencies: Vec<Duration>,
}

/// Sends `request` again and again over `connections` at once, for `length` after a warm-up; `begin` is called between the two. Every
/// answer must be a success and hold `expected`.
pub(crate) fn run(
    request: &Request,
    expected: &str,
    connections: usize,
    warm_up: Duration,
    length: Duration,
    begin: impl FnOnce() -> Result<()>,
) -> Result<Ran> {
    let (counting, stop, ready) = (
        AtomicBool::new(false),
        AtomicBool::new(false),
        Barrier::new(connections + 1),
    );
    let caller = || -> Result<Vec<Duration>> {
        let opened = Connection::open(request.port);
        ready.wait();
        let (mut connection, mut latencies) = (opened?, Vec::new());
        while !stop.load(Ordering::Relaxed) {
            let counts = counting.load(Ordering::Relaxed);
            let sent = Instant::now();
            let (status, body) = connection.send(request)?;
            ensure!(
                (200..300).contains(&status) && contains(&body, expected),
                "{status} {}",
                String::from_utf8_lossy(&body)
            );
            if counts {
                latencies.push(sent.elapsed());
            }
        }
        Ok(latencies)
    };
    thread::scope(|scope| {
        let callers: Vec<_> = (0..connections).map(|_| scope.spawn(caller)).collect();
        ready.wait();
        thread::sleep(warm_up);
        let prepared = begin();
        let from = Instant::now();
        counting.store(true, Ordering::Relaxed);
        thread::sleep(length);
        counting.store(false, Ordering::Relaxed);
        let took = from.elapsed();
        stop.store(true, Ordering::Relaxed);
        let mut latencies = Vec::new();
        for caller in callers {
            latencies.extend(caller.join().ok().context("a caller panicked")??);
        }
        prepared?;
        latencies.sort_unstable();
        Ok(Ran { took, latencies })
    })
}

fn contains(body: &[u8], expected: &str) -> bool {
    let expected = expected.as_bytes();
    body.windows(expected.len()).any(|window| window == expected)
}

/// Kept from one request to the next.
pub(crate) struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Connection {
    fn open(port: u16) -> Result<Self> {
        let stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_secs(30)))?;
        Ok(Self {
            stream,
            buffer: Vec::with_capacity(1 << 16),
        })
    }

    /// Status and body of the answer.
    pub(crate) fn send(&mut self, request: &Request) -> Result<(u16, Vec<u8>)> {
        let (status, _, body) = self.exchange(&request.bytes)?;
        Ok((status, body))
    }

    /// Status, head and body of the answer.
    fn exchange(&mut self, request: &[u8]) -> Result<(u16, String, Vec<u8>)> {
        self.stream.write_all(request)?;
        let head = loop {
            if let Some(end) = self.buffer.windows(4).position(|four| four == b"\r\n\r\n") {
                let head = self.take(end + 4)?;
                break String::from_utf8(head)?;
            }
            self.fill()?;
        };
        let status = head.get(9..12).context("no status")?.parse()?;
        let header = |name: &str| {
            let mut fields = head.lines().filter_map(|line| line.split_once(':'));
            let found = fields.find(|(field, _)| field.eq_ignore_ascii_case(name));
            found.map(|(_, value)| value.trim())
        };
        let body = match header("content-length") {
            Some(length) => self.take(length.parse()?)?,
            None if header("transfer-encoding") == Some("chunked") => self.chunks()?,
            None => Vec::new(),
        };
        Ok((status, head, body))
    }

    fn chunks(&mut self) -> Result<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let end = loop {
                match self.buffer.windows(2).position(|two| two == b"\r\n") {
                    Some(end) => break end,
                    None => self.fill()?,
                }
            };
            let line = self.take(end + 2)?;
            let length = usize::from_str_radix(std::str::from_utf8(&line)?.trim(), 16)?;
            let chunk = self.take(length + 2)?;
            if length == 0 {
                return Ok(body);
            }
            body.extend_from_slice(chunk.get(..length).unwrap_or_default());
        }
    }

    fn take(&mut self, length: usize) -> Result<Vec<u8>> {
        while self.buffer.len() < length {
            self.fill()?;
        }
        Ok(self.buffer.drain(..length).collect())
    }

    fn fill(&mut self) -> Result<()> {
        let mut chunk = [0; 1 << 14];
        let read = self.stream.read(&mut chunk)?;
        ensure!(read > 0, "the server closed the connection");
        self.buffer
            .extend_from_slice(chunk.get(..read).unwrap_or_default());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::{io::BufRead as _, io::BufReader, net::TcpListener};

    use super::*;

    /// Answers each request on one connection with the next of `answers`.
    fn server(answers: &'static [&'static str]) -> u16 {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        thread::spawn(move || {
            let (stream, _) = listener.accept().unwrap();
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let mut stream = stream;
            for answer in answers {
                let mut line = String::new();
                while line != "\r\n" {
                    line.clear();
                    reader.read_line(&mut line).unwrap();
                }
                stream.write_all(answer.as_bytes()).unwrap();
            }
        });
        port
    }

    #[test]
    fn answers_with_a_length_and_in_chunks_are_read_whole() {
        let port = server(&[
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nb\r\n, my world!\r\n0\r\n\r\n",
            "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n",
        ]);
        let request = Request::new(port, "GET", "/", "x: y", "");
        let mut connection = Connection::open(port).unwrap();
        let mut next = || connection.send(&request).unwrap();
        assert_eq!(next(), (200, b"hello".to_vec()));
        assert_eq!(next(), (200, b"hello, my world!".to_vec()));
        assert_eq!(next(), (404, Vec::new()));
    }
}
