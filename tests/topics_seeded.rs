//! `syntopic topics --seed-topic`: topics that are asked for by a name and some words.

mod run;

use run::{Place, root};
use serde_json::Value;

const CODE: &str = "Programs: code generation, debugging, repair";
const GRAPHS: &str = "Graphs: graph neural networks";

fn sample() -> Place {
    let place = Place::new();
    let papers = root().join("data/hf-papers.jsonl").display().to_string();
    place.run(&["add", &papers, "--model", "embedded"]).ok();
    place
}

fn list<'v>(value: &'v Value, what: &str) -> &'v [Value] {
    value[what].as_array().expect("a list")
}

/// The topic of that name.
fn named<'v>(report: &'v Value, name: &str) -> &'v Value {
    let found = list(report, "topics").iter().find(|t| t["name"] == name);
    found.unwrap_or_else(|| panic!("no topic {name} in {report}"))
}

#[test]
fn a_topic_that_is_asked_for_has_the_papers_near_it_and_lasts() {
    let place = sample();
    let ask = [
        "topics",
        "--seed-topic",
        CODE,
        "--seed-topic",
        GRAPHS,
        "--json",
    ];
    let asked = place.run(&ask);
    assert!(
        asked.err.contains("seed topic \"Programs\": "),
        "{}",
        asked.err
    );
    let made = asked.json();
    let (code, graphs) = (named(&made, "Programs"), named(&made, "Graphs"));
    assert_eq!(code["seed"], "Programs. code generation, debugging, repair");
    assert_eq!(
        (&code["named_by_user"], &graphs["named_by_user"]),
        (&true.into(), &true.into())
    );
    let titles = code["titles"].to_string();
    assert!(titles.contains("Self-Debug"), "{titles}");
    assert!(graphs["titles"].to_string().contains("Graph"), "{graphs}");
    let all: usize = list(&made, "topics")
        .iter()
        .map(|t| list(t, "papers").len())
        .sum();
    assert_eq!(all, 65, "the rest is clustered");
    let method = made["k_method"].as_str().expect("a text");
    assert!(method.ends_with("; and 2 seed topics"), "{method}");

    // It stays when asked again, when papers come, and when topics are made anew.
    assert_eq!(place.run(&["topics", "--json"]).json(), made);
    let more = run::line(
        "repair",
        "Program repair with language models",
        "Code generation and debugging of programs: repair of bugs in code by language models.",
    );
    let file = place.file("more.jsonl", more.as_bytes());
    place.run(&["add", &file.display().to_string()]).ok();
    let later = place.run(&["topics", "--json"]).json();
    let own = named(&later, "Programs");
    assert_eq!((&own["id"], &own["seed"]), (&code["id"], &code["seed"]));
    assert!(own["papers"].to_string().contains("\"repair\""), "{own}");
    let anew = place.run(&["topics", "-k", "6", "--json"]).json();
    assert_eq!(list(&anew, "topics").len(), 6);
    named(&anew, "Graphs");

    // Until it is given up.
    let without = place.run(&["topics", "--unseed", "--json"]).json();
    let seeds = list(&without, "topics").iter();
    assert!(
        seeds
            .into_iter()
            .all(|t| t["seed"].is_null() && t["named_by_user"] == false)
    );
    let fresh = place.run(&["topics", "--fresh", "--json"]).json();
    assert_eq!(fresh, without);
}

#[test]
fn what_cannot_be_is_said() {
    let place = sample();
    let ask = |rest: &[&str]| place.run(&[&["topics", "--json"], rest].concat());
    let far = ask(&["--seed-topic", GRAPHS, "--seed-threshold", "0.99"]);
    assert!(far.err.contains("there is no such topic"), "{}", far.err);
    assert!(far.json()["topics"].to_string().contains("seed").eq(&false));
    let all = ask(&["--seed-topic", GRAPHS, "--seed-threshold", "-1"]).json();
    assert_eq!(list(&all, "topics").len(), 1);
    assert_eq!(all["topics"][0]["name"], "Graphs");
    ask(&["--seed-topic", GRAPHS, "--seed-threshold", "-1", "-k", "3"])
        .fails(2, &["3 topics were asked for", "1 of them by a text"]);
    ask(&["--seed-topic", " : x"]).fails(2, &["'graphs: graph neural networks'"]);
    ask(&["--seed-topic", GRAPHS, "--seed-threshold", "2"]).fails(2, &["from -1 to 1"]);
    ask(&["--seed-topic", GRAPHS, "--seed-topic", "graphs: x"]).fails(2, &["\"graphs\""]);
    ask(&["--seed-topic", GRAPHS, "--unseed"]).fails(2, &["--unseed"]);
}
