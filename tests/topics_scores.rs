//! `syntopic topics --max-outliers --weights --scorecard --compare`.

mod run;

use run::{Place, root};
use serde_json::Value;
use std::collections::BTreeMap;

fn sample() -> Place {
    let place = Place::new();
    let papers = root().join("data/hf-papers.jsonl").display().to_string();
    place.run(&["add", &papers, "--model", "embedded"]).ok();
    place
}

fn list<'v>(value: &'v Value, what: &str) -> &'v [Value] {
    value[what].as_array().expect("a list")
}

/// The topic of each paper.
fn topics(report: &Value) -> BTreeMap<String, u64> {
    let mut of = BTreeMap::new();
    for topic in list(report, "topics") {
        for paper in list(topic, "papers") {
            of.insert(paper.to_string(), topic["id"].as_u64().expect("a number"));
        }
    }
    of
}

#[test]
fn outliers_are_few_and_keep_their_nearest_topic() {
    let place = sample();
    let more = run::line(
        "bread",
        "Sourdough bread",
        "Flour, water and salt make a loaf of rye bread in the oven of the village baker.",
    );
    let file = place.file("more.jsonl", more.as_bytes());
    place.run(&["add", &file.display().to_string()]).ok();
    let made = place.run(&["topics", "-k", "5", "--json"]).json();
    let of = topics(&made);
    assert_eq!(of.len(), 66);
    let found = list(&made, "outliers");
    assert_eq!(found[0]["id"], "bread", "farthest first");
    for outlier in found {
        assert_eq!(of[&outlier["id"].to_string()], outlier["topic"]);
    }
    let share = made["outlier_share"].as_f64().expect("a share");
    assert!((share - found.len() as f64 / 66.0).abs() < 1e-12 && share <= 0.1);
    let csv = place.run(&["topics", "--csv"]);
    let line = csv.ok().lines().find(|l| l.contains(",bread,"));
    assert!(line.is_some_and(|l| l.ends_with(",yes")), "{line:?}");

    // Another share changes nothing else, and lasts.
    let none = place
        .run(&["topics", "--max-outliers", "0", "--json"])
        .json();
    assert_eq!(list(&none, "outliers").len(), 0);
    assert_eq!(topics(&none), of);
    let kept = place.run(&["topics", "--json"]).json();
    assert_eq!(kept, none);
    place
        .run(&["topics", "--max-outliers", "1.5"])
        .fails(2, &["from 0 to 1"]);
}

#[test]
fn weights_sum_to_one_and_the_topic_of_a_paper_has_the_largest() {
    let place = sample();
    let of = topics(&place.run(&["topics", "-k", "6", "--json"]).json());
    let weights = place.run(&["topics", "--weights", "--json"]).json();
    assert!(weights["kappa"].as_f64().is_some_and(|kappa| kappa > 0.0));
    let papers = list(&weights, "papers");
    assert_eq!(papers.len(), 65);
    let mut several = 0;
    for paper in papers {
        let own = list(paper, "topics");
        let all: Vec<f64> = own.iter().filter_map(|t| t["weight"].as_f64()).collect();
        assert!((all.iter().sum::<f64>() - 1.0).abs() < 1e-9);
        assert!(all.is_sorted_by(|a, b| a >= b), "{paper}");
        assert_eq!(own[0]["id"], of[&paper["id"].to_string()]);
        several += usize::from(own.len() > 1);
    }
    assert!(several > 10, "papers between topics belong to several");
    let csv = place.run(&["topics", "--weights", "--csv"]);
    assert!(csv.ok().starts_with("id,topic,name,weight\n"));
    let text = place.run(&["topics", "--weights"]);
    assert!(text.ok().contains("weights, which sum to 1"));
}

#[test]
fn a_scorecard_has_every_figure_and_the_same_twice() {
    let place = sample();
    place.run(&["topics", "-k", "4"]).ok();
    let card = place.run(&["topics", "--scorecard", "--json"]).json();
    let figure = |name: &str| {
        card[name]
            .as_f64()
            .unwrap_or_else(|| panic!("{name}: {card}"))
    };
    assert_eq!((figure("papers"), figure("topics")), (65.0, 4.0));
    for name in ["silhouette", "coherence", "stability"] {
        assert!((-1.0..=1.0).contains(&figure(name)), "{name}");
    }
    assert!(figure("silhouette_error") > 0.0 && figure("stability_error") > 0.0);
    assert!((0.0..=1.0).contains(&figure("diversity")));
    assert!((1.0..=figure("dim")).contains(&figure("effective_rank")));
    assert_eq!(
        (figure("subsamples"), figure("subsample_papers")),
        (10.0, 32.0)
    );
    let again = place.run(&["topics", "--scorecard", "--json"]).json();
    assert_eq!(again, card);
    let text = place.run(&["topics", "--scorecard"]);
    assert!(text.ok().contains("stability (ARI)"));
}

#[test]
fn two_runs_are_compared_by_their_files() {
    let place = sample();
    let (a, b) = (place.path("a.json"), place.path("b.json"));
    let [a, b] = [a, b].map(|path| path.display().to_string());
    place.run(&["topics", "-k", "8", "--export", &a]).ok();
    place.run(&["topics", "-k", "3", "--export", &b]).ok();
    let found = run::syntopic(&place.path("no-library"), &["topics", "--compare", &a, &b]);
    assert!(found.ok().contains("8 and 3 topics: ARI"), "{}", found.out);
    let place_b = place.file("other.json", b"{}");
    let other = place_b.display().to_string();
    run::syntopic(
        &place.path("no-library"),
        &["topics", "--compare", &a, &other],
    )
    .fails(1, &["other.json", "--export"]);
    run::syntopic(&place.path("no-library"), &["topics", "--compare", &a]).fails(2, &["2 values"]);
}
