//! What users said of their topics outlasts the next run.

mod run;

use run::{Place, root};
use serde_json::Value;

/// A library of the sample corpus, its vectors by the embedded model.
fn sample() -> Place {
    let place = Place::new();
    let papers = root().join("data/hf-papers.jsonl").display().to_string();
    place.run(&["add", &papers, "--model", "embedded"]).ok();
    place
}

fn names(report: &Value) -> Vec<String> {
    let topics = report["topics"].as_array().expect("a list of topics");
    let name = |topic: &Value| topic["name"].as_str().expect("a name").to_owned();
    topics.iter().map(name).collect()
}

#[test]
fn a_name_that_was_given_outlasts_other_runs() {
    let place = sample();
    place
        .run(&["topics", "--rename", "0=Mine"])
        .fails(4, &["there are no topics", "syntopic topics"]);
    let made = place.run(&["topics", "-k", "5", "--json"]).json();
    let renamed = place
        .run(&[
            "topics", "--rename", "1=Mine", "--rename", "0=Yours", "--json",
        ])
        .json();
    let mut expected = names(&made);
    (expected[0], expected[1]) = (String::from("Yours"), String::from("Mine"));
    assert_eq!(names(&renamed), expected);
    assert_eq!(renamed["topics"][1]["papers"], made["topics"][1]["papers"]);
    let again = place.run(&["topics", "-k", "5", "--json"]).json();
    assert_eq!(names(&again), expected, "given again");

    // The numbers change with the papers, the names follow their topics.
    let more = run::line(
        "zz",
        "A paper of bread",
        "Flour, water and salt make bread.",
    );
    let file = place.file("more.jsonl", more.as_bytes());
    place.run(&["add", &file.display().to_string()]).ok();
    place
        .run(&["topics", "--rename", "0=Other"])
        .fails(4, &["topics of the present papers"]);
    let later = names(&place.run(&["topics", "-k", "6", "--json"]).json());
    for name in ["Mine", "Yours"] {
        assert_eq!(later.iter().filter(|n| *n == name).count(), 1, "{later:?}");
    }

    // One topic cannot have both names, and the other name waits.
    let one = place.run(&["topics", "-k", "1"]);
    assert!(one.err.contains("the name waits"), "{}", one.err);
    let back = names(&place.run(&["topics", "-k", "6", "--json"]).json());
    assert_eq!(back, later);
}

#[test]
fn a_name_is_given_up_again() {
    let place = sample();
    let made = place.run(&["topics", "-k", "4", "--json"]).json();
    let named = place
        .run(&["topics", "--rename", "2=Mine", "--json"])
        .json();
    let of = |report: &Value| {
        (0..4)
            .map(|t| report["topics"][t]["named_by_user"] == true)
            .collect::<Vec<_>>()
    };
    assert_eq!(of(&named), [false, false, true, false]);
    assert_eq!(named["topics"][2]["made_name"], made["topics"][2]["name"]);
    let given_up = place.run(&["topics", "--rename", "2=", "--json"]).json();
    assert_eq!(given_up, made);
    assert_eq!(place.run(&["topics", "-k", "4", "--json"]).json(), made);
}

#[test]
fn names_that_cannot_be_given_change_nothing() {
    let place = sample();
    let made = place.run(&["topics", "-k", "4", "--json"]).json();
    let taken = names(&made)[2].to_uppercase();
    let rename = |what: &str| place.run(&["topics", "--rename", "3=Fine", "--rename", what]);
    rename(&format!("0={taken}")).fails(2, &["two topics would be called"]);
    rename("9=Ninth").fails(4, &["\"9\"", &names(&made)[0]]);
    rename("0=").fails(2, &["topic 0 has no name of yours"]);
    rename("=a").fails(2, &["write the number of a topic and its name"]);
    let swapped = [
        format!("0={}", names(&made)[1]),
        format!("1={}", names(&made)[0]),
    ];
    let after = place.run(&["topics", "-k", "4", "--json"]).json();
    assert_eq!(made, after);
    let swap = [
        "topics",
        "--json",
        "--rename",
        &swapped[0],
        "--rename",
        &swapped[1],
    ];
    let report = place.run(&swap).json();
    assert_eq!(
        names(&report)[..2],
        [names(&made)[1].clone(), names(&made)[0].clone()]
    );
    let again = place.run(&["topics", "-k", "4", "--json"]).json();
    assert_eq!(names(&again), names(&report));
}
