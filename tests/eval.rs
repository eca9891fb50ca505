//! `syntopic eval`.

mod run;

use run::Place;

/// A `.npy` file of rows of two numbers.
fn npy(rows: &[[f32; 2]]) -> Vec<u8> {
    let mut header = format!(
        "{{'descr': '<f4', 'fortran_order': False, 'shape': ({}, 2), }}",
        rows.len()
    );
    header.push('\n');
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend(u16::try_from(header.len()).expect("short").to_le_bytes());
    bytes.extend(header.as_bytes());
    bytes.extend(rows.iter().flatten().flat_map(|x| x.to_le_bytes()));
    bytes
}

/// Two groups of three, the last of which has the other group's label.
const ROWS: [[f32; 2]; 6] = [
    [1.0, 0.0],
    [1.0, 0.1],
    [1.0, 0.2],
    [0.0, 1.0],
    [0.1, 1.0],
    [0.2, 1.0],
];
const LABELS: [&str; 6] = ["a", "a", "a", "b", "b", "a"];

#[test]
fn vectors_are_judged_by_labels_and_by_other_vectors() {
    let place = Place::new();
    let write = |name: &str, bytes: &[u8]| place.file(name, bytes).display().to_string();
    let vectors = write("a.npy", &npy(&ROWS));
    let mut turned = ROWS;
    turned.swap(2, 3);
    let others = write("b.npy", &npy(&turned));
    let lines = LABELS.map(|label| format!("{{\"kind\": \"{label}\"}}\n"));
    let labels = write("labels.jsonl", lines.concat().as_bytes());
    let ask = |rest: &[&str]| {
        place.run(&[&["eval", "vectors", "--vectors", &vectors, "--json"], rest].concat())
    };
    let by_labels = ask(&["--labels", &labels, "--label-field", "kind", "-k", "2"]).json();
    // Of the second group, 3 and 4 see one `a` and one `b`: the nearer is `b` for 3 and `a` for 4. 5 is taken for a `b`.
    assert_eq!(by_labels["n"], 6);
    assert_eq!(by_labels["labels"]["labels"], 2);
    assert_eq!(by_labels["labels"]["accuracy"], 4.0 / 6.0);
    assert_eq!(by_labels["overlap"], serde_json::Value::Null);
    assert_eq!(ask(&["--against", &vectors]).json()["overlap"], 1.0);
    let overlap = ask(&["--against", &others, "-k", "2"]).json()["overlap"].clone();
    // Two of each three keep one of their two; the two that changed places keep none.
    assert_eq!(overlap, 1.0 / 3.0);
    // What is wrong is named.
    ask(&[]).fails(2, &["--labels", "--against"]);
    ask(&["--labels", &labels]).fails(1, &["line 1", "--label-field"]);
    let fewer = write("c.npy", &npy(&ROWS[..5]));
    ask(&["--against", &fewer]).fails(1, &["c.npy", "it has 5 rows", "have 6"]);
}

#[test]
fn topics_are_judged_by_labels() {
    let place = Place::new();
    let write = |name: &str, bytes: &[u8]| place.file(name, bytes).display().to_string();
    let vectors = write("a.npy", &npy(&ROWS));
    let lines = |labels: [&str; 6]| -> String {
        let line = |(i, label)| format!("{{\"id\": {i}, \"kind\": \"{label}\"}}\n");
        labels.into_iter().enumerate().map(line).collect()
    };
    let labels = write("labels.jsonl", lines(LABELS).as_bytes());
    let same = write(
        "same.jsonl",
        lines(["x", "x", "x", "y", "y", "y"]).as_bytes(),
    );
    let ask = |rest: &[&str]| {
        let all = [&["eval", "topics", "--vectors", &vectors, "--json"], rest].concat();
        place.run(&[&all[..], &["--label-field", "kind"]].concat())
    };
    let found = ask(&["--papers", &same, "-k", "2"]).json();
    for figure in ["v_measure", "ari", "nmi"] {
        assert_eq!(found[figure], 1.0, "{figure}");
    }
    assert_eq!(found["n_topics"], 2);
    assert_eq!(found["k_given"], true);
    assert_eq!(found["outlier_share"], 0.0);
    assert!(found["seconds"].as_f64().is_some_and(|s| s >= 0.0));
    // One label of six is the other group's: scikit-learn's adjusted_rand_score([0,0,0,1,1,0], [0,0,0,1,1,1]).
    let off = ask(&["--papers", &labels, "-k", "2"]).json();
    let ari = off["ari"].as_f64().expect("a number");
    assert!((ari - 0.324_324_324_324).abs() < 1e-9, "{ari}");
    let grown = ask(&["--papers", &same, "-k", "2", "--grow", "0.7"]).json();
    assert_eq!((&grown["n"], &grown["first"]), (&6.into(), &4.into()));
    assert_eq!(
        (&grown["updated"]["v_measure"], &grown["fresh"]["ari"]),
        (&1.0.into(), &1.0.into())
    );
    assert_eq!(grown["born"].as_array().map(Vec::len), Some(0));
    // What is wrong is named.
    ask(&["--papers", &same, "--grow", "1"]).fails(2, &["above 0 and below 1"]);
    ask(&["--papers", &same, "--grow", "0.5", "--hold-out", "x,y"]).fails(1, &["no papers"]);
    ask(&[]).fails(2, &["--papers"]);
    ask(&["--papers", &same, "-k", "7"]).fails(2, &["7 topics", "6 papers"]);
    let fewer = write("fewer.jsonl", b"{\"kind\": \"x\"}\n");
    ask(&["--papers", &fewer]).fails(1, &["fewer.jsonl", "it has 1 rows", "have 6"]);
}
