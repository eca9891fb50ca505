//! `syntopic topics --levels --depth --min-size`: topics in a tree.

mod run;

use run::{Place, root};
use serde_json::Value;
use std::collections::BTreeSet;

fn sample(reversed: bool) -> Place {
    let place = Place::new();
    let text = std::fs::read_to_string(root().join("data/hf-papers.jsonl")).expect("the sample");
    let mut lines: Vec<&str> = text.lines().collect();
    if reversed {
        lines.reverse();
    }
    let file = place.file("papers.jsonl", lines.join("\n").as_bytes());
    let file = file.display().to_string();
    place.run(&["add", &file, "--model", "embedded"]).ok();
    place
}

fn list<'v>(value: &'v Value, what: &str) -> &'v [Value] {
    value[what].as_array().expect("a list")
}

fn set(value: &Value) -> BTreeSet<u64> {
    let numbers = value.as_array().expect("a list").iter();
    numbers.map(|n| n.as_u64().expect("a number")).collect()
}

#[test]
fn levels_nest_and_every_name_stands_once() {
    let place = sample(false);
    let ask = ["topics", "--levels", "3,6,14", "--json"];
    let made = place.run(&ask).json();
    let groups = list(&made, "groups");
    let levels = groups.iter().map(|g| g["level"].as_u64().expect("a level"));
    let levels: Vec<u64> = levels.collect();
    assert_eq!(levels, [0, 0, 0, 1, 1, 1, 1, 1, 1]);
    for group in groups {
        let topics = set(&group["topics"]);
        let size: u64 = (list(&made, "topics").iter())
            .filter(|topic| topics.contains(&topic["id"].as_u64().expect("a number")))
            .map(|topic| topic["size"].as_u64().expect("a size"))
            .sum();
        assert_eq!(group["size"], size);
        if group["level"] == 1 {
            let parent = groups
                .iter()
                .find(|g| g["level"] == 0 && g["id"] == group["parent"]);
            let parent = parent.expect("its parent");
            assert!(topics.is_subset(&set(&parent["topics"])));
            let inside = list(&made, "topics");
            for topic in inside.iter().filter(|t| t["parent"] == group["id"]) {
                assert!(topics.contains(&topic["id"].as_u64().expect("a number")));
            }
        }
    }
    // Only a group of one part is called as that part is.
    let mut names = BTreeSet::new();
    let several = |g: &&Value| g["level"] == 1 && set(&g["topics"]).len() > 1;
    let all = groups.iter().filter(several).chain(list(&made, "topics"));
    for one in all {
        assert!(names.insert(one["name"].to_string()), "{one}");
    }
    assert_eq!(place.run(&["topics", "--json"]).json(), made, "kept");
    let turned = sample(true).run(&ask).json();
    assert_eq!(turned, made, "whatever the order of the papers");
}

#[test]
fn a_tree_lasts_and_goes() {
    let place = sample(false);
    let made = place.run(&["topics", "--depth", "2", "--json"]).json();
    assert!(!list(&made, "groups").is_empty());
    let text = place.run(&["topics"]);
    let text = text.ok();
    let name = made["groups"][0]["name"].as_str().expect("a name");
    assert!(text.contains(name), "{text}");

    // A paper that comes joins a topic, and the groups keep their names.
    let more = run::line(
        "zz",
        "Graph networks",
        "Graph neural networks for molecules.",
    );
    let file = place.file("more.jsonl", more.as_bytes());
    place.run(&["add", &file.display().to_string()]).ok();
    let later = place.run(&["topics", "--json"]).json();
    let names = |report: &Value| {
        let names = list(report, "groups").iter();
        names.map(|g| g["name"].to_string()).collect::<Vec<_>>()
    };
    assert_eq!(names(&later), names(&made));
    let papers = list(&later, "groups").iter();
    assert_eq!(
        papers.map(|g| g["size"].as_u64().unwrap_or(0)).sum::<u64>(),
        66
    );

    // Another tree of the same topics; then none.
    let other = place.run(&["topics", "--depth", "3", "--json"]);
    assert!(other.err.contains("2 levels instead of 3"), "{}", other.err);
    let flat = place.run(&["topics", "--depth", "1", "--json"]).json();
    assert_eq!(flat["groups"], Value::Null);
    let ids = |report: &Value| {
        let topics = list(report, "topics").iter();
        topics
            .map(|t| (t["id"].clone(), t["name"].clone()))
            .collect::<Vec<_>>()
    };
    assert_eq!(ids(&flat), ids(&later));
    assert_eq!(place.run(&["topics", "--json"]).json(), flat);

    place
        .run(&["topics", "--levels", "8,3"])
        .fails(2, &["8,30,120"]);
    place
        .run(&["topics", "--depth", "0"])
        .fails(2, &["1 to 10 levels"]);
    place
        .run(&["topics", "--levels", "8", "-k", "3"])
        .fails(2, &["--levels"]);
}

#[test]
fn no_topic_is_smaller_than_was_asked_for() {
    let place = sample(false);
    let made = place.run(&["topics", "--min-size", "4", "--json"]).json();
    let least = list(&made, "topics").iter().map(|t| t["size"].as_u64());
    assert!(least.min() >= Some(Some(4)), "{made}");
    let method = made["k_method"].as_str().expect("a text");
    assert!(method.contains("of fewer than 4 papers"), "{method}");
    // As many as were made with that size are kept; another size makes them anew.
    assert_eq!(place.run(&["topics", "--json"]).json(), made);
    let anew = place.run(&["topics", "--min-size", "10", "--json"]);
    assert!(anew.err.contains("--min-size"), "{}", anew.err);
    place
        .run(&["topics", "--min-size", "66"])
        .fails(2, &["at least 66", "65 papers"]);
    place
        .run(&["topics", "--min-size", "0"])
        .fails(2, &["min_size is 0"]);
}
