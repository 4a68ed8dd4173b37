//! A server on a local socket that answers as it is told: for what a real one cannot be made to say.

use std::{
    collections::VecDeque,
    io::{Read as _, Write as _},
    net::TcpListener,
    sync::{Arc, Mutex},
};

/// Answers one request with each reply, and every further one with the last.
pub(crate) struct Script {
    pub(crate) url: String,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Script {
    /// `replies` are status, further header lines and body.
    pub(crate) fn start(replies: &[(u16, &str, &str)]) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&requests);
        let mut replies: VecDeque<String> = replies
            .iter()
            .map(|(status, headers, body)| {
                let length = body.len();
                format!("HTTP/1.1 {status} X\r\nConnection: close\r\nContent-Length: {length}\r\n{headers}\r\n{body}")
            })
            .collect();
        std::thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let mut buffer = vec![0; 16_384];
                let length = stream.read(&mut buffer).unwrap_or(0);
                let request = String::from_utf8_lossy(&buffer[..length]).into_owned();
                seen.lock().unwrap().push(request);
                let reply = if replies.len() > 1 {
                    replies.pop_front()
                } else {
                    replies.front().cloned()
                };
                let _gone = stream.write_all(reply.unwrap_or_default().as_bytes());
            }
        });
        Self { url, requests }
    }

    /// Takes connections and never answers.
    pub(crate) fn silent() -> (String, TcpListener) {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        (format!("http://{}", listener.local_addr().unwrap()), listener)
    }

    /// What was asked so far.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}
