//! Callers that take their time, over real sockets.

use super::*;
use crate::input::Body;
use axum::routing::{get, post};
use std::net::{SocketAddr, TcpStream as Socket};
use std::time::Instant;

const SOON: Duration = Duration::from_millis(300);

/// Long after everything that has to happen has happened.
const LATE: Duration = Duration::from_secs(60);

/// Something that is served at an address until it is dropped.
struct Served {
    address: SocketAddr,
    _stop: watch::Sender<bool>,
    _runtime: tokio::runtime::Runtime,
}

fn served(most: u32) -> Served {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let limits = Limits {
        most,
        headers: SOON,
        stalled: SOON,
    };
    let router = Router::new()
        .route("/", get(|| async { "ok" }))
        .route("/large", get(|| async { vec![b'x'; 64 << 20] }))
        .route(
            "/body",
            post(|Body(_): Body<serde_json::Value>| async { "read" }),
        );
    let (stop, stopped) = watch::channel(false);
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
    let address = listener.local_addr().unwrap();
    runtime.spawn(serve(listener, router, limits, stopped));
    Served {
        address,
        _stop: stop,
        _runtime: runtime,
    }
}

impl Served {
    fn connect(&self) -> Socket {
        let socket = Socket::connect(self.address).unwrap();
        socket.set_read_timeout(Some(LATE)).unwrap();
        socket
    }
}

/// All that comes until the other side ends the connection, which it has to do.
fn until_closed(mut socket: Socket) -> String {
    let (mut all, mut part) = (Vec::new(), [0; 65_536]);
    loop {
        match socket.read(&mut part) {
            Ok(0) => break,
            Ok(n) => all.extend(&part[..n]),
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => break,
            Err(error) => panic!("the connection stays open: {error}"),
        }
    }
    String::from_utf8_lossy(&all).into_owned()
}

#[test]
fn headers_that_trickle_in_end_the_connection_and_others_are_answered_meanwhile() {
    let served = served(8);
    let mut slow = served.connect();
    slow.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n").unwrap();
    let mut trickle = slow.try_clone().unwrap();
    let begun = Instant::now();
    let trickling = std::thread::spawn(move || {
        // A byte now and then, for ever.
        while begun.elapsed() < LATE && trickle.write_all(b"x").is_ok() {
            std::thread::sleep(SOON / 6);
        }
    });
    let mut quick = served.connect();
    quick
        .write_all(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        .unwrap();
    assert!(until_closed(quick).ends_with("ok"));
    let answer = until_closed(slow);
    assert!(
        answer.is_empty() || answer.starts_with("HTTP/1.1 408"),
        "{answer}"
    );
    trickling.join().unwrap();
    assert!(begun.elapsed() < LATE);
    // One that says nothing at all, and one that says nothing more.
    assert_eq!(until_closed(served.connect()), "");
    let mut idle = served.connect();
    idle.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        .unwrap();
    assert!(until_closed(idle).ends_with("ok"));
}

#[test]
fn a_body_that_trickles_in_is_refused() {
    let served = served(8);
    let mut slow = served.connect();
    slow.write_all(
        b"POST /body HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{",
    )
    .unwrap();
    let mut trickle = slow.try_clone().unwrap();
    let trickling = std::thread::spawn(move || {
        for _ in 0..4 {
            if trickle.write_all(b" ").is_err() {
                break;
            }
            std::thread::sleep(SOON / 2);
        }
    });
    let answer = until_closed(slow);
    assert!(
        answer.starts_with("HTTP/1.1 408") && answer.contains("\"too_slow\""),
        "{answer}"
    );
    trickling.join().unwrap();
}

#[test]
fn whoever_does_not_read_the_answer_loses_the_connection() {
    let served = served(1);
    let mut deaf = served.connect();
    deaf.write_all(b"GET /large HTTP/1.1\r\nHost: a\r\n\r\n")
        .unwrap();
    // Its place, the only one, is free once it was given up.
    let begun = Instant::now();
    loop {
        let mut next = served.connect();
        let _ = next.write_all(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        let answer = until_closed(next);
        if answer.ends_with("ok") {
            break;
        }
        assert!(
            answer.is_empty() || answer.starts_with("HTTP/1.1 503"),
            "{answer}"
        );
        assert!(begun.elapsed() < LATE, "the place stays taken");
        std::thread::sleep(SOON / 6);
    }
    drop(deaf);
}

#[test]
fn one_connection_too_many_is_told_to_come_again() {
    let served = served(2);
    let held = [served.connect(), served.connect()];
    // Both are taken before the third.
    for mut held in &held {
        held.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            .unwrap();
        held.read_exact(&mut [0; 15]).unwrap();
    }
    let answer = until_closed(served.connect());
    assert!(
        answer.starts_with("HTTP/1.1 503") && answer.contains("Retry-After: 1"),
        "{answer}"
    );
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(
        head.contains(&format!("Content-Length: {}", body.len())),
        "{answer}"
    );
    let error: serde_json::Value = serde_json::from_str(body).unwrap();
    assert_eq!(error["error"]["code"], "too_many_connections");
}
