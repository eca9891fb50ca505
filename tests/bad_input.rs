//! Bad input is normal input: a clear error or a documented result for each, never a panic, and nothing lost.

mod run;

use run::{FIVE, Place, Ran, copy_folder, line, syntopic, syntopic_fed, tiny_model};
use std::path::Path;

/// Adds a file with these bytes to a new library.
fn add_bytes(bytes: &[u8]) -> (Place, Ran) {
    let place = Place::new();
    let file = place.file("input", bytes);
    let ran = place.add(&file, &["--json"]);
    (place, ran)
}

/// That nothing was made.
fn nothing_left(place: &Place) {
    assert!(
        !place.library().exists(),
        "a failed add leaves no library behind"
    );
}

#[test]
fn an_empty_file() {
    for bytes in [&b""[..], b"\n \n\n", b"\xef\xbb\xbf"] {
        let (place, ran) = add_bytes(bytes);
        ran.fails(1, &["input", "empty"]);
        nothing_left(&place);
    }
}

#[test]
fn a_missing_file_and_a_directory() {
    let place = Place::new();
    place
        .add(&place.path("nowhere.jsonl"), &[])
        .fails(1, &["nowhere.jsonl", "No such file"]);
    std::fs::create_dir(place.path("folder")).expect("a folder");
    place
        .add(&place.path("folder"), &[])
        .fails(1, &["folder", "directory"]);
    nothing_left(&place);
}

/// Copies the binary by a process of its own: a file that this process has open for writing is inherited by whatever its
/// other threads start meanwhile, and cannot be run until they end ("text file busy").
#[cfg(unix)]
fn copy_binary(to: &Path) {
    let copied = std::process::Command::new("cp")
        .arg(env!("CARGO_BIN_EXE_syntopic"))
        .arg(to)
        .status();
    assert!(copied.expect("cp runs").success());
}

#[cfg(unix)]
#[test]
fn no_permission() {
    use std::os::unix::fs::PermissionsExt;
    use std::os::unix::process::CommandExt;
    let place = Place::new();
    let file = place.file("secret.jsonl", line("x", "y", "z").as_bytes());
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o000)).expect("permissions");
    let mut command = if std::fs::read(&file).is_ok() {
        // We are root, whom no permission stops: run a copy of the binary as nobody.
        let folder = file.parent().expect("a folder");
        std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o777))
            .expect("permissions");
        let binary = place.path("syntopic");
        copy_binary(&binary);
        let mut command = std::process::Command::new(binary);
        command
            .uid(65_534)
            .gid(65_534)
            .current_dir("/")
            .env("HOME", folder)
            .arg("--library")
            .arg(place.library());
        command
    } else {
        run::command(&place.library())
    };
    let output = command.arg("add").arg(&file).output().expect("it runs");
    let err = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{err}");
    assert!(
        err.contains("secret.jsonl") && err.contains("Permission denied"),
        "{err}"
    );
}

#[cfg(unix)]
#[test]
fn a_library_folder_that_may_not_be_entered_is_not_taken_for_none() {
    use std::os::unix::fs::PermissionsExt;
    use std::os::unix::process::CommandExt;
    let place = Place::with(&FIVE);
    let binary = place.path("syntopic");
    copy_binary(&binary);
    let mode = |path: &Path, mode: u32| {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("permissions");
    };
    mode(&place.path(""), 0o755);
    mode(&place.library(), 0o000);
    let root = std::fs::read_dir(place.library()).is_ok();
    for verb in [&["info"][..], &["add", "x.jsonl"]] {
        let mut command = std::process::Command::new(&binary);
        if root {
            // No permission stops root: run as nobody.
            command.uid(65_534).gid(65_534);
        }
        let output = command
            .current_dir("/")
            .env("HOME", "/nowhere")
            .arg("--library")
            .arg(place.library())
            .args(verb)
            .output()
            .expect("it runs");
        let err = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{err}");
        assert!(err.contains("library.db: Permission denied"), "{err}");
    }
    mode(&place.library(), 0o755);
}

#[cfg(unix)]
#[test]
fn a_library_that_cannot_be_written_can_be_read() {
    use std::os::unix::fs::PermissionsExt;
    use std::os::unix::process::CommandExt;
    let place = Place::with(&FIVE);
    place.run(&["topics", "-k", "2"]).ok();
    let binary = place.path("syntopic");
    copy_binary(&binary);
    let root =
        std::fs::metadata("/proc/self").is_ok_and(|m| std::os::unix::fs::MetadataExt::uid(&m) == 0);
    let mode = |path: &Path, mode: u32| {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("permissions");
    };
    mode(&place.path(""), 0o755);
    mode(&place.library(), 0o555);
    let run = |arguments: &[&str]| {
        let mut command = std::process::Command::new(&binary);
        if root {
            // No permission stops root: run as nobody.
            command.uid(65_534).gid(65_534);
        }
        let output = command
            .current_dir("/")
            .env("HOME", "/nowhere")
            .arg("--library")
            .arg(place.library())
            .args(arguments)
            .output()
            .expect("it runs");
        let err = String::from_utf8_lossy(&output.stderr).into_owned();
        (
            output.status.code(),
            String::from_utf8_lossy(&output.stdout).into_owned(),
            err,
        )
    };
    let (code, out, err) = run(&["related", "a1", "-k", "2", "--json"]);
    assert_eq!(code, Some(0), "{err}");
    let related: serde_json::Value = serde_json::from_str(&out).expect("JSON");
    assert_eq!(related["hits"].as_array().map(Vec::len), Some(2));
    assert!(
        related["hits"][0]["topic"].is_string(),
        "with topics: {out}"
    );
    assert_eq!(run(&["info"]).0, Some(0));
    assert_eq!(run(&["check"]).0, Some(0));
    mode(&place.library(), 0o755);
}

#[test]
fn a_folder_named_like_a_known_model_is_not_taken_for_it() {
    let place = Place::new();
    copy_folder(Path::new(&tiny_model()), &place.path("all-MiniLM-L6-v2"));
    place.file("one.jsonl", line("a", "One", "First.").as_bytes());
    let run = |arguments: &[&str]| {
        let mut command = run::command(&place.library());
        let output = command
            .current_dir(place.path(""))
            .args(arguments)
            .output()
            .expect("it runs");
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
    };
    run(&["add", "one.jsonl", "--model", "all-MiniLM-L6-v2"]);
    run(&["related", "--text", "one"]);
    assert_eq!(place.run(&["info", "--json"]).json()["dim"], 384);
}

#[test]
fn a_library_where_no_folder_can_be_is_refused_before_anything_is_embedded() {
    let place = Place::new();
    let file = place.file("papers.jsonl", line("a", "One", "First.").as_bytes());
    let under_a_file = file.join("library");
    let name = file.display().to_string();
    syntopic(&under_a_file, &["add", &name]).fails(1, &["papers.jsonl", "not a directory"]);
}

#[test]
fn one_bad_file_does_not_stop_the_others() {
    let place = Place::new();
    let good = place.file(
        "good.jsonl",
        line("x", "A title", "An abstract.").as_bytes(),
    );
    let good = good.display().to_string();
    let missing = place.path("missing.jsonl").display().to_string();
    let ran = syntopic(
        &place.library(),
        &["add", &missing, &good, "--model", &tiny_model()],
    );
    ran.fails(3, &["missing.jsonl"]);
    assert!(ran.out.contains("1 added"), "{}", ran.out);
}

#[test]
fn a_bad_record_names_its_line_and_the_rest_goes_in() {
    let mut bytes = Vec::new();
    bytes.extend(line("good-1", "One", "First.").into_bytes());
    bytes.extend(b"\n{\"id\":\"cut off\n");
    bytes.extend(b"{\"id\":\"latin1\",\"title\":\"caf\xe9\"}\n");
    bytes.extend(b"{\"title\":\"no id\"}\n");
    bytes.extend(b"{\"id\":\"empty\",\"title\":\" \",\"abstract\":\"\"}\n");
    bytes.extend(line("good-2", "Two", "Second.").into_bytes());
    let (place, ran) = add_bytes(&bytes);
    ran.fails(
        3,
        &[
            "input:2:", "input:3:", "UTF-8", "input:4:", "id", "input:5:",
        ],
    );
    let report: serde_json::Value = serde_json::from_str(&ran.out).expect("JSON");
    assert_eq!(
        (&report["added"], &report["papers"]),
        (&2.into(), &2.into())
    );
    let lines: Vec<u64> = report["skipped"]
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|s| s["line"].as_u64())
        .collect();
    assert_eq!(lines, [2, 3, 4, 5]);
    assert_eq!(place.run(&["info", "--json"]).json()["papers"], 2);
}

#[test]
fn bom_and_crlf_are_no_part_of_a_paper() {
    let text = format!(
        "\u{feff}{}\r\n\r\n{}\r\n",
        line("a", "One", "First."),
        line("b", "Two", "Second.")
    );
    let (place, ran) = add_bytes(text.as_bytes());
    assert_eq!(ran.json()["added"], 2);
    assert_eq!(
        place.run(&["related", "a", "--json"]).json()["hits"][0]["title"],
        "Two"
    );
}

#[test]
fn an_empty_title_or_abstract_is_no_error() {
    let text = format!(
        "{}\n{}\n",
        line("no-title", "", "An abstract alone."),
        line("no-abstract", "A title alone", "")
    );
    let (place, ran) = add_bytes(text.as_bytes());
    let report = ran.json();
    assert_eq!(
        (&report["added"], &report["without_abstract"]),
        (&2.into(), &1.into())
    );
    assert_eq!(place.run(&["info", "--json"]).json()["with_abstract"], 1);
}

#[test]
fn records_that_are_all_bad_make_no_library_and_say_so() {
    let place = Place::new();
    let ran = place.add(&place.file("input", b"{\"title\":\"no id\"}\n{}\n"), &[]);
    ran.fails(3, &["input:1:", "input:2:"]);
    assert!(ran.out.contains("2 skipped"), "{}", ran.out);
    assert!(ran.out.contains("no library was made at"), "{}", ran.out);
    nothing_left(&place);
}

#[test]
fn a_line_of_a_page_that_may_be_a_title_is_named() {
    let place = Place::new();
    let page = std::fs::read_to_string(run::root().join("data/hf-papers.txt")).expect("the page");
    let file = place.file(
        "page.txt",
        format!("{page}\nwav2vec goes large!\n").as_bytes(),
    );
    let ran = place.add(&file, &[]);
    assert!(
        ran.ok().contains("65 papers (hf-papers, 6 lines"),
        "{}",
        ran.out
    );
    assert!(ran.out.contains("1 of which may be titles"), "{}", ran.out);
    assert!(ran.err.contains("wav2vec goes large!"), "{}", ran.err);
}

#[test]
fn a_benchmark_counts_what_it_left_out() {
    let place = Place::new();
    let text = format!("{}\n{{}}\n", line("a", "One", "First."));
    let file = place.file("papers.jsonl", text.as_bytes());
    let (file, model) = (file.display().to_string(), tiny_model());
    let arguments = ["bench", "embed", &file, "--model", &model, "--repeat", "1"];
    let ran = syntopic(&place.library(), &[&arguments[..], &["--json"]].concat());
    assert!(ran.err.contains("papers.jsonl:2:"), "{}", ran.err);
    let report = ran.json();
    assert_eq!(
        (&report["texts"], &report["skipped"]),
        (&1.into(), &1.into())
    );
    let printed = syntopic(&place.library(), &arguments);
    assert!(printed.ok().contains("1 record skipped"), "{}", printed.out);
}

#[test]
fn a_ten_megabyte_abstract_is_cut_and_counted() {
    let text = line("long", "A long one", &"word ".repeat(2_000_000));
    let (_place, ran) = add_bytes(text.as_bytes());
    let report = ran.json();
    assert_eq!(
        (&report["added"], &report["truncated"]),
        (&1.into(), &1.into())
    );
}

#[test]
fn a_json_array_is_read_as_its_objects() {
    let (_place, ran) = add_bytes(format!("[\n{}\n]", line("a", "One", "First.")).as_bytes());
    assert_eq!(ran.json()["added"], 1);
}

#[test]
fn something_else_altogether() {
    let (place, ran) = add_bytes(b"\x7fELF\x02\x01\x01\x00\x00\x00");
    ran.fails(1, &["input"]);
    nothing_left(&place);
}

#[test]
fn k_of_zero_and_k_above_the_number_of_papers() {
    let place = Place::with(&FIVE);
    place
        .run(&["related", "a1", "-k", "0"])
        .fails(2, &["k = 0"]);
    place.run(&["topics", "-k", "0"]).fails(2, &["0"]);
    let ran = place.run(&["related", "a1", "-k", "100", "--json"]);
    let related = ran.json();
    assert_eq!(
        related["hits"].as_array().expect("hits").len(),
        4,
        "all others"
    );
    assert!(
        related["notes"][0]
            .as_str()
            .expect("a note")
            .contains("the library has 4")
    );
    place.run(&["topics", "-k", "100"]).fails(2, &["100", "5"]);
}

#[test]
fn an_unknown_id_suggests_the_nearest() {
    let place = Place::with(&FIVE);
    place
        .run(&["related", "a11"])
        .fails(4, &["a11", "did you mean a1"]);
    place
        .run(&["related", ""])
        .fails(4, &["no paper has the id"]);
}

#[test]
fn an_unknown_model_suggests_names() {
    let place = Place::new();
    let file = place
        .file("p.jsonl", line("a", "One", "First.").as_bytes())
        .display()
        .to_string();
    let ran = syntopic(
        &place.library(),
        &["add", &file, "--model", "all-MiniLM-L6-v3"],
    );
    ran.fails(4, &["all-MiniLM-L6-v3", "all-MiniLM-L6-v2"]);
    syntopic(&place.library(), &["models", "pull", "minilm"])
        .fails(4, &["minilm", "all-MiniLM-L6-v2"]);
    nothing_left(&place);
}

#[test]
fn another_model_than_the_librarys_is_refused() {
    let place = Place::with(&FIVE);
    // The same model in another folder, with other pooling: other vectors.
    let other = place.path("other-model");
    copy_folder(Path::new(&tiny_model()), &other);
    std::fs::write(
        other.join("1_Pooling/config.json"),
        r#"{"pooling_mode":"mean"}"#,
    )
    .expect("a file");
    let other = other.display().to_string();
    for arguments in [
        vec!["related", "--text", "images", "--model", &other],
        vec!["related", "a1", "--model", &other],
        vec!["topics", "-k", "2", "--model", &other],
        vec!["add", "-", "--model", &other],
    ] {
        let ran = syntopic_fed(
            &place.library(),
            &arguments,
            line("z", "Z", "Z.").as_bytes(),
        );
        ran.fails(2, &["cls", "mean", "cannot be compared"]);
    }
    assert_eq!(place.run(&["info", "--json"]).json()["papers"], 5);
}

#[test]
fn a_missing_library() {
    let place = Place::new();
    for verb in [&["related", "x"][..], &["topics"], &["info"], &["check"]] {
        place
            .run(verb)
            .fails(4, &["there is no library", "add FILE"]);
    }
}

#[test]
fn several_that_make_one_library_at_once_all_succeed() {
    for round in 0..5 {
        let place = Place::new();
        let ran: Vec<Ran> = std::thread::scope(|scope| {
            let place = &place;
            let adders: Vec<_> = (0..6)
                .map(|i| {
                    scope.spawn(move || {
                        let paper = line(&format!("p{i}"), &format!("Title {i}"), "Text.");
                        place.add(&place.file(&format!("{i}.jsonl"), paper.as_bytes()), &[])
                    })
                })
                .collect();
            adders
                .into_iter()
                .map(|adder| adder.join().expect("it ran"))
                .collect()
        });
        ran.iter().for_each(|ran| {
            ran.ok();
        });
        assert_eq!(
            place.run(&["info", "--json"]).json()["papers"],
            6,
            "round {round}"
        );
    }
}

#[test]
fn empty_and_unreadable_queries() {
    let place = Place::with(&FIVE);
    place.run(&["related", "--text", "  "]).fails(2, &["empty"]);
    syntopic_fed(&place.library(), &["related", "-"], b"").fails(2, &["empty"]);
    syntopic_fed(&place.library(), &["related", "-"], b"caf\xe9").fails(1, &["UTF-8", "byte 3"]);
    place
        .run(&["related", "--file", "/nowhere.txt"])
        .fails(1, &["/nowhere.txt"]);
    place.run(&["related"]).fails(2, &["required"]);
}

#[test]
fn counts_of_zero_are_wrong_usage() {
    let place = Place::new();
    for option in ["-n", "--repeat", "--threads", "--batch-tokens"] {
        place
            .run(&["bench", "embed", option, "0"])
            .fails(2, &[option, "at least 1"]);
    }
    place
        .run(&["add", "x.jsonl", "--format", "foo"])
        .fails(2, &["foo", "jsonl"]);
}

#[test]
fn a_closed_pipe_is_no_failure() {
    let place = Place::with(&FIVE);
    let mut child = run::command(&place.library())
        .args(["related", "a1", "--json"])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .expect("the binary runs");
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(
        output.status.code(),
        Some(0),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}
