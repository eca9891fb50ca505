//! A model's files from the hub, at the pinned revision; and which commit and files a revision is, where none is pinned yet.
//!
//! hf-hub makes the addresses and the first request, which has a deadline, so that a hub that does not answer costs no
//! more than that. The files themselves are streamed here: hf-hub's own download has no time-out, no bound on what a
//! server may send, and writes to a path that it takes from a response header.

use super::files::{NotReceived, expected, receive};
use super::options::ResolveOptions;
use super::registry::{FileEntry, is_hex};
use super::resolve::{Failure, Fetch, Order};
use hf_hub::api::sync::{ApiBuilder, ApiRepo};
use hf_hub::{Cache, Repo, RepoType};
use serde_json::Value;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

/// The source's name in progress and errors.
pub(super) fn name(options: &ResolveOptions) -> String {
    match &options.endpoint {
        Some(endpoint) => format!("the hub at {endpoint}"),
        None => "the hub".into(),
    }
}

/// Fetches the ordered files; gives the folder that holds them.
pub(super) fn fetch(
    order: &Order<'_>,
    progress: &mut dyn FnMut(Fetch),
) -> Result<PathBuf, Failure> {
    let repo = repository(&order.entry.hub_id, &order.entry.revision, order.options)?;
    probe(&repo, order.options)?;
    let client = Client::new(order.options);
    for file in order.files {
        let url = repo.url(&file.path);
        if let Err(again) = client.download(&url, file, order, progress)? {
            progress(Fetch::Note(format!(
                "{} from the hub: {again}; fetching it again",
                file.path
            )));
            if let Err(problem) = client.download(&url, file, order, progress)? {
                return Err(Failure::Source(format!(
                    "{} was fetched twice and is wrong: {problem}",
                    file.path
                )));
            }
        }
    }
    Ok(order.temp.to_path_buf())
}

/// A file that the hub lists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Listed {
    /// Path inside the model folder, with `/`.
    pub(super) path: String,
    /// Bytes.
    pub(super) size: u64,
    /// The hash, which the hub tells of large files only.
    pub(super) sha256: Option<String>,
}

impl Listed {
    /// What is to arrive.
    pub(super) fn entry(&self) -> FileEntry {
        FileEntry {
            path: self.path.clone(),
            size: self.size,
            sha256: self.sha256.clone().unwrap_or_default(),
        }
    }
}

/// What the hub says of a revision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Listing {
    /// The commit, 40 hex digits.
    pub(super) commit: String,
    /// As the model's card says.
    pub(super) licence: Option<String>,
    /// Every file.
    pub(super) files: Vec<Listed>,
}

/// Asks the hub which commit a revision is, and for its files with their sizes and hashes.
pub(super) fn list(
    hub_id: &str,
    revision: &str,
    options: &ResolveOptions,
) -> Result<Listing, Failure> {
    let request = repository(hub_id, revision, options)?
        .info_request()
        .query("blobs", "true")
        .config()
        .timeout_global(Some(options.hub_deadline))
        .build();
    let response = request.call().map_err(|error| {
        Failure::Source(match error {
            ureq::Error::StatusCode(401) => format!(
                "it knows no such model, or wants a login for it (status 401); {}",
                match options.token {
                    Some(_) => "check HF_TOKEN",
                    None => "set HF_TOKEN",
                }
            ),
            ureq::Error::StatusCode(404) => "it has no such model or revision (status 404)".into(),
            error => reason(&error, options),
        })
    })?;
    let text = response
        .into_body()
        .read_to_vec()
        .map_err(|error| Failure::Source(reason(&error, options)))?;
    read_listing(&text).map_err(|why| {
        Failure::Source(format!(
            "it does not list the model's files as the hub does ({why})"
        ))
    })
}

fn read_listing(text: &[u8]) -> Result<Listing, String> {
    let answer: Value = serde_json::from_slice(text).map_err(|error| error.to_string())?;
    let commit = answer["sha"].as_str().filter(|commit| is_hex(commit, 40));
    let commit = commit.ok_or("no commit under \"sha\"")?.to_owned();
    let siblings = answer["siblings"]
        .as_array()
        .ok_or("no list under \"siblings\"")?;
    let listed = |file: &Value| {
        let path = file["rfilename"].as_str().ok_or("a file without a name")?;
        let sha256 = file["lfs"]["sha256"].as_str();
        Ok(Listed {
            path: path.to_owned(),
            size: file["size"]
                .as_u64()
                .ok_or_else(|| format!("no size of {path}"))?,
            sha256: sha256.filter(|hash| is_hex(hash, 64)).map(str::to_owned),
        })
    };
    let licence = &answer["cardData"]["license"];
    Ok(Listing {
        commit,
        licence: licence.as_str().map(str::to_owned),
        files: siblings.iter().map(listed).collect::<Result<_, String>>()?,
    })
}

fn repository(hub_id: &str, revision: &str, options: &ResolveOptions) -> Result<ApiRepo, Failure> {
    // This cache is never written to, nor read: only addresses and requests are asked of hf-hub.
    let mut builder = ApiBuilder::from_cache(Cache::new(options.cache_dir.join("hub")))
        .with_progress(false)
        .with_token(options.token.clone())
        .with_user_agent("syntopic", env!("CARGO_PKG_VERSION"));
    if let Some(endpoint) = &options.endpoint {
        builder = builder.with_endpoint(endpoint.trim_end_matches('/').to_string());
    }
    let api = builder
        .build()
        .map_err(|error| Failure::Source(error.to_string()))?;
    Ok(api.repo(Repo::with_revision(
        hub_id.to_owned(),
        RepoType::Model,
        revision.to_owned(),
    )))
}

/// Asks about the revision; any answer but a refusal means that the hub is there.
fn probe(repo: &ApiRepo, options: &ResolveOptions) -> Result<(), Failure> {
    let request = repo
        .info_request()
        .config()
        .timeout_global(Some(options.hub_deadline))
        .build();
    match request.call() {
        Ok(_) => Ok(()),
        // A mirror may serve files without the hub's API; the files' own answers decide then.
        Err(ureq::Error::StatusCode(code)) if !matches!(code, 401 | 403) => Ok(()),
        Err(error) => Err(Failure::Source(reason(&error, options))),
    }
}

struct Client {
    agent: ureq::Agent,
    bearer: Option<String>,
}

impl Client {
    fn new(options: &ResolveOptions) -> Self {
        let silence: Option<Duration> = Some(options.hub_deadline);
        let agent = ureq::Agent::config_builder()
            .timeout_resolve(silence)
            .timeout_connect(silence)
            .timeout_recv_response(silence)
            .timeout_per_read(silence)
            // The token goes to the hub alone, not to where it redirects.
            .redirect_auth_headers(ureq::config::RedirectAuthHeaders::SameHost)
            .build()
            .into();
        Client {
            agent,
            bearer: options
                .token
                .as_ref()
                .map(|token| format!("Bearer {token}")),
        }
    }

    /// One download. `Ok(Err(problem))`: other bytes than expected, worth a second try.
    fn download(
        &self,
        url: &str,
        file: &FileEntry,
        order: &Order<'_>,
        progress: &mut dyn FnMut(Fetch),
    ) -> Result<Result<(), String>, Failure> {
        let mut request = self.agent.get(url);
        if let Some(bearer) = &self.bearer {
            request = request.header("Authorization", bearer);
        }
        let said = |error: &ureq::Error| format!("{}: {}", file.path, reason(error, order.options));
        let response = request
            .call()
            .map_err(|error| Failure::Source(said(&error)))?;
        let mut body = response.into_body().into_reader();
        let to = order.temp.join(&file.path);
        match receive(&mut body, file, &to, progress) {
            Ok(()) => Ok(Ok(())),
            Err(NotReceived::Wrong(problem)) => Ok(Err(problem)),
            Err(NotReceived::Read(error)) if timed_out(&error) => Err(Failure::Source(format!(
                "{}: it fell silent for {:?}",
                file.path, order.options.hub_deadline
            ))),
            Err(NotReceived::Read(error)) => Ok(Err(format!(
                "it broke off ({error}), expected {}",
                expected(file)
            ))),
            Err(NotReceived::Write(error)) => Err(order.write_failed(&to, order.size(), error)),
        }
    }
}

fn timed_out(error: &io::Error) -> bool {
    let inner = error
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<ureq::Error>());
    error.kind() == io::ErrorKind::TimedOut || matches!(inner, Some(ureq::Error::Timeout(_)))
}

/// A request's failure in words.
fn reason(error: &ureq::Error, options: &ResolveOptions) -> String {
    match error {
        ureq::Error::Timeout(_) => format!("no answer within {:?}", options.hub_deadline),
        ureq::Error::StatusCode(code @ (401 | 403)) if options.token.is_some() => {
            format!("it refused the token (status {code}); check HF_TOKEN")
        }
        ureq::Error::StatusCode(code @ (401 | 403)) => {
            format!("it wants a login (status {code}); set HF_TOKEN")
        }
        ureq::Error::StatusCode(404) => "not found there (status 404)".into(),
        ureq::Error::StatusCode(code) => format!("it answered with status {code}"),
        error => error.to_string(),
    }
}
