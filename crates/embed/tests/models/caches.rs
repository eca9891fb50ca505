//! syntopic's own cache and the Hugging Face cache: stamps, damage, repair, and what is never touched.

use crate::support::*;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};
use syntopic_embed::models::{
    ModelError, ResolveOptions, Source, damaged_own_copy, installed, remove, verify,
};

/// A cache that holds the model, and the options to repair it from a hub.
fn filled() -> (MockHub, tempfile::TempDir, ResolveOptions, PathBuf) {
    let (hub, cache) = (MockHub::with(files()), temp());
    let options = ResolveOptions {
        endpoint: Some(hub.url.clone()),
        ..options(&cache)
    };
    let folder = run(&entry(), &options).0.expect("fetched").folder;
    (hub, cache, options, folder)
}

fn set_time(path: &Path, time: SystemTime) {
    File::options()
        .write(true)
        .open(path)
        .and_then(|file| file.set_modified(time))
        .expect("time set");
}

fn snapshot(hf: &Path, revision: &str) -> PathBuf {
    hf.join("hub/models--org--tiny/snapshots").join(revision)
}

#[test]
fn a_touched_file_alone_is_hashed_again_and_then_stamped() {
    let (hub, _cache, options, folder) = filled();
    let asked = hub.requests().len();
    set_time(
        &folder.join("tokenizer.json"),
        SystemTime::now() + Duration::from_secs(5),
    );
    let (outcome, heard) = run(&entry(), &options);
    assert_eq!(outcome.expect("right bytes").source, Source::Cache);
    assert_eq!(heard.checked(), ["tokenizer.json"]);
    assert_eq!(run(&entry(), &options).1.checked(), Vec::<&str>::new());
    assert_eq!(hub.requests().len(), asked);
}

#[cfg(unix)]
#[test]
fn another_inode_is_hashed_again() {
    let (_hub, _cache, options, folder) = filled();
    let path = folder.join("tokenizer.json");
    let time = fs::metadata(&path)
        .and_then(|metadata| metadata.modified())
        .expect("a time");
    fs::copy(&path, folder.join("copy")).expect("copied");
    set_time(&folder.join("copy"), time);
    fs::rename(folder.join("copy"), &path).expect("renamed");
    assert_eq!(run(&entry(), &options).1.checked(), ["tokenizer.json"]);
}

#[test]
fn a_changed_a_truncated_and_a_missing_file_are_fetched_again_alone() {
    for kind in ["changed", "truncated", "missing"] {
        let (hub, cache, options, folder) = filled();
        let path = folder.join("model.safetensors");
        match kind {
            "changed" => {
                fs::write(&path, WEIGHTS.to_ascii_uppercase()).expect("written");
                set_time(&path, SystemTime::now() + Duration::from_secs(5));
            }
            "truncated" => fs::write(&path, &WEIGHTS[..5]).expect("written"),
            _ => fs::remove_file(&path).expect("removed"),
        }
        let (outcome, heard) = run(&entry(), &options);
        assert_eq!(outcome.expect(kind).source, Source::Hub, "{kind}");
        assert_whole(&folder, &files());
        assert_eq!(hub.asked_for("model.safetensors"), 2, "{kind}");
        assert_eq!(hub.asked_for("tokenizer.json"), 1, "{kind}");
        assert_eq!(
            heard.notes().contains("model.safetensors") && heard.notes().contains("removed"),
            kind != "missing"
        );
        assert_eq!(left_below(cache.path()).len(), 4);
        assert!(
            run(&entry(), &options).1.0.is_empty(),
            "{kind}: repaired and stamped"
        );
    }
}

#[test]
fn a_wrong_file_is_removed_even_when_nothing_can_replace_it() {
    let (_hub, cache, filled_options, folder) = filled();
    fs::write(folder.join("model.safetensors"), b"short").expect("written");
    let offline = ResolveOptions {
        offline: true,
        ..filled_options
    };
    let error = run(&entry(), &offline)
        .0
        .expect_err("damaged, and offline")
        .to_string();
    assert!(
        error.contains("model.safetensors: got 5 bytes (truncated)"),
        "{error}"
    );
    assert!(!folder.join("model.safetensors").exists());
    assert_eq!(left_below(cache.path()).len(), 3, "what is right stays");
}

#[test]
fn verify_finds_what_stamps_cannot_and_the_next_resolve_repairs_it() {
    let (hub, _cache, options, folder) = filled();
    let path = folder.join("model.safetensors");
    let time = fs::metadata(&path)
        .and_then(|metadata| metadata.modified())
        .expect("a time");
    fs::write(&path, WEIGHTS.to_ascii_uppercase()).expect("written in place");
    set_time(&path, time);
    assert!(
        run(&entry(), &options).1.checked().is_empty(),
        "size, time and inode are the same"
    );
    let reports = verify(&entry(), &options).expect("it is here");
    assert_eq!(reports.len(), 4);
    for report in &reports {
        assert!(report.hashed);
        assert_eq!(
            report.ok(),
            report.file != "model.safetensors",
            "{report:?}"
        );
    }
    let problem = reports
        .iter()
        .find_map(|report| report.problem.clone())
        .expect("one is wrong");
    assert_eq!(
        problem,
        format!(
            "got SHA-256 {}, expected {}",
            sha(&WEIGHTS.to_ascii_uppercase()),
            sha(WEIGHTS)
        )
    );
    assert_eq!(
        run(&entry(), &options).0.expect("repaired").source,
        Source::Hub
    );
    assert_eq!(hub.asked_for("model.safetensors"), 2);
    assert!(
        verify(&entry(), &options)
            .expect("it is here")
            .iter()
            .all(|report| report.ok())
    );
}

/// Where the files are that `verify` reports on.
fn verified_below(options: &ResolveOptions) -> (PathBuf, usize) {
    let reports = verify(&entry(), options).expect("it is here");
    assert!(reports.iter().all(|report| report.hashed || !report.ok()));
    let wrong = reports.iter().filter(|report| !report.ok()).count();
    let weights = reports.iter().find(|r| r.file == "model.safetensors");
    let path = &weights.expect("reported").path;
    (path.parent().expect("a folder").to_path_buf(), wrong)
}

#[test]
fn verify_looks_where_the_model_would_be_taken_from() {
    for own in ["missing", "truncated", "changed"] {
        let (_hub, _cache, filled_options, folder) = filled();
        let hf = temp();
        let snapshot = snapshot(hf.path(), REVISION);
        let options = ResolveOptions {
            hf_home: Some(hf.path().to_path_buf()),
            offline: true,
            ..filled_options
        };
        let path = folder.join("model.safetensors");
        match own {
            "missing" => fs::remove_file(&path).expect("removed"),
            "truncated" => fs::write(&path, &WEIGHTS[..5]).expect("written"),
            _ => {
                fs::write(&path, WEIGHTS.to_ascii_uppercase()).expect("written");
                set_time(&path, SystemTime::now() + Duration::from_secs(5));
            }
        }
        assert_eq!(verified_below(&options), (folder.clone(), 1), "{own}");

        write_model(&snapshot, &files());
        for _ in 0..2 {
            assert_eq!(verified_below(&options), (snapshot.clone(), 0), "{own}");
        }
        // A wrong copy of ours is told all the same.
        let wrong = damaged_own_copy(&entry(), &options);
        assert_eq!(wrong.len(), usize::from(own != "missing"), "{own}");
        assert!(wrong.iter().all(|report| report.path == path), "{own}");
        let found = run(&entry(), &options).0.expect("found");
        assert_eq!(found.folder, snapshot, "{own}: and it is taken from there");

        fs::write(snapshot.join("model.safetensors"), b"short").expect("written");
        assert_eq!(verified_below(&options), (folder, 1), "{own}");
    }
}

#[test]
fn remove_leaves_other_caches_alone_and_says_where_the_model_still_is() {
    let (_hub, _cache, filled_options, folder) = filled();
    let hf = temp();
    let snapshot = snapshot(hf.path(), REVISION);
    write_model(&snapshot, &files());
    let options = ResolveOptions {
        hf_home: Some(hf.path().to_path_buf()),
        offline: true,
        ..filled_options
    };
    let removed = remove(&entry(), &options).expect("removed");
    assert!(folder.starts_with(&removed.folder) && !removed.folder.exists());
    let size: u64 = entry().files.iter().map(|file| file.size).sum();
    assert!(removed.freed >= size);
    assert_eq!(
        removed.left.map(|place| place.folder),
        Some(snapshot.clone())
    );
    let error = remove(&entry(), &options).expect_err("nothing is left of ours");
    assert!(
        matches!(error, ModelError::NotInOwnCache { .. }),
        "{error:?}"
    );
    assert!(error.to_string().contains("not syntopic's to remove"));
    assert_eq!(verified_below(&options), (snapshot, 0));
}

#[test]
fn verify_passes_over_a_wrong_snapshot_as_resolve_does() {
    let (cache, hf) = (temp(), temp());
    let pinned = snapshot(hf.path(), REVISION);
    let other = snapshot(hf.path(), "ffffffffffffffffffffffffffffffffffffffff");
    write_model(&pinned, &files());
    fs::write(
        pinned.join("model.safetensors"),
        WEIGHTS.to_ascii_uppercase(),
    )
    .expect("written");
    let options = ResolveOptions {
        hf_home: Some(hf.path().to_path_buf()),
        offline: true,
        ..options(&cache)
    };
    assert_eq!(verified_below(&options), (pinned, 1));
    write_model(&other, &files());
    assert_eq!(verified_below(&options), (other.clone(), 0));
    assert_eq!(run(&entry(), &options).0.expect("found").folder, other);
}

#[test]
fn a_damaged_stamp_file_costs_a_hash_and_no_more() {
    let (_hub, _cache, options, folder) = filled();
    fs::write(folder.join(".stamps.json"), b"{\"format\":1,\"files\":[").expect("written");
    let (outcome, heard) = run(&entry(), &options);
    assert_eq!(outcome.expect("right bytes").source, Source::Cache);
    assert_eq!(heard.checked().len(), 4);
    assert!(run(&entry(), &options).1.0.is_empty());
}

#[test]
fn what_a_killed_process_left_is_swept_at_the_next_fetch() {
    let (hub, cache) = (MockHub::with(files()), temp());
    let left = cache.path().join("models/tiny/.fetch-dead");
    fs::create_dir_all(&left).expect("made");
    fs::write(left.join("model.safetensors"), b"part").expect("written");
    let options = ResolveOptions {
        endpoint: Some(hub.url.clone()),
        ..options(&cache)
    };
    run(&entry(), &options).0.expect("fetched");
    assert!(!left.exists());
}

#[test]
fn the_hugging_face_cache_is_used_in_place_whatever_the_revision() {
    for revision in [REVISION, "ffffffffffffffffffffffffffffffffffffffff"] {
        let (cache, hf) = (temp(), temp());
        let folder = snapshot(hf.path(), revision);
        write_model(&folder, &files());
        let options = ResolveOptions {
            hf_home: Some(hf.path().to_path_buf()),
            offline: true,
            ..options(&cache)
        };
        assert_eq!(
            installed(&entry(), &options).expect("here").source,
            Source::HuggingFaceCache
        );
        let (outcome, heard) = run(&entry(), &options);
        let found = outcome.expect("found");
        assert_eq!(
            (found.source, &found.folder),
            (Source::HuggingFaceCache, &folder)
        );
        assert_eq!(found.revision, REVISION);
        assert_eq!(heard.checked().len(), 4);
        assert!(run(&entry(), &options).1.checked().is_empty(), "stamped");
        assert_eq!(
            left_below(hf.path()).len(),
            4,
            "nothing of ours is written there"
        );
    }
}

#[test]
fn hf_hub_cache_overrides_hf_home() {
    let (cache, hub_cache) = (temp(), temp());
    write_model(
        &hub_cache
            .path()
            .join("models--org--tiny/snapshots")
            .join(REVISION),
        &files(),
    );
    let options = ResolveOptions {
        hf_home: Some("/nonexistent".into()),
        hf_hub_cache: Some(hub_cache.path().to_path_buf()),
        ..options(&cache)
    };
    assert_eq!(
        run(&entry(), &options).0.expect("found").source,
        Source::HuggingFaceCache
    );
}

#[test]
fn a_wrong_file_in_the_hugging_face_cache_is_named_left_alone_and_passed_over() {
    let (hub, cache, hf) = (MockHub::with(files()), temp(), temp());
    let folder = snapshot(hf.path(), REVISION);
    write_model(&folder, &files());
    fs::write(
        folder.join("model.safetensors"),
        WEIGHTS.to_ascii_uppercase(),
    )
    .expect("written");
    let options = ResolveOptions {
        hf_home: Some(hf.path().to_path_buf()),
        endpoint: Some(hub.url.clone()),
        ..options(&cache)
    };
    let (outcome, heard) = run(&entry(), &options);
    let found = outcome.expect("fetched instead");
    assert_eq!(found.source, Source::Hub);
    assert!(found.folder.starts_with(cache.path()));
    assert!(
        heard
            .notes()
            .contains(folder.join("model.safetensors").to_str().expect("UTF-8"))
    );
    assert_eq!(
        fs::read(folder.join("model.safetensors")).expect("still there"),
        WEIGHTS.to_ascii_uppercase()
    );
}

#[test]
fn installed_and_verify_know_when_it_is_not_here() {
    let cache = temp();
    assert_eq!(installed(&entry(), &options(&cache)), None);
    let error = verify(&entry(), &options(&cache)).expect_err("not here");
    assert!(matches!(error, ModelError::NotInstalled { .. }));
    assert!(error.to_string().contains("syntopic models pull tiny"));
    let (_hub, _cache, options, folder) = filled();
    assert_eq!(installed(&entry(), &options).expect("here").folder, folder);
    fs::remove_file(folder.join("config.json")).expect("removed");
    assert_eq!(installed(&entry(), &options), None);
}

#[test]
fn a_cache_that_cannot_be_made_says_what_to_set() {
    let cache = temp();
    let file = cache.path().join("a-file");
    fs::write(&file, b"").expect("written");
    let options = ResolveOptions {
        cache_dir: file.join("below"),
        ..options(&cache)
    };
    let error = run(&entry(), &options)
        .0
        .expect_err("a file is in the way")
        .to_string();
    assert!(
        error.contains("a-file") && error.contains("SYNTOPIC_CACHE"),
        "{error}"
    );
}

#[test]
fn a_cache_of_ours_that_cannot_be_used_does_not_hide_the_hugging_face_cache() {
    let (cache, hf) = (temp(), temp());
    let file = cache.path().join("a-file");
    fs::write(&file, b"").expect("written");
    write_model(&snapshot(hf.path(), REVISION), &files());
    let options = ResolveOptions {
        cache_dir: file.join("below"),
        hf_home: Some(hf.path().to_owned()),
        ..options(&cache)
    };
    let found = run(&entry(), &options).0.expect("in the other cache");
    assert_eq!(found.source, Source::HuggingFaceCache);
}
