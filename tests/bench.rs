//! `syntopic bench embed` as a program calls it: the shape of what it prints, and what it refuses. No test asks for a time.

mod run;

use run::{Place, Ran, line, tiny_model};
use serde_json::Value;
use std::path::PathBuf;

/// Runs `bench embed` on a few papers with the tiny model.
fn bench(place: &Place, arguments: &[&str]) -> Ran {
    let (file, model) = (papers(place).display().to_string(), tiny_model());
    let all = [&["bench", "embed", &file, "--model", &model], arguments].concat();
    place.run(&all)
}

/// Three papers and a line that is none.
fn papers(place: &Place) -> PathBuf {
    let text = [
        line(
            "a",
            "Graphs for recommendation",
            "A graph network recommends items to its users.",
        ),
        line("b", "Self-debugging", "A language model explains its code."),
        String::from("{}"),
        line(
            "c",
            "Masked image modelling",
            "We learn images by filling in patches of them.",
        ),
    ];
    place.file("papers.jsonl", text.join("\n").as_bytes())
}

#[track_caller]
fn positive(report: &Value, fields: &[&str]) {
    for field in fields {
        let value = report[field].as_f64();
        assert!(value.is_some_and(|v| v > 0.0), "{field}: {report}");
    }
}

#[track_caller]
fn rows(report: &Value) -> &[Value] {
    report["rows"].as_array().expect("rows")
}

#[test]
fn a_report_names_the_machine() {
    let place = Place::new();
    let report = bench(&place, &["--repeat", "2", "--json"]).json();
    positive(
        &report,
        &[
            "sent_per_s",
            "tok_per_s",
            "wall_s",
            "peak_gops",
            "cpus",
            "threads",
            "max_tokens",
        ],
    );
    assert_eq!(
        (&report["texts"], &report["skipped"]),
        (&3.into(), &1.into())
    );
    assert_eq!(report["version"], env!("CARGO_PKG_VERSION"));
    assert!(
        report["cpu_features"].is_array() && report["build"].is_string(),
        "{report}"
    );
}

#[test]
fn configurations_are_compared_in_a_table_and_as_reports() {
    let place = Place::new();
    let lists = ["--mode", "f32,stock", "--threads", "1,2", "--repeat", "2"];
    let ran = bench(&place, &[&lists[..], &["--json"]].concat());
    let report = ran.json();
    assert_eq!((&report["rounds"], rows(&report).len()), (&2.into(), 4));
    for (row, (mode, threads)) in
        rows(&report)
            .iter()
            .zip([("f32", 1), ("f32", 2), ("stock", 1), ("stock", 2)])
    {
        assert_eq!(row["configuration"]["mode"], mode, "{row}");
        assert_eq!(row["configuration"]["threads"], threads, "{row}");
        assert_eq!(
            row["setting"]["threads"], threads,
            "what was asked for ran: {row}"
        );
        assert_eq!(row["reports"].as_array().map(Vec::len), Some(2), "{row}");
        assert_eq!(row["error"], Value::Null);
        positive(row, &["ratio"]);
        positive(
            &row["figures"],
            &["sent_per_s", "tok_per_s", "peak_rss_mb", "peak_share"],
        );
        positive(&row["reports"][0], &["sent_per_s", "repeat"]);
    }
    assert_eq!(rows(&report)[0]["ratio"], 1.0);
    // Every round runs all of them before the next one begins.
    let rounds: Vec<&str> = ran
        .err
        .lines()
        .filter(|line| line.starts_with("round "))
        .collect();
    assert_eq!(rounds.len(), 8, "{}", ran.err);
    assert!(
        rounds[..4]
            .iter()
            .all(|line| line.starts_with("round 1 of 2")),
        "{}",
        ran.err
    );

    let printed = bench(&place, &[&lists[..], &["--quiet"]].concat());
    let table: Vec<&str> = printed.ok().lines().collect();
    assert_eq!(table.len(), 2 + 1 + 4, "{}", printed.out);
    assert!(table[0].starts_with("bert-cls on cpu; "), "{}", table[0]);
    assert!(
        table[0].contains("3 texts") && table[0].contains("1 record skipped"),
        "{}",
        table[0]
    );
    for word in [
        "mode",
        "threads",
        "batch tokens",
        "abstracts/s",
        "tok/s",
        "cpu s",
        "MB",
        "peak",
        "ratio",
    ] {
        assert!(table[2].contains(word), "{word}: {}", table[2]);
    }
    assert!(table[3].ends_with("1.000"), "{}", table[3]);
    assert!(printed.err.is_empty(), "{}", printed.err);
}

#[test]
fn a_full_comparison_leaves_the_slow_mode_out() {
    let place = Place::new();
    let report = bench(
        &place,
        &[
            "--compare",
            "--threads",
            "1",
            "--repeat",
            "1",
            "-n",
            "1",
            "--json",
        ],
    )
    .json();
    let of = |key: &str| -> Vec<&Value> {
        rows(&report)
            .iter()
            .map(|row| &row["configuration"][key])
            .collect()
    };
    assert!(
        of("mode")
            .iter()
            .all(|mode| **mode != "stock" && **mode != "auto"),
        "{report}"
    );
    assert!(of("mode").iter().any(|mode| **mode == "f32"), "{report}");
    let budgets = of("batch_tokens");
    assert!(
        budgets[0] != budgets[1] && budgets[1] != budgets[2],
        "{report}"
    );
}

#[test]
fn models_are_compared_too() {
    let place = Place::new();
    let copy = place.path("copy");
    run::copy_folder(&PathBuf::from(tiny_model()), &copy);
    let both = format!("{},{}", tiny_model(), copy.display());
    let file = papers(&place).display().to_string();
    let all = ["bench", "embed", &file, "--model", &both, "--repeat", "1"];
    let report = place.run(&[&all[..], &["--json"]].concat()).json();
    assert_eq!(
        rows(&report)[1]["configuration"]["model"],
        copy.display().to_string()
    );
    assert_eq!(rows(&report)[1]["setting"]["model"], "copy");
    let printed = place.run(&all);
    assert!(printed.ok().contains(" model "), "{}", printed.out);
    place
        .run(&[
            "bench",
            "embed",
            "--model",
            &format!("{},nosuch", tiny_model()),
        ])
        .fails(4, &["nosuch"]);
}

#[test]
fn a_configuration_that_does_not_run_is_named_and_the_rest_goes_on() {
    let place = Place::new();
    let narrow = place.path("narrow");
    run::copy_folder(&PathBuf::from(tiny_model()), &narrow);
    // Eight heads of eight: our own encoder does not run that, Candle's does.
    let config = std::fs::read_to_string(narrow.join("config.json")).expect("a configuration");
    let config = config.replace(r#""num_attention_heads": 4"#, r#""num_attention_heads": 8"#);
    std::fs::write(narrow.join("config.json"), config).expect("a configuration");
    let file = papers(&place).display().to_string();
    let model = narrow.display().to_string();
    let modes = [
        "bench",
        "embed",
        &file,
        "--model",
        &model,
        "--mode",
        "f32,stock",
    ];
    let ran = place.run(&[&modes[..], &["--repeat", "2"]].concat());
    ran.fails(3, &["f32: failed: ", "8 heads"]);
    assert!(
        ran.out.contains("#1 did not run: ") && ran.out.contains("Candle"),
        "{}",
        ran.out
    );
    let ran = place.run(&[&modes[..], &["--repeat", "1", "--json"]].concat());
    ran.fails(3, &["8 heads"]);
    let report: Value = serde_json::from_str(&ran.out).expect("JSON");
    let row = &rows(&report)[0];
    assert!(
        row["error"]
            .as_str()
            .is_some_and(|why| why.contains("8 heads")),
        "{row}"
    );
    assert_eq!(row["figures"], Value::Null);
    assert_eq!(rows(&report)[1]["ratio"], 1.0, "the first that ran");
}

#[test]
fn a_comparison_whose_runs_all_fail_says_why_and_ends_as_they_did() {
    let place = Place::new();
    let nowhere = place.path("nowhere.jsonl").display().to_string();
    let model = tiny_model();
    let ran = place.run(&[
        "bench",
        "embed",
        &nowhere,
        "--model",
        &model,
        "--threads",
        "1,2",
    ]);
    ran.fails(1, &["error: ", "nowhere.jsonl"]);
    assert!(ran.out.is_empty(), "{}", ran.out);
}

const PEERS: &str = r#"{"bench": "embed", "peer": "quick", "mode": "throughput", "n": 3, "threads": 1, "max_tokens": 128, "tokens_mean": 5.0, "sent_per_s": 1000000.0, "cpu_s": 0.5, "peak_rss_mb": 500, "new": [1], "loadavg_before": 0.0}
{"bench": "embed", "peer": "broken", "error": "Traceback:\nImportError: no module"}
{"bench": "embed", "peer": "prompt", "mode": "latency", "n": 9, "p50_ms": 1000.0, "p95_ms": 2000.0, "min_ms": 900.0, "peak_rss_mb": 500}
"#;

#[test]
fn peers_stand_beside_ours() {
    let place = Place::new();
    let peers = place
        .file("peers.jsonl", PEERS.as_bytes())
        .display()
        .to_string();
    let one = ["--threads", "1", "--repeat", "1", "--against", &peers];
    let ran = bench(&place, &[&one[..], &["--json"]].concat());
    let report = ran.json();
    positive(&report, &["sent_per_s"]);
    let against = &report["against"];
    assert_eq!(
        (&against["other_lines"], &against["bad_lines"]),
        (&1.into(), &Value::Array(Vec::new()))
    );
    let peer = &against["peers"][0];
    assert_eq!(peer["peer"], "quick");
    let ratio = peer["ratios"][0]["sent_per_s"].as_f64().expect("a ratio");
    let ours = report["sent_per_s"].as_f64().expect("a rate");
    assert!((ratio - ours / 1e6).abs() < 1e-9, "{ratio}");
    assert!(
        against["peers"][1]["error"]
            .as_str()
            .is_some_and(|e| e.contains("ImportError")),
        "{against}"
    );
    // The same texts are longer than theirs; what is equal is not warned of.
    let warned = against["warnings"].to_string();
    assert!(
        warned.contains("tokens a text") && !warned.contains("threads"),
        "{warned}"
    );
    assert!(
        ran.err.contains("warning: tokens a text differ"),
        "{}",
        ran.err
    );

    let printed = bench(&place, &one);
    assert!(
        printed.ok().contains("ratio abstracts/s"),
        "{}",
        printed.out
    );
    assert!(
        printed
            .out
            .contains("broken failed: ImportError: no module"),
        "{}",
        printed.out
    );
    assert!(
        printed.out.contains("1 line of other measurements"),
        "{}",
        printed.out
    );

    let lists = ["--threads", "1,2", "--repeat", "1", "--against", &peers];
    let several = bench(&place, &[&lists[..], &["--json"]].concat()).json();
    let ratios = several["against"]["peers"][0]["ratios"]
        .as_array()
        .expect("ratios");
    assert_eq!(
        ratios.iter().map(|r| &r["ours"]).collect::<Vec<_>>(),
        ["#1", "#2"]
    );
    assert!(
        several["against"]["warnings"]
            .to_string()
            .contains("threads differ"),
        "{several}"
    );
    let table = bench(&place, &lists);
    assert!(
        table.ok().contains("ratio #1") && table.out.contains("ratio #2"),
        "{}",
        table.out
    );
}

#[test]
fn bad_lines_of_peers_are_named_and_make_the_result_incomplete() {
    let place = Place::new();
    let text = format!("{PEERS}\n{{\"peer\": \"x\", \"sent_per_s\": \"fast\"}}\nnonsense\n");
    let peers = place
        .file("peers.jsonl", text.as_bytes())
        .display()
        .to_string();
    let ran = bench(&place, &["--repeat", "1", "--against", &peers]);
    ran.fails(3, &["peers.jsonl:5: ", "peers.jsonl:6: not JSON"]);
    assert!(
        ran.out.contains("quick") && ran.out.contains("2 bad lines skipped"),
        "{}",
        ran.out
    );

    let empty = place.file("empty.jsonl", b"").display().to_string();
    bench(&place, &["--against", &empty]).fails(1, &["empty.jsonl", "sent_per_s"]);
    let nowhere = place.path("nowhere.jsonl").display().to_string();
    bench(&place, &["--against", &nowhere]).fails(1, &["nowhere.jsonl"]);
    bench(&place, &["--threads", "1,2", "--against", &nowhere]).fails(1, &["nowhere.jsonl"]);
}

#[test]
fn latency_is_of_single_titles_and_compares_as_well() {
    let place = Place::new();
    let peers = place
        .file("peers.jsonl", PEERS.as_bytes())
        .display()
        .to_string();
    let report = bench(&place, &["--latency", "--against", &peers, "--json"]).json();
    let fields = [
        "p50_ms", "p90_ms", "p95_ms", "p99_ms", "min_ms", "max_ms", "mean_ms",
    ];
    positive(&report, &fields);
    let at = |field: &str| report[field].as_f64().expect("a time");
    let sorted = ["min_ms", "p50_ms", "p90_ms", "p95_ms", "p99_ms", "max_ms"].map(at);
    assert!(sorted.is_sorted(), "{report}");
    assert_eq!(
        (&report["texts"], &report["repeat"]),
        (&3.into(), &3.into())
    );
    let whole = bench(&place, &["--repeat", "1", "--json"]).json();
    let tokens = |report: &Value| report["tokens_per_text"]["mean"].as_f64().expect("tokens");
    assert!(tokens(&report) < tokens(&whole), "titles alone");
    let peer = &report["against"]["peers"][1];
    assert_eq!(peer["peer"], "prompt");
    positive(&peer["ratios"][0], &["p50_ms", "p95_ms", "min_ms"]);
    assert_eq!(peer["ratios"][0]["sent_per_s"], Value::Null);

    let printed = bench(&place, &["--latency"]);
    assert!(
        printed.ok().contains("3 titles") && printed.out.contains("ms median"),
        "{}",
        printed.out
    );
    let compared = bench(
        &place,
        &["--latency", "--mode", "f32,stock", "--repeat", "1"],
    );
    assert!(
        compared.ok().contains("p50 ms") && compared.out.contains("p99"),
        "{}",
        compared.out
    );
}

#[test]
fn lengths_are_met_and_those_the_model_cannot_read_are_left_out() {
    let place = Place::new();
    let ask = ["--lengths", "1,16,128,512", "--repeat", "1", "-n", "5"];
    let report = bench(&place, &[&ask[..], &["--json"]].concat()).json();
    let points = report["points"].as_array().expect("points");
    assert_eq!(
        points.iter().map(|p| &p["length"]).collect::<Vec<_>>(),
        [16, 128]
    );
    for point in points {
        assert_eq!(point["texts"], 5);
        positive(point, &["sent_per_s", "tok_per_s", "peak_share"]);
        let (tokens, length) = (point["tokens_mean"].as_f64(), point["length"].as_f64());
        let (tokens, length) = (tokens.expect("tokens"), length.expect("a length"));
        assert!(tokens <= length && tokens > length - 3.0, "{point}");
    }
    let left = report["left_out"].as_array().expect("the others");
    assert_eq!(
        left.iter().map(|l| &l["length"]).collect::<Vec<_>>(),
        [1, 512]
    );
    assert!(
        left[1]["why"]
            .as_str()
            .is_some_and(|why| why.contains("128")),
        "{report}"
    );
    let printed = bench(&place, &ask);
    assert!(
        printed.ok().contains("512 tokens left out"),
        "{}",
        printed.out
    );
}

#[test]
fn a_cold_start_is_a_process_to_its_first_vector() {
    let place = Place::new();
    let model = tiny_model();
    let ask = [
        "bench",
        "embed",
        "--model",
        &model,
        "--mode",
        "f32",
        "--threads",
        "1",
        "--cold",
        "--repeat",
        "2",
    ];
    let report = place.run(&[&ask[..], &["--json"]].concat()).json();
    positive(
        &report,
        &["p50_ms", "min_ms", "max_ms", "load_ms", "embed_ms"],
    );
    assert_eq!(
        (&report["starts"], &report["threads"]),
        (&2.into(), &1.into())
    );
    let at = |field: &str| report[field].as_f64().expect("a time");
    assert!(at("min_ms") > 0.0 && at("min_ms") <= at("p50_ms") && at("p50_ms") <= at("max_ms"));
    assert!(at("load_ms") < at("max_ms"), "a part of it: {report}");
    let printed = place.run(&ask);
    assert!(
        printed.ok().contains("ms median of 2 starts"),
        "{}",
        printed.out
    );
    place
        .run(&["bench", "embed", "--cold", "--model", "nosuch"])
        .fails(4, &["nosuch"]);
}

#[test]
fn wrong_values_and_options_that_exclude_each_other_are_wrong_usage() {
    let place = Place::new();
    let wrong: [(&[&str], &[&str]); 12] = [
        (&["--mode", "f32,f99"], &["f99", "auto"]),
        (&["--threads", "1,0"], &["--threads", "at least 1"]),
        (&["--batch-tokens", "256,x"], &["--batch-tokens"]),
        (&["--lengths", "16,0"], &["--lengths", "at least 1"]),
        (
            &["--lengths", "16", "--compare"],
            &["--lengths", "--compare"],
        ),
        (
            &["--lengths", "16", "--latency"],
            &["--lengths", "--latency"],
        ),
        (
            &["--lengths", "16", "--threads", "1,2"],
            &["--lengths", "one value"],
        ),
        (&["--cold", "--compare"], &["--cold", "--compare"]),
        (&["--cold", "--mode", "f32,stock"], &["--cold", "one value"]),
        (&["--cold", "-n", "3"], &["--cold"]),
        (&["--save", "x.npy", "--latency"], &["--save", "--latency"]),
        (
            &["--save", "x.npy", "--threads", "1,2"],
            &["--save", "one value"],
        ),
    ];
    for (arguments, words) in wrong {
        place
            .run(&[&["bench", "embed"], arguments].concat())
            .fails(2, words);
    }
}

#[test]
fn the_help_has_examples() {
    let help = Place::new().run(&["bench", "embed", "--help"]);
    for word in [
        "--compare",
        "--against peers.jsonl",
        "--latency",
        "--lengths 16,",
        "--cold",
        "stock",
    ] {
        assert!(help.ok().contains(word), "{word}: {}", help.out);
    }
    assert!(!help.out.contains("first-vector"), "{}", help.out);
}

#[test]
fn a_profile_names_the_parts_and_their_shares_are_the_whole() {
    let place = Place::new();
    let report = bench(&place, &["--profile", "--mode", "f32", "--json"]).json();
    let parts = report["profile"].as_array().expect("parts");
    let shares: f64 = parts.iter().filter_map(|part| part["share"].as_f64()).sum();
    assert!((shares - 1.0).abs() < 1e-9, "{report}");
    for name in [
        "tokenizing",
        "linear layers",
        "attention",
        "activation",
        "sums and norms",
        "pooling",
    ] {
        let part = parts.iter().find(|part| part["part"] == name);
        positive(part.expect(name), &["thread_s", "share"]);
    }
    let printed = bench(&place, &["--profile", "--mode", "f32"]);
    assert!(printed.ok().contains("linear layers"), "{}", printed.out);
    assert!(bench(&place, &["--json"]).json()["profile"].is_null());
    bench(&place, &["--profile", "--threads", "1,2"]).fails(2, &["--profile takes one"]);
}
