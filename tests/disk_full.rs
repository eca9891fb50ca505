//! A disk that fills up at each stage: a clear error, a library that can be read, and work that goes on once there is room.

#![cfg(target_os = "linux")]

mod run;

use run::{Place, line, syntopic};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A small file system of its own, unmounted in the end.
struct Disk(PathBuf);

impl Disk {
    fn new(folder: PathBuf, size: &str) -> Option<Self> {
        std::fs::create_dir(&folder).expect("a folder");
        let options = format!("size={size}");
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &options, "tmpfs"])
            .arg(&folder)
            .output();
        mounted
            .is_ok_and(|ran| ran.status.success())
            .then_some(Self(folder))
    }

    /// Fills it up but for `left` bytes; gives what takes the room.
    fn fill(&self, left: u64) -> PathBuf {
        let path = self.0.join("ballast");
        let mut file = std::fs::File::create(&path).expect("a file");
        let page = [1u8; 4096];
        while file.write_all(&page).is_ok() {}
        let full = file.metadata().expect("its size").len();
        file.set_len(full.saturating_sub(left)).expect("shorter");
        path
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.0).status();
    }
}

fn papers(range: std::ops::Range<usize>) -> String {
    let lines = range.map(|i| {
        let subject = ["graphs", "images", "speech"][i % 3];
        line(
            &format!("p{i}"),
            &format!("On {subject} {i}"),
            &format!("We study {subject}, case {i}. ").repeat(8),
        )
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn n_papers(library: &Path) -> u64 {
    let info = syntopic(library, &["info", "--json"]).json();
    info["papers"].as_u64().expect("a count")
}

#[test]
fn a_full_disk_is_said_and_nothing_is_lost() {
    let place = Place::new();
    let Some(disk) = Disk::new(place.path("disk"), "48m") else {
        println!("skipped: no file system can be mounted here (only root may)");
        return;
    };
    let library = disk.0.join("library");
    let file = |name: &str, range| {
        place
            .file(name, papers(range).as_bytes())
            .display()
            .to_string()
    };
    let (first, second) = (
        file("first.jsonl", 0..2_200),
        file("second.jsonl", 2_200..2_600),
    );
    let tiny = run::tiny_model();

    // Not even the first batch has room.
    let ballast = disk.fill(64 * 1024);
    let ran = syntopic(&library, &["add", &first, "--model", "embedded"]);
    ran.fails(1, &["full"]);
    assert!(!library.join("library.db").exists(), "no half library");
    std::fs::remove_file(&ballast).expect("removed");
    // Then some have.
    let ballast = disk.fill(2 << 20);
    let ran = syntopic(&library, &["add", &first, "--model", "embedded"]);
    ran.fails(1, &["disk is full", "make room"]);
    let kept = n_papers(&library);
    assert!((1..2_200).contains(&kept), "{kept}");
    syntopic(&library, &["check"]).ok();
    syntopic(&library, &["related", "p0"]).ok();
    std::fs::remove_file(&ballast).expect("removed");
    syntopic(&library, &["add", &first]).ok();
    assert_eq!(n_papers(&library), 2_200);
    syntopic(&library, &["add", &second, "--no-embed"]).ok();

    let saved = disk.0.join("saved").display().to_string();
    let stages: [&[&str]; 7] = [
        &["embed"],
        &["related", "p0"],
        &["topics", "-k", "3"],
        &["reembed", "--model", &tiny],
        &["remove", "p2599"],
        &["compact"],
        &["backup", &saved],
    ];
    for arguments in stages {
        let mut failed = 0;
        for left in [0, 16 << 10, 200 << 10, 1 << 20] {
            let ballast = disk.fill(left);
            let before = n_papers(&library);
            let ran = syntopic(&library, arguments);
            let told = format!("{arguments:?} with {left} bytes left: {}", ran.err);
            assert!(!ran.err.contains("panicked"), "{told}");
            if ran.code != 0 {
                failed += 1;
                assert_eq!(ran.code, 1, "{told}");
                let says = ["full", "No space left"];
                assert!(says.iter().any(|word| ran.err.contains(word)), "{told}");
                assert_eq!(n_papers(&library), before, "{told}");
            }
            let check = syntopic(&library, &["check"]);
            assert_eq!(check.code, 0, "{told}\n{}", check.out);
            std::fs::remove_file(&ballast).expect("removed");
            if ran.code == 0 {
                break;
            }
        }
        // Reading needs no room, nor does what is only kept for the next time.
        let reads = matches!(arguments[0], "related" | "topics");
        assert!(failed > 0 || reads, "{arguments:?} never failed");
        let again = syntopic(&library, arguments);
        if arguments[0] == "remove" || arguments[0] == "backup" || arguments[0] == "reembed" {
            let done_before = again.code == 4 || again.code == 2;
            assert!(
                again.code == 0 || done_before,
                "{arguments:?}: {}",
                again.err
            );
        } else {
            again.ok();
        }
    }
    assert_eq!(n_papers(&library), 2_599);
    syntopic(&library, &["check"]).ok();
    let restored = syntopic(Path::new(&saved), &["info", "--json"]).json();
    assert_eq!(restored["papers"], 2_599);
}
