//! `syntopic bench index` as a program calls it: the shape of what it prints, and what it refuses. No test asks for a time.

mod run;

use run::{FIVE, Place};
use serde_json::Value;
use std::path::PathBuf;

/// A matrix of `n` rows of 8 numbers, in clusters, as `numpy.save` writes it.
fn matrix(place: &Place, name: &str, n: usize) -> PathBuf {
    let mut header = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({n}, 8), }}");
    while (header.len() + 11) % 64 != 0 {
        header.push(' ');
    }
    header.push('\n');
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((header.len() as u16).to_le_bytes());
    bytes.extend(header.as_bytes());
    for row in 0..n as u32 {
        for d in 0..8u32 {
            let centre = f32::from(((row % 40) * 7 + d * 13) as u16 % 17) - 8.0;
            let mixed = row.wrapping_mul(2_654_435_761).wrapping_add(d * 40_503);
            let own = ((mixed >> 8) % 1000) as f32 / 250.0;
            bytes.extend((centre + own).to_le_bytes());
        }
    }
    place.file(name, &bytes)
}

#[track_caller]
fn positive(report: &Value, fields: &[&str]) {
    for field in fields {
        let value = report[field].as_f64();
        assert!(value.is_some_and(|v| v > 0.0), "{field}: {report}");
    }
}

#[test]
fn a_report_has_what_the_peers_print() {
    let place = Place::new();
    let base = matrix(&place, "base.npy", 3_000).display().to_string();
    let arguments = [
        "bench", "index", "--base", &base, "--nq", "200", "--ef", "16,64",
    ];
    let report = place
        .run(&[&arguments[..], &["-k", "5", "--json"]].concat())
        .json();
    assert_eq!(
        (
            &report["bench"],
            &report["n"],
            &report["nq"],
            &report["k"],
            &report["dim"]
        ),
        (
            &"knn".into(),
            &2_800.into(),
            &200.into(),
            &5.into(),
            &8.into()
        )
    );
    positive(&report, &["build_s", "index_bytes", "open_ms"]);
    let points = report["points"].as_array().expect("points");
    assert_eq!(points.len(), 2);
    for point in points {
        positive(point, &["ef", "recall", "qps_1t", "qps_2t", "p50_us"]);
    }
    let recall = |at: usize| points[at]["recall"].as_f64().expect("a number");
    assert!(recall(0) <= recall(1) && recall(1) > 0.95, "{report}");
    positive(
        &report["exact"],
        &["qps_1t", "qps_2t", "qps_single_call_1t"],
    );
    let shown = place.run(&arguments).out;
    assert!(
        shown.contains("recall") && shown.contains("exact"),
        "{shown}"
    );
    // Queries of their own, and the baseline's graph.
    let queries = matrix(&place, "queries.npy", 50).display().to_string();
    let own = [
        "bench",
        "index",
        "--base",
        &base,
        "--queries",
        &queries,
        "--ef",
        "32",
        "--hnsw-rs",
        "--json",
    ];
    let report = place.run(&own).json();
    assert_eq!((&report["n"], &report["nq"]), (&3_000.into(), &50.into()));
    assert!(
        report["peer"]
            .as_str()
            .is_some_and(|peer| peer.contains("hnsw_rs"))
    );
}

#[test]
fn rows_that_come_and_go_are_measured_beside_a_fresh_index() {
    let place = Place::new();
    let base = matrix(&place, "base.npy", 3_200).display().to_string();
    let arguments = [
        "bench", "index", "--base", &base, "--nq", "200", "--churn", "0.2", "--ef", "16,48",
    ];
    let report = place.run(&[&arguments[..], &["--json"]].concat()).json();
    assert_eq!(
        (
            &report["bench"],
            &report["n"],
            &report["changed_rows"],
            &report["unreachable"]
        ),
        (&"churn".into(), &2_500.into(), &500.into(), &0.into())
    );
    positive(&report, &["refresh_s", "build_s"]);
    for point in report["points"].as_array().expect("points") {
        positive(point, &["ef", "recall_changed", "recall_fresh"]);
    }
    let loss = report["largest_loss"].as_f64();
    assert!(loss.is_some_and(|loss| loss <= 0.02), "{report}");
    assert!(place.run(&arguments).out.contains("largest loss"));
    for share in ["0", "0.7", "NaN"] {
        place
            .run(&["bench", "index", "--base", &base, "--churn", share])
            .fails(2, &["of the rows cannot be exchanged", "0.2"]);
    }
}

#[test]
fn new_processes_open_a_library() {
    let place = Place::with(&FIVE);
    let folder = place.library().display().to_string();
    let arguments = [
        "bench",
        "index",
        "--open",
        "--library",
        &folder,
        "--starts",
        "3",
    ];
    let report = place.run(&[&arguments[..], &["--json"]].concat()).json();
    assert_eq!(
        (&report["bench"], &report["papers"], &report["starts"]),
        (&"open".into(), &5.into(), &3.into())
    );
    positive(&report, &["p50_ms", "p90_ms", "min_ms", "max_ms"]);
    positive(&report, &["warm_p50_ms", "warm_p90_ms"]);
    assert!(place.run(&arguments).out.contains("5 papers"));
    place
        .run(&["bench", "index", "--open", "--library", "nowhere"])
        .fails(4, &["nowhere"]);
}

#[test]
fn what_cannot_be_measured_is_refused() {
    let place = Place::new();
    let few = matrix(&place, "few.npy", 5).display().to_string();
    place
        .run(&["bench", "index", "--base", &few, "--nq", "1"])
        .fails(1, &["4 rows", "at least 10"]);
    let text = place.file("text.npy", b"no matrix").display().to_string();
    place
        .run(&["bench", "index", "--base", &text])
        .fails(1, &["text.npy", ".npy"]);
    place.run(&["bench", "index"]).fails(2, &["--base"]);
    place
        .run(&["bench", "index", "--open", "--base", &few])
        .fails(2, &["--base"]);
    place
        .run(&["bench", "index", "--base", &few, "-k", "0"])
        .fails(2, &["k must be at least 1"]);
}
