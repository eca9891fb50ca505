//! A tiny model, a mock hub, a fake pip, and a resolver call that records what it reported.

use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use syntopic_embed::models::{
    Fetch, ModelEntry, ModelError, ModelFolder, Registry, ResolveOptions, resolve,
};
use tempfile::TempDir;

pub const REVISION: &str = "0123456789abcdef0123456789abcdef01234567";
pub const WEIGHTS: &[u8] = b"weights, as far as these tests go";

pub fn sha(bytes: &[u8]) -> String {
    Sha256::digest(bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// The files of the tiny model.
pub fn files() -> BTreeMap<&'static str, Vec<u8>> {
    BTreeMap::from([
        ("config.json", b"{}".to_vec()),
        ("tokenizer.json", b"{\"model\":null}".to_vec()),
        (
            "1_Pooling/config.json",
            b"{\"pooling_mode\":\"mean\"}".to_vec(),
        ),
        ("model.safetensors", WEIGHTS.to_vec()),
    ])
}

/// The registry text of a model with these files and, if given, this wheel's bytes.
pub fn toml(files: &BTreeMap<&str, Vec<u8>>, wheel: Option<&[u8]>) -> String {
    let mut text = format!(
        "format = 1\n[[model]]\nname = \"tiny\"\nhub_id = \"org/tiny\"\nrevision = \"{REVISION}\"\nlicence = \"MIT\"\n\
         pooling = \"mean\"\nmax_tokens = 16\ndimension = 4\nfiles = [\n"
    );
    for (path, bytes) in files {
        text += &format!(
            "{{ path = \"{path}\", size = {}, sha256 = \"{}\" }},\n",
            bytes.len(),
            sha(bytes)
        );
    }
    text += "]\n";
    if let Some(wheel) = wheel {
        text += &format!(
            "[model.wheel]\npackage = \"tiny-wheel\"\nversion = \"1.0\"\nfolder = \"pkg/model\"\n\
             file = \"tiny_wheel-1.0-py3-none-any.whl\"\nsize = {}\nsha256 = \"{}\"\n",
            wheel.len(),
            sha(wheel)
        );
    }
    text
}

pub fn entry_of(files: &BTreeMap<&str, Vec<u8>>, wheel: Option<&[u8]>) -> ModelEntry {
    Registry::parse(&toml(files, wheel))
        .expect("a valid registry")
        .default_model()
        .clone()
}

pub fn entry() -> ModelEntry {
    entry_of(&files(), None)
}

/// A fresh cache; no Hugging Face cache, no pip, a hub that is not there.
pub fn options(cache: &TempDir) -> ResolveOptions {
    ResolveOptions {
        // Port 9 of loopback: nothing listens there, the connection is refused at once.
        endpoint: Some("http://127.0.0.1:9".into()),
        pip: Some(vec!["/nonexistent/pip".into()]),
        ..ResolveOptions::new(cache.path())
    }
}

pub fn temp() -> TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

/// What one call reported.
pub struct Heard(pub Vec<Fetch>);

impl Heard {
    pub fn notes(&self) -> String {
        let notes: Vec<&str> = self
            .0
            .iter()
            .filter_map(|event| {
                if let Fetch::Note(note) = event {
                    Some(note.as_str())
                } else {
                    None
                }
            })
            .collect();
        notes.join("\n")
    }

    /// Files that were read again and hashed.
    pub fn checked(&self) -> Vec<&str> {
        let mut files = Vec::new();
        for event in &self.0 {
            if let Fetch::Checking { file } = event {
                files.push(file.as_str());
            }
        }
        files
    }
}

pub fn run(
    entry: &ModelEntry,
    options: &ResolveOptions,
) -> (Result<ModelFolder, ModelError>, Heard) {
    let mut heard = Vec::new();
    let outcome = resolve(entry, options, &mut |event| heard.push(event));
    (outcome, Heard(heard))
}

pub fn assert_whole(folder: &Path, files: &BTreeMap<&str, Vec<u8>>) {
    for (path, bytes) in files {
        assert_eq!(
            &std::fs::read(folder.join(path)).expect(path),
            bytes,
            "{path}"
        );
    }
}

/// Every file below a folder, but for the lock and the stamps.
pub fn left_below(folder: &Path) -> Vec<PathBuf> {
    let mut left = Vec::new();
    for item in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        if item.path().is_dir() {
            left.extend(left_below(&item.path()));
        } else if ![".lock", ".stamps.json"].contains(&item.file_name().to_str().expect("UTF-8")) {
            left.push(item.path());
        }
    }
    left.sort();
    left
}

pub fn write_model(folder: &Path, files: &BTreeMap<&str, Vec<u8>>) {
    for (path, bytes) in files {
        let path = folder.join(path);
        std::fs::create_dir_all(path.parent().expect("inside")).expect("a folder");
        std::fs::write(path, bytes).expect("written");
    }
}

#[derive(Debug, Clone)]
pub struct Request {
    pub path: String,
    pub authorization: Option<String>,
}

impl Request {
    /// The file asked for; `None` for the API.
    pub fn file(&self) -> Option<&str> {
        self.path
            .strip_prefix(&format!("/org/tiny/resolve/{REVISION}/"))
    }
}

pub enum Reply {
    Body(Vec<u8>),
    Status(u16),
    Redirect(String),
    /// Fewer bytes than announced, then the connection closes.
    Cut(Vec<u8>, usize),
    /// So many bytes of more, then nothing, with the connection open.
    Stall(Vec<u8>, usize),
    /// Nothing at all, with the connection open.
    Silence,
}

/// A hub on loopback; it answers by the given rule, which is told how often that path was asked for before.
pub struct MockHub {
    pub url: String,
    requests: Arc<Mutex<Vec<Request>>>,
}

impl MockHub {
    pub fn start(rule: impl Fn(&Request, usize) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a loopback port");
        let url = format!("http://{}", listener.local_addr().expect("bound"));
        let requests = Arc::new(Mutex::new(Vec::new()));
        let log = requests.clone();
        let rule = Arc::new(rule);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(stream) = stream else { break };
                let (log, rule) = (log.clone(), rule.clone());
                std::thread::spawn(move || serve(stream, &log, &*rule));
            }
        });
        MockHub { url, requests }
    }

    /// A hub that has exactly these files.
    pub fn with(files: BTreeMap<&'static str, Vec<u8>>) -> Self {
        Self::start(move |request, _| good(&files, request))
    }

    pub fn requests(&self) -> Vec<Request> {
        self.requests.lock().expect("not poisoned").clone()
    }

    pub fn asked_for(&self, file: &str) -> usize {
        self.requests()
            .iter()
            .filter(|request| request.file() == Some(file))
            .count()
    }
}

/// The right answer.
pub fn good(files: &BTreeMap<&'static str, Vec<u8>>, request: &Request) -> Reply {
    match request.file() {
        None if request.path.starts_with("/api/models/org/tiny/revision/") => {
            Reply::Body(b"{}".to_vec())
        }
        None => Reply::Status(404),
        Some(file) => files
            .get(file)
            .map_or(Reply::Status(404), |bytes| Reply::Body(bytes.clone())),
    }
}

fn serve(stream: TcpStream, log: &Mutex<Vec<Request>>, rule: &dyn Fn(&Request, usize) -> Reply) {
    let mut reader = BufReader::new(stream.try_clone().expect("cloned"));
    let mut line = String::new();
    if reader.read_line(&mut line).unwrap_or(0) == 0 {
        return;
    }
    let path = line.split(' ').nth(1).unwrap_or_default().to_string();
    let mut authorization = None;
    loop {
        let mut header = String::new();
        if reader.read_line(&mut header).unwrap_or(0) <= 2 {
            break;
        }
        if let Some((name, value)) = header.split_once(':')
            && name.eq_ignore_ascii_case("authorization")
        {
            authorization = Some(value.trim().to_string());
        }
    }
    let request = Request {
        path,
        authorization,
    };
    let before = {
        let mut log = log.lock().expect("not poisoned");
        log.push(request.clone());
        log.iter()
            .filter(|other| other.path == request.path)
            .count()
            - 1
    };
    answer(stream, rule(&request, before));
}

fn answer(mut stream: TcpStream, reply: Reply) {
    let (status, more, announced, body, hold) = match reply {
        Reply::Body(body) => ("200 OK".to_string(), String::new(), body.len(), body, false),
        Reply::Status(code) => (
            format!("{code} Refused"),
            String::new(),
            0,
            Vec::new(),
            false,
        ),
        Reply::Redirect(to) => (
            "302 Found".into(),
            format!("Location: {to}\r\n"),
            0,
            Vec::new(),
            false,
        ),
        Reply::Cut(body, announced) => ("200 OK".into(), String::new(), announced, body, false),
        Reply::Stall(body, announced) => ("200 OK".into(), String::new(), announced, body, true),
        Reply::Silence => {
            // Longer than any deadline here; the test process ends before that.
            std::thread::sleep(Duration::from_secs(600));
            return;
        }
    };
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Length: {announced}\r\nConnection: close\r\n{more}\r\n"
    );
    let _ = stream
        .write_all(head.as_bytes())
        .and_then(|()| stream.write_all(&body));
    if hold {
        std::thread::sleep(Duration::from_secs(600));
    }
}

/// A zip file with these members.
pub fn zip_of(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, bytes) in members {
        writer
            .start_file(*name, zip::write::SimpleFileOptions::default())
            .expect("a member");
        writer.write_all(bytes).expect("written");
    }
    writer.finish().expect("a zip file").into_inner()
}

/// The wheel of the tiny model.
pub fn wheel_of(files: &BTreeMap<&str, Vec<u8>>) -> Vec<u8> {
    let named: Vec<(String, &[u8])> = files
        .iter()
        .map(|(path, bytes)| (format!("pkg/model/{path}"), bytes.as_slice()))
        .collect();
    let mut members: Vec<(&str, &[u8])> = named
        .iter()
        .map(|(name, bytes)| (name.as_str(), *bytes))
        .collect();
    members.push(("pkg/__init__.py", b"raise SystemExit"));
    zip_of(&members)
}

/// Stands for pip: writes its arguments to `calls`, then runs `body` (a shell fragment) with `$dest` set.
pub struct FakePip {
    folder: TempDir,
    pub command: Vec<String>,
}

impl FakePip {
    pub fn new(body: &str) -> Self {
        let folder = temp();
        let script = folder.path().join("pip.sh");
        let calls = folder.path().join("calls");
        let text = format!(
            "echo \"$*\" >> '{}'\nwhile [ $# -gt 0 ]; do [ \"$1\" = --dest ] && dest=\"$2\"; shift; done\n{body}\n",
            calls.display()
        );
        std::fs::write(&script, text).expect("written");
        // Run by sh, not made executable: a thread that forks meanwhile would make that fail (text file busy).
        FakePip {
            command: vec!["sh".into(), script.to_str().expect("UTF-8").into()],
            folder,
        }
    }

    /// A pip that delivers this wheel.
    pub fn delivering(wheel: &[u8]) -> Self {
        let pip =
            Self::new("cp \"$(dirname \"$0\")/wheel\" \"$dest/tiny_wheel-1.0-py3-none-any.whl\"");
        std::fs::write(pip.folder.path().join("wheel"), wheel).expect("written");
        pip
    }

    pub fn calls(&self) -> Vec<String> {
        let calls = std::fs::read_to_string(self.folder.path().join("calls")).unwrap_or_default();
        calls.lines().map(str::to_string).collect()
    }
}
