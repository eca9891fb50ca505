//! The main job, end to end, with the real model on the sample corpus.

mod run;

use run::{FIVE, Place, line, root, syntopic, syntopic_fed};
use serde_json::Value;
use std::path::PathBuf;
use std::sync::OnceLock;

/// The demo, run once: its library, and what it printed as JSON.
fn demo() -> &'static (PathBuf, Value) {
    static DEMO: OnceLock<(PathBuf, Value)> = OnceLock::new();
    DEMO.get_or_init(|| {
        let library =
            PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("demo-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&library);
        let report = syntopic(&library, &["demo", "--json"]).json();
        (library, report)
    })
}

/// Ids of hits, in order.
fn ids(related: &Value) -> Vec<&str> {
    related["hits"]
        .as_array()
        .expect("hits")
        .iter()
        .filter_map(|hit| hit["id"].as_str())
        .collect()
}

#[test]
fn the_demo_adds_65_papers() {
    let (library, report) = demo();
    assert_eq!(
        (&report["added"]["added"], &report["added"]["papers"]),
        (&65.into(), &65.into())
    );
    assert_eq!(report["added"]["skipped"].as_array().map(Vec::len), Some(0));
    assert_eq!(
        report["added"]["truncated"], 65,
        "all are longer than 256 tokens"
    );
    assert_eq!(report["added"]["files"][0]["chrome_lines"], 5);
    let info = syntopic(library, &["info", "--json"]).json();
    assert_eq!(
        (&info["papers"], &info["vectors"]),
        (&65.into(), &65.into())
    );
    assert_eq!(
        (&info["model"], &info["dim"], &info["max_tokens"]),
        (&"all-MiniLM-L6-v2".into(), &384.into(), &256.into())
    );
    assert_eq!(info["topics"], "current");
    let modes = info["modes"].as_array().expect("modes");
    assert_eq!(modes.len(), 1, "the implementation that made the vectors");
    assert!(modes[0].as_str().is_some_and(|mode| !mode.is_empty()));
}

#[test]
fn related_papers_are_related() {
    let (library, report) = demo();
    let first = report["related"]["hits"][0]["title"]
        .as_str()
        .expect("a title");
    assert_eq!(
        first,
        "Guarding Barlow Twins Against Overfitting with Mixed Samples"
    );
    assert!(
        report["related"]["hits"][0]["topic"].is_string(),
        "the topic is named"
    );
    let text =
        "Large language models that generate code and repair it from the feedback of running it";
    let related = syntopic(library, &["related", "--text", text, "-k", "5", "--json"]).json();
    let titles: Vec<&str> = related["hits"]
        .as_array()
        .expect("hits")
        .iter()
        .filter_map(|hit| hit["title"].as_str())
        .collect();
    assert!(
        titles.iter().any(|t| t.to_lowercase().contains("debug")),
        "{titles:?}"
    );
    let scores: Vec<f64> = related["hits"]
        .as_array()
        .expect("hits")
        .iter()
        .filter_map(|hit| hit["score"].as_f64())
        .collect();
    assert!(
        scores.is_sorted_by(|a, b| a >= b) && scores[0] > 0.5,
        "{scores:?}"
    );
    assert_eq!(related["hits"][0]["rank"], 1);
}

#[test]
fn text_file_and_stdin_are_the_same_query() {
    let (library, _) = demo();
    let text = "Graph neural networks pre-trained by masking";
    let place = Place::new();
    let file = place.file(
        "abstract.txt",
        format!("\u{feff}{}\r\n", text.replace(' ', "\r\n")).as_bytes(),
    );
    let by_text = syntopic(library, &["related", "--text", text, "--json"]).json();
    let mut by_file = syntopic(
        library,
        &["related", "--file", &file.display().to_string(), "--json"],
    )
    .json();
    let by_stdin = syntopic_fed(library, &["related", "-", "--json"], text.as_bytes()).json();
    // How a file was read is said.
    let said = by_file["notes"].take();
    assert!(said.to_string().contains("read as one text"), "{said}");
    by_file["notes"] = by_text["notes"].clone();
    assert_eq!(by_text, by_file);
    assert_eq!(by_text, by_stdin);
}

#[test]
fn a_paper_is_nearest_to_its_own_text() {
    let (library, _) = demo();
    let papers = std::fs::read_to_string(root().join("data/hf-papers.jsonl")).expect("the sample");
    let paper: Value =
        serde_json::from_str(papers.lines().nth(9).expect("ten papers")).expect("JSON");
    let text = format!(
        "{}. {}",
        paper["title"].as_str().expect("a title"),
        paper["abstract"].as_str().expect("text")
    );
    let related = syntopic(library, &["related", "--text", &text, "-k", "1", "--json"]).json();
    assert_eq!(related["hits"][0]["id"], paper["id"]);
    assert!(related["hits"][0]["cosine"].as_f64().expect("a score") > 0.999);
    assert_eq!(related["query"]["truncated"], true);
    let others = syntopic(
        library,
        &["related", paper["id"].as_str().expect("an id"), "--json"],
    )
    .json();
    assert!(
        !ids(&others).contains(&paper["id"].as_str().expect("an id")),
        "not among its own hits"
    );
}

#[test]
fn topics_have_names_that_a_reader_recognises() {
    let (_, report) = demo();
    let topics = report["topics"]["topics"].as_array().expect("topics");
    let lower = |value: &Value| value.as_str().expect("text").to_lowercase();
    let mut names: Vec<String> = topics.iter().map(|t| lower(&t["name"])).collect();
    // What a name must say; most papers with one of these words in the title are under such a name. There are two on
    // recommendation, too few for a topic of their own.
    for (name, title) in [
        (
            &["self-supervised", "ssl"][..],
            &["self-supervised", "barlow twins"][..],
        ),
        (&["medical"], &["medical", "image-volume"]),
        (&["code", "debug"], &["code", "debug"]),
        (&["graph"], &["graph"]),
        (&["recommend"], &["recommend"]),
    ] {
        let has = |text: &Value, words: &[&str]| words.iter().any(|w| lower(text).contains(w));
        let (mut under, mut of) = (0, 0);
        for topic in topics {
            let titles = topic["titles"].as_array().expect("titles");
            let n = titles.iter().filter(|t| has(t, title)).count();
            of += n;
            under += if has(&topic["name"], name) { n } else { 0 };
        }
        assert!(2 * under > of, "{name:?}: {under} of {of} under {names:?}");
    }
    let sizes: usize = topics
        .iter()
        .filter_map(|t| t["papers"].as_array())
        .map(Vec::len)
        .sum();
    assert_eq!(sizes, 65, "every paper is in one topic");
    names.sort();
    names.dedup();
    assert_eq!(names.len(), topics.len(), "names are unique");
}

#[test]
fn topics_do_not_depend_on_threads_or_on_the_order_of_input() {
    let (library, report) = demo();
    let one = run::command(library)
        .args(["topics", "--fresh", "--json"])
        .env("RAYON_NUM_THREADS", "1")
        .output()
        .expect("the binary runs");
    let one: Value = serde_json::from_slice(&one.stdout).expect("JSON");
    assert!(one == report["topics"], "one thread gives what many give");
    // The same papers in the opposite order: ids, names and members are the same.
    let place = Place::new();
    let papers = std::fs::read_to_string(root().join("data/hf-papers.jsonl")).expect("the sample");
    let reversed: Vec<&str> = papers.lines().rev().collect();
    let file = place
        .file("reversed.jsonl", reversed.join("\n").as_bytes())
        .display()
        .to_string();
    syntopic(&place.library(), &["add", &file]).ok();
    let other = place.run(&["topics", "--json"]).json();
    let groups = |report: &Value| -> Vec<(Value, Value)> {
        report["topics"]
            .as_array()
            .expect("topics")
            .iter()
            .map(|t| (t["name"].clone(), t["papers"].clone()))
            .collect()
    };
    assert_eq!(groups(&other), groups(&report["topics"]));
}

#[test]
fn topics_as_csv() {
    let (library, _) = demo();
    let csv = syntopic(library, &["topics", "-k", "4", "--csv"]);
    let lines: Vec<&str> = csv.ok().lines().collect();
    assert_eq!(lines[0], "topic,name,rank,id,title,outlier");
    assert_eq!(lines.len(), 66);
    assert!(lines[1].starts_with("0,"));
    let again = syntopic(library, &["topics", "--fresh", "--json"]).json();
    assert_eq!(again["k_given"], false);
}

#[test]
fn adding_again_changes_nothing_and_a_changed_text_is_embedded_again() {
    let place = Place::with(&FIVE);
    let before = place.run(&["info", "--json"]).json();
    let same = place.add(&place.path("papers.jsonl"), &["--json"]).json();
    assert_eq!(
        (&same["added"], &same["updated"], &same["unchanged"]),
        (&0.into(), &0.into(), &5.into())
    );
    assert_eq!(
        place.run(&["info", "--json"]).json()["generation"],
        before["generation"]
    );

    let changed = place.file(
        "changed.jsonl",
        line("a1", "Contrastive learning of images", "Another text.").as_bytes(),
    );
    let report = place.add(&changed, &["--json"]).json();
    assert_eq!(
        (&report["added"], &report["updated"]),
        (&0.into(), &1.into())
    );
    assert_eq!(report["papers"], 5);

    let details = r#"{"id":"a1","title":"Contrastive learning of images","abstract":"Another text.","year":2021}"#;
    let report = place
        .add(
            &place.file("details.jsonl", details.as_bytes()),
            &["--json"],
        )
        .json();
    assert_eq!(
        (&report["updated"], &report["details_updated"]),
        (&0.into(), &1.into())
    );
    let related = place.run(&["related", "a2", "--json"]).json();
    let hit = related["hits"]
        .as_array()
        .expect("hits")
        .iter()
        .find(|hit| hit["id"] == "a1")
        .expect("a1");
    assert_eq!(hit["year"], 2021);
    assert_eq!(place.run(&["check", "--json"]).json()["ok"], true);
}

#[test]
fn a_record_that_says_less_takes_nothing_away() {
    let place = Place::new();
    let whole = r#"{"id":"x","title":"A title","abstract":"An abstract.","year":2020,"venue":"V","authors":["A"]}"#;
    place
        .add(&place.file("whole.jsonl", whole.as_bytes()), &[])
        .ok();
    let before = place.run(&["info", "--json"]).json();
    let bare = place.file("bare.jsonl", br#"{"id":"x","title":"A title"}"#);
    let report = place.add(&bare, &["--json"]).json();
    assert_eq!(
        (
            &report["unchanged"],
            &report["kept"],
            &report["without_abstract"]
        ),
        (&1.into(), &1.into(), &0.into())
    );
    assert_eq!(
        place.run(&["info", "--json"]).json()["generation"],
        before["generation"]
    );
    // Another title and nothing else: embedded again with the abstract that is there.
    let title = place.file("title.jsonl", br#"{"id":"x","title":"Another title"}"#);
    let printed = place.add(&title, &[]);
    assert!(
        printed.ok().contains("1 with a new text"),
        "{}",
        printed.out
    );
    assert!(
        printed.out.contains("what it has was kept"),
        "{}",
        printed.out
    );
    let info = place.run(&["info", "--json"]).json();
    assert_eq!(
        (&info["with_abstract"], &info["years"][0]),
        (&1.into(), &2020.into())
    );
    assert_eq!(place.run(&["check", "--json"]).json()["ok"], true);
}

#[test]
fn a_text_that_changes_beyond_what_the_model_reads_leaves_topics_out_of_date() {
    let place = Place::with(&FIVE);
    let long = "word ".repeat(400);
    let add = |end: &str| {
        let text = line("long", "A long one", &format!("{long}{end}"));
        place.add(&place.file("long.jsonl", text.as_bytes()), &["--json"])
    };
    add("one end").ok();
    let vectors = || {
        let db =
            rusqlite::Connection::open(place.library().join("library.db")).expect("a database");
        let sql = "SELECT hex(vector) FROM vectors ORDER BY paper";
        let mut rows = db.prepare(sql).expect("a query");
        let all = rows
            .query_map([], |row| row.get::<_, String>(0))
            .expect("rows");
        all.collect::<Result<Vec<_>, _>>().expect("vectors")
    };
    place.run(&["topics", "-k", "2"]).ok();
    assert_eq!(place.run(&["info", "--json"]).json()["topics"], "current");
    let before = vectors();
    assert_eq!(add("another end").json()["updated"], 1);
    assert_eq!(vectors(), before, "the model does not see the change");
    assert_eq!(place.run(&["info", "--json"]).json()["topics"], "stale");
}

#[test]
fn the_same_id_twice_in_one_file_is_one_paper_with_the_last_text() {
    let place = Place::new();
    let text = format!(
        "{}\n{}\n",
        line("x", "First", "One."),
        line("x", "Second", "Two.")
    );
    let report = place
        .add(&place.file("twice.jsonl", text.as_bytes()), &["--json"])
        .json();
    assert_eq!(
        (&report["added"], &report["updated"], &report["papers"]),
        (&1.into(), &1.into(), &1.into())
    );
}

#[test]
fn recall_of_the_graph_is_measured() {
    let (library, _) = demo();
    let check = syntopic(library, &["check", "--recall", "--json"]).json();
    assert_eq!(check["ok"], true);
    assert!(
        check["recall"]["mean"].as_f64().expect("a share") >= 0.99,
        "{check}"
    );
    assert_eq!(check["recall"]["unreachable"], 0);
}

#[test]
fn the_benchmark_says_what_it_measured() {
    let place = Place::new();
    let report = place
        .run(&["bench", "embed", "-n", "4", "--repeat", "1", "--json"])
        .json();
    assert_eq!(
        (&report["texts"], &report["truncated"]),
        (&4.into(), &4.into())
    );
    for rate in [
        "sent_per_s",
        "tok_per_s",
        "wall_s",
        "peak_gops",
        "achieved_gops",
    ] {
        assert!(
            report[rate].as_f64().is_some_and(|v| v > 0.0),
            "{rate}: {report}"
        );
    }
    for share in ["padding_share", "peak_share", "tokenize_share"] {
        assert!(
            report[share]
                .as_f64()
                .is_some_and(|v| (0.0..=1.5).contains(&v)),
            "{share}: {report}"
        );
    }
    let saved = place.path("vectors.npy");
    let name = saved.display().to_string();
    let arguments = [
        "bench",
        "embed",
        "-n",
        "3",
        "--repeat",
        "1",
        "--mode",
        "f32",
        "--threads",
        "1",
        "--save",
        &name,
        "--json",
    ];
    let report = place.run(&arguments).json();
    assert_eq!(
        (&report["threads"], &report["padding_share"]),
        (&1.into(), &0.0.into())
    );
    let npy = std::fs::read(&saved).expect("the vectors");
    let start = npy.len() - 3 * 384 * 4;
    assert!(
        npy.starts_with(b"\x93NUMPY\x01\x00") && start.is_multiple_of(64),
        "a header of whole lines"
    );
    assert!(String::from_utf8_lossy(&npy[..start]).contains("'shape': (3, 384)"));
    place
        .run(&["bench", "embed", "--mode", "f16"])
        .fails(2, &["f16", "auto"]);
    let text = place.run(&["bench", "embed", "-n", "2", "--repeat", "1"]);
    assert!(
        text.ok().contains("abstracts") && text.ok().contains("Gop/s"),
        "{}",
        text.out
    );
}

#[test]
fn models_are_listed_fetched_and_verified() {
    let place = Place::new();
    let pulled = place
        .run(&["models", "pull", "all-MiniLM-L6-v2", "--json"])
        .json();
    assert!(
        pulled["weights_sha256"]
            .as_str()
            .is_some_and(|s| s.starts_with("53aa51172d142c89")),
        "{pulled}"
    );
    let listed = place.run(&["models", "--json"]).json();
    assert_eq!(listed["models"][0]["name"], "all-MiniLM-L6-v2");
    assert_eq!(listed["models"][0]["default"], true);
    assert!(listed["models"][0]["installed"].is_string());
    let verified = place.run(&["models", "verify", "--json"]).json();
    assert!(
        verified["files"]
            .as_array()
            .expect("files")
            .iter()
            .all(|f| f["ok"] == true),
        "{verified}"
    );
}

#[test]
fn a_truncated_model_is_found_without_naming_it() {
    let place = Place::new();
    place.run(&["models", "pull", "all-MiniLM-L6-v2"]).ok();
    let pulled = place
        .run(&["models", "pull", "all-MiniLM-L6-v2", "--json"])
        .json();
    let whole = PathBuf::from(pulled["folder"].as_str().expect("a folder"));
    // A cache of its own with the same files, its weights cut short.
    let revision = whole.file_name().expect("a revision");
    let cache = place.path("cache");
    let copy = cache.join("models/all-MiniLM-L6-v2").join(revision);
    std::fs::create_dir_all(copy.join("1_Pooling")).expect("a folder");
    for file in [
        "config.json",
        "modules.json",
        "tokenizer.json",
        "1_Pooling/config.json",
    ] {
        std::fs::copy(whole.join(file), copy.join(file)).expect("a copy");
    }
    std::fs::write(copy.join("model.safetensors"), b"cut").expect("a file");
    let output = run::command(&place.library())
        .args(["models", "verify"])
        .env("SYNTOPIC_CACHE", &cache)
        .env("HF_HOME", place.path("none"))
        .env_remove("HF_HUB_CACHE")
        .output()
        .expect("it runs");
    let out = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(7), "{out}");
    assert!(
        out.contains("model.safetensors") && out.contains("truncated"),
        "{out}"
    );
}
