//! Starts the real server and asks it over a plain socket, byte for byte as a test wants it.
#![allow(dead_code, reason = "each test binary uses a part")]

use crate::run::command;
use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// A server that runs; it is killed when dropped.
pub(crate) struct Server {
    child: Child,
    /// `127.0.0.1:PORT`
    pub(crate) address: String,
    log: Option<std::thread::JoinHandle<String>>,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    head: String,
    pub(crate) body: String,
}

impl Answer {
    /// The value of a header.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().skip(1);
        let mut pairs = lines.filter_map(|line| line.split_once(": "));
        let found = pairs.find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value)
    }

    /// The body, of an answer with this status.
    #[track_caller]
    pub(crate) fn json(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}\n{}", self.head, self.body);
        serde_json::from_str(&self.body).unwrap_or_else(|e| panic!("{e}: {}", self.body))
    }

    /// That it is an error of our shape, with this status and code.
    #[track_caller]
    pub(crate) fn fails(&self, status: u16, code: &str) {
        let error = self.json(status);
        assert_eq!(error["error"]["code"], code, "{error}");
        assert!(
            error["error"]["message"]
                .as_str()
                .is_some_and(|m| !m.is_empty())
        );
    }
}

impl Server {
    /// `syntopic serve` of a library, at a free port of this machine.
    pub(crate) fn start(library: &Path, arguments: &[&str]) -> Self {
        let mut child = command(library)
            .env_remove("SYNTOPIC_API_KEY")
            .args(["serve", "--bind", "127.0.0.1:0", "--log", "json"])
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary runs");
        let mut log = child.stderr.take().expect("a pipe");
        let log = std::thread::spawn(move || {
            let mut text = String::new();
            log.read_to_string(&mut text).expect("a log in UTF-8");
            text
        });
        let mut first = String::new();
        let out = child.stdout.take().expect("a pipe");
        BufReader::new(out).read_line(&mut first).expect("a line");
        let address = first.trim().strip_prefix("http://").unwrap_or_default();
        if address.is_empty() {
            let _ = child.kill();
            panic!("the server does not begin: {}", log.join().expect("a log"));
        }
        Self {
            child,
            address: address.to_owned(),
            log: Some(log),
        }
    }

    /// Sends bytes and gives all that comes until the server ends the connection.
    fn answer_to(&self, bytes: &[u8]) -> Vec<u8> {
        let mut stream = TcpStream::connect(&self.address).expect("a connection");
        stream
            .set_read_timeout(Some(Duration::from_secs(120)))
            .expect("a time-out");
        // A server that refuses early does not read all of it.
        let _ = stream.write_all(bytes);
        let mut text = Vec::new();
        let _ = stream.read_to_end(&mut text);
        text
    }

    /// The body of an answer, whatever it is.
    pub(crate) fn bytes_of(&self, path: &str, headers: &[(&str, &str)]) -> Vec<u8> {
        let mut text = format!(
            "GET {path} HTTP/1.1\r\nConnection: close\r\nHost: {}\r\n",
            self.address
        );
        for (name, value) in headers {
            text += &format!("{name}: {value}\r\n");
        }
        let answer = self.answer_to(format!("{text}\r\n").as_bytes());
        let end = answer
            .windows(4)
            .position(|w| w == b"\r\n\r\n")
            .expect("a head");
        answer[end + 4..].to_vec()
    }

    /// Sends bytes and reads until the server ends the connection.
    pub(crate) fn send(&self, bytes: &[u8]) -> Answer {
        let text = String::from_utf8(self.answer_to(bytes)).expect("UTF-8");
        let (head, body) = text.split_once("\r\n\r\n").expect("a head");
        let status = head.split(' ').nth(1).and_then(|s| s.parse().ok());
        let chunked = head.to_lowercase().contains("transfer-encoding: chunked");
        Answer {
            status: status.expect("a status"),
            body: if chunked {
                unchunked(body)
            } else {
                body.to_owned()
            },
            head: head.to_owned(),
        }
    }

    /// Asks with headers and a body.
    pub(crate) fn ask(
        &self,
        (method, path): (&str, &str),
        headers: &[(&str, &str)],
        body: &str,
    ) -> Answer {
        let mut text = format!("{method} {path} HTTP/1.1\r\nConnection: close\r\n");
        if !headers.iter().any(|(name, _)| *name == "Host") {
            text += &format!("Host: {}\r\n", self.address);
        }
        for (name, value) in headers {
            text += &format!("{name}: {value}\r\n");
        }
        text += &format!("Content-Length: {}\r\n\r\n{body}", body.len());
        self.send(text.as_bytes())
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        self.ask(("GET", path), &[], "")
    }

    pub(crate) fn post(&self, path: &str, body: &Value) -> Answer {
        let json = [("Content-Type", "application/json")];
        self.ask(("POST", path), &json, &body.to_string())
    }

    /// Asks the process to end, and gives how it did and what it logged.
    pub(crate) fn end(mut self) -> (ExitStatus, String) {
        self.terminate();
        let begun = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("a child") {
                let log = self.log.take().expect("a log").join().expect("a log");
                return (status, log);
            }
            assert!(begun.elapsed() < Duration::from_secs(60), "it does not end");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Sends SIGTERM.
    pub(crate) fn terminate(&self) {
        let pid = self.child.id().to_string();
        let sent = std::process::Command::new("kill")
            .args(["-TERM", &pid])
            .status();
        assert!(sent.expect("kill").success());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The text of a body that came in pieces.
fn unchunked(mut body: &str) -> String {
    let mut text = String::new();
    while let Some((length, rest)) = body.split_once("\r\n") {
        let length = usize::from_str_radix(length, 16).expect("a length");
        text += &rest[..length];
        body = rest[length..].trim_start_matches("\r\n");
    }
    text
}
