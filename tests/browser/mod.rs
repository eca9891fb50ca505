//! Drives Chromium, where there is one, over its debugging pipe: no other program and no network port is needed.
#![allow(dead_code, reason = "each test binary uses a part")]

use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

/// Names that it goes by.
const NAMES: [&str; 4] = [
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
];

/// A page in a browser of its own.
pub(crate) struct Page {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    calls: u64,
    session: Option<String>,
    /// The address that was opened.
    own: String,
    /// What the browser told beside answers.
    pub(crate) events: Vec<Value>,
    _profile: tempfile::TempDir,
}

impl Page {
    /// Opens a file in a window of that size; `None` where there is no Chromium.
    pub(crate) fn open(file: &Path, width: u32, height: u32) -> Option<Self> {
        let url = format!("file://{}", file.display());
        let mut page = Self::visit(&url, width, height)?;
        page.wait("document.readyState === 'complete' && !!window.syntopic");
        Some(page)
    }

    /// Opens an address; `None` where there is no Chromium.
    pub(crate) fn visit(url: &str, width: u32, height: u32) -> Option<Self> {
        let runs = |name: &&&str| {
            let version = Command::new(name)
                .arg("--version")
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .status();
            version.is_ok_and(|status| status.success())
        };
        let name = NAMES.iter().find(runs)?;
        let profile = tempfile::tempdir().expect("a temporary folder");
        // The pipe is at 3 and 4; what the browser says elsewhere is nobody's concern.
        let mut child = Command::new("sh")
            .args([
                "-c",
                "exec \"$0\" \"$@\" 3<&0 4>&1 1>/dev/null 2>/dev/null",
                name,
            ])
            .args([
                "--headless=new",
                "--no-sandbox",
                "--disable-gpu",
                "--no-first-run",
                "--remote-debugging-pipe",
            ])
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .arg("about:blank")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .ok()?;
        let (input, output) = (
            child.stdin.take().expect("a pipe"),
            child.stdout.take().expect("a pipe"),
        );
        let mut page = Self {
            child,
            input,
            output: BufReader::new(output),
            calls: 0,
            session: None,
            own: url.to_owned(),
            events: Vec::new(),
            _profile: profile,
        };
        let target =
            page.call("Target.createTarget", json!({ "url": "about:blank" }))["targetId"].clone();
        let attached = page.call(
            "Target.attachToTarget",
            json!({ "targetId": target, "flatten": true }),
        );
        page.session = attached["sessionId"].as_str().map(str::to_owned);
        for domain in ["Page", "Runtime", "Network", "Log"] {
            page.call(&format!("{domain}.enable"), json!({}));
        }
        let metrics = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500 });
        page.call("Emulation.setDeviceMetricsOverride", metrics);
        page.call("Page.navigate", json!({ "url": url }));
        Some(page)
    }

    /// Calls a method of the protocol and gives its result.
    #[track_caller]
    pub(crate) fn call(&mut self, method: &str, parameters: Value) -> Value {
        self.calls += 1;
        let mut message = json!({ "id": self.calls, "method": method, "params": parameters });
        if let Some(session) = &self.session {
            message["sessionId"] = json!(session);
        }
        self.input
            .write_all(format!("{message}\0").as_bytes())
            .expect("the browser listens");
        loop {
            let mut bytes = Vec::new();
            self.output
                .read_until(0, &mut bytes)
                .expect("the browser answers");
            assert!(bytes.pop() == Some(0), "the browser ended");
            let answer: Value = serde_json::from_slice(&bytes).expect("JSON");
            if answer["id"] == json!(self.calls) {
                assert!(answer["error"].is_null(), "{method}: {}", answer["error"]);
                return answer["result"].clone();
            }
            self.events.push(answer);
        }
    }

    /// The value of a JavaScript expression.
    #[track_caller]
    pub(crate) fn value(&mut self, expression: &str) -> Value {
        let parameters =
            json!({ "expression": expression, "returnByValue": true, "awaitPromise": true });
        let result = self.call("Runtime.evaluate", parameters);
        assert!(
            result["exceptionDetails"].is_null(),
            "{expression}: {result}"
        );
        result["result"]["value"].clone()
    }

    /// Waits until an expression is true.
    #[track_caller]
    pub(crate) fn wait(&mut self, expression: &str) {
        let start = Instant::now();
        while self.value(expression) != json!(true) {
            assert!(
                start.elapsed() < Duration::from_secs(60),
                "never true: {expression}\n{:?}",
                self.complaints()
            );
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Moves the pointer there.
    pub(crate) fn point(&mut self, at: [f64; 2]) {
        self.mouse("mouseMoved", at, json!({}));
    }

    /// Drags from the first of these places through the others.
    pub(crate) fn drag(&mut self, through: &[[f64; 2]]) {
        let button = json!({ "button": "left", "buttons": 1, "clickCount": 1 });
        let [first, rest @ ..] = through else {
            return;
        };
        self.point(*first);
        self.mouse("mousePressed", *first, button.clone());
        for at in rest {
            self.mouse("mouseMoved", *at, button.clone());
        }
        self.mouse("mouseReleased", *rest.last().unwrap_or(first), button);
    }

    /// Types a text where the keys go.
    pub(crate) fn type_in(&mut self, text: &str) {
        self.call("Input.insertText", json!({ "text": text }));
    }

    /// What is seen, as a PNG file in base 64.
    pub(crate) fn picture(&mut self) -> String {
        let shot = self.call("Page.captureScreenshot", json!({ "format": "png" }));
        shot["data"].as_str().expect("a picture").to_owned()
    }

    /// Clicks there.
    pub(crate) fn click(&mut self, at: [f64; 2]) {
        self.point(at);
        let button = json!({ "button": "left", "clickCount": 1 });
        self.mouse("mousePressed", at, button.clone());
        self.mouse("mouseReleased", at, button);
    }

    fn mouse(&mut self, kind: &str, at: [f64; 2], mut more: Value) {
        more["type"] = json!(kind);
        more["x"] = json!(at[0]);
        more["y"] = json!(at[1]);
        self.call("Input.dispatchMouseEvent", more);
    }

    /// Presses a key: a letter, or a name such as "Enter".
    pub(crate) fn press(&mut self, key: &str) {
        let text = if key.len() == 1 { key } else { "" };
        self.call(
            "Input.dispatchKeyEvent",
            json!({ "type": "keyDown", "key": key, "text": text }),
        );
        self.call(
            "Input.dispatchKeyEvent",
            json!({ "type": "keyUp", "key": key }),
        );
    }

    /// Addresses asked for beside the page itself, and errors of its script.
    pub(crate) fn complaints(&self) -> Vec<String> {
        let told = self
            .events
            .iter()
            .filter(|event| match event["method"].as_str() {
                Some("Runtime.exceptionThrown") => true,
                Some("Log.entryAdded") => event["params"]["entry"]["level"] == "error",
                Some("Network.requestWillBeSent") => {
                    let url = event["params"]["request"]["url"]
                        .as_str()
                        .unwrap_or_default();
                    let of_file = url.starts_with("file://") && url.ends_with(".html");
                    // The origin of the address: up to the third slash.
                    let end = self
                        .own
                        .match_indices('/')
                        .nth(2)
                        .map_or(0, |(at, _)| at + 1);
                    let same = !self.own.starts_with("file") && url.starts_with(&self.own[..end]);
                    !of_file && !same && !url.starts_with("data:") && !url.starts_with("blob:")
                }
                _ => false,
            });
        told.map(Value::to_string).collect()
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The bytes that base 64 stands for.
pub(crate) fn unbase64(text: &str) -> Vec<u8> {
    let value = |letter: u8| match letter {
        b'A'..=b'Z' => letter - b'A',
        b'a'..=b'z' => letter - b'a' + 26,
        b'0'..=b'9' => letter - b'0' + 52,
        b'+' => 62,
        _ => 63,
    };
    let letters: Vec<u8> = text.bytes().filter(|letter| *letter != b'=').collect();
    let parts = letters.chunks(4).flat_map(|part| {
        let all = (0..4).fold(0u32, |all, i| {
            all << 6 | u32::from(part.get(i).map_or(0, |letter| value(*letter)))
        });
        all.to_be_bytes()[1..part.len()].to_vec()
    });
    parts.collect()
}
