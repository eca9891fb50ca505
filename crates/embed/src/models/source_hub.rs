//! A model's files from the hub, at the pinned revision.
//!
//! hf-hub makes the addresses and the first request, which has a deadline, so that a hub that does not answer costs no
//! more than that. The files themselves are streamed here: hf-hub's own download has no time-out, no bound on what a
//! server may send, and writes to a path that it takes from a response header.

use super::files::{NotReceived, receive};
use super::options::ResolveOptions;
use super::registry::FileEntry;
use super::resolve::{Failure, Fetch, Order};
use hf_hub::api::sync::{ApiBuilder, ApiRepo};
use hf_hub::{Cache, Repo, RepoType};
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
    let repo = repository(order)?;
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

fn repository(order: &Order<'_>) -> Result<ApiRepo, Failure> {
    let options = order.options;
    // The cache given here is never written to: only addresses and one request are asked of hf-hub.
    let mut builder = ApiBuilder::from_cache(Cache::new(order.temp.join("hub")))
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
        order.entry.hub_id.clone(),
        RepoType::Model,
        order.entry.revision.clone(),
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
                "it broke off ({error}), expected {} bytes with SHA-256 {}",
                file.size, file.sha256
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
