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

/// Papers of a subject that the sample knows nothing of.
fn of_bread(numbers: std::ops::Range<usize>) -> String {
    const SAYS: [&str; 8] = [
        "The rye flour ferments slowly, and the sourdough bread keeps its crust.",
        "Wheat flour with more gluten makes a sourdough bread that rises higher.",
        "Yeast and lactic bacteria of a sourdough bread change its taste.",
        "Kneading the dough longer makes the crumb of wheat bread finer.",
        "Salt slows the yeast, so the dough of the bread ferments evenly.",
        "A hot oven with steam gives sourdough bread a thin crust.",
        "Bakers keep a sourdough of rye flour for years and bake bread of it daily.",
        "Water and flour of different mills change how the dough of bread ferments.",
    ];
    let lines = numbers.map(|i| {
        let title = format!("Sourdough bread of flour and yeast, part {i}");
        run::line(&format!("bread-{i}"), &title, SAYS[i]) + "\n"
    });
    lines.collect()
}

fn add(place: &Place, name: &str, lines: &str) {
    let file = place.file(name, lines.as_bytes()).display().to_string();
    place.run(&["add", &file]).ok();
}

#[test]
fn topics_keep_numbers_and_names_and_a_new_subject_is_born() {
    let place = sample();
    let made = place.run(&["topics", "-k", "6", "--json"]).json();
    place.run(&["topics", "--rename", "2=Mine"]).ok();
    let nothing = place.run(&["topics", "--changes"]);
    assert!(nothing.ok().contains("no paper has come or gone"));

    // One paper of the subject is no topic yet.
    add(&place, "one.jsonl", &of_bread(0..1));
    let one = place.run(&["topics", "--json"]).json();
    assert_eq!((&one["changes"]["came"], &one["k"]), (&1.into(), &6.into()));
    assert_eq!(one["changes"]["born"].as_array().map(Vec::len), Some(0));

    add(&place, "more.jsonl", &of_bread(1..8));
    let grown = place.run(&["topics"]);
    assert!(
        grown.ok().contains("7 papers came, 0 left; 1 born"),
        "{}",
        grown.out
    );
    let grown = place.run(&["topics", "-k", "6", "--json"]).json();
    let mut expected = names(&made);
    expected[2] = String::from("Mine");
    assert_eq!(names(&grown)[..6], expected);
    let born = &grown["topics"][6];
    assert_eq!((&born["id"], &born["size"]), (&6.into(), &8.into()));
    let name = born["name"].as_str().expect("a name").to_lowercase();
    assert!(name.contains("bread") || name.contains("flour"), "{name}");
    for topic in 0..6 {
        let sorted = |report: &Value| {
            let mut ids = report["topics"][topic]["papers"]
                .as_array()
                .expect("ids")
                .clone();
            ids.sort_by_key(Value::to_string);
            ids
        };
        assert_eq!(sorted(&grown), sorted(&made), "nobody of the others moved");
    }
    let changes = place.run(&["topics", "--changes", "--json"]).json();
    assert_eq!(changes, grown["changes"]);
    assert_eq!(
        (&changes["born"][0]["id"], &changes["came"]),
        (&6.into(), &7.into())
    );
    assert_eq!(changes["drift"].as_array().map(Vec::len), Some(6));
    let text = place.run(&["topics", "--changes"]);
    assert!(text.ok().contains("born      6  "), "{}", text.out);

    // What is derived can be lost, and numbers can be asked for.
    std::fs::remove_file(place.library().join("topics.json")).expect("removed");
    assert_eq!(place.run(&["topics", "--json"]).json(), grown);
    let related = place.run(&[
        "related", "--text", "flour", "--topic", "6", "--json", "-k", "20",
    ]);
    assert_eq!(related.json()["hits"].as_array().map(Vec::len), Some(8));
    place.run(&["topics", "--rename", "6=Baking"]).ok();
    add(
        &place,
        "other.jsonl",
        &run::line("zz", "Graphs", "Graph neural networks."),
    );
    let later = names(&place.run(&["topics", "--json"]).json());
    assert_eq!((later[2].as_str(), later[6].as_str()), ("Mine", "Baking"));
}

#[test]
fn an_update_depends_on_the_topics_before_and_not_on_the_order_of_papers() {
    let ways: Vec<Value> = [1usize, 2]
        .iter()
        .map(|threads| {
            let place = sample();
            place.run(&["topics", "-k", "5"]).ok();
            let mut lines: Vec<String> = of_bread(0..8).lines().map(|l| format!("{l}\n")).collect();
            if *threads == 2 {
                lines.reverse();
            }
            add(&place, "bread.jsonl", &lines.concat());
            let threads = threads.to_string();
            let ran = run::command(&place.library())
                .env("RAYON_NUM_THREADS", threads)
                .args(["topics", "--json"])
                .output()
                .expect("it runs");
            serde_json::from_slice(&ran.stdout).expect("JSON")
        })
        .collect();
    assert_eq!(ways[0], ways[1]);
}

#[test]
fn topics_are_made_anew_where_that_is_asked_for() {
    let place = sample();
    let made = place.run(&["topics", "--json"]).json();
    add(&place, "bread.jsonl", &of_bread(0..8));
    assert!(place.run(&["topics", "--json"]).json()["changes"].is_object());
    let other = place.run(&["topics", "-k", "3", "--json"]);
    assert!(other.err.contains("made anew"), "{}", other.err);
    assert!(other.json()["changes"].is_null());
    assert_eq!(place.run(&["topics", "--json"]).json()["k"], 3, "kept");
    let fresh = place.run(&["topics", "--fresh", "--json"]).json();
    assert_eq!(fresh["k_given"], false);
    // As a library would have it that never had other topics.
    let never = sample();
    add(&never, "bread.jsonl", &of_bread(0..8));
    assert_eq!(never.run(&["topics", "--json"]).json(), fresh);
    assert_ne!(made, fresh);
}

#[test]
fn a_library_whose_papers_are_all_others_has_new_topics() {
    let place = Place::with(&run::FIVE[..2]);
    assert_eq!(place.run(&["topics", "-k", "2", "--json"]).json()["k"], 2);
    let others = [("a1", "Bread", "Of flour."), ("a2", "Cheese", "Of milk.")];
    let lines: Vec<String> = others
        .iter()
        .map(|(id, t, a)| run::line(id, t, a))
        .collect();
    add(&place, "others.jsonl", &lines.join("\n"));
    let report = place.run(&["topics", "--json"]).json();
    assert!(report["changes"].is_null());
    assert_eq!(report["papers"], 2);
}

#[test]
fn topics_are_merged_and_split_by_hand_and_stay_so() {
    let place = sample();
    place
        .run(&["topics", "--merge", "0,1"])
        .fails(4, &["there are no topics"]);
    let made = place.run(&["topics", "-k", "5", "--json"]).json();
    place.run(&["topics", "--rename", "0=Mine"]).ok();
    let size = |report: &Value, at: usize| report["topics"][at]["size"].as_u64().expect("a size");
    let ids = |report: &Value| -> Vec<u64> {
        let topics = report["topics"].as_array().expect("topics");
        topics
            .iter()
            .map(|t| t["id"].as_u64().expect("a number"))
            .collect()
    };
    let merged = place.run(&["topics", "--merge", "3,1", "--json"]).json();
    assert_eq!(ids(&merged), [0, 2, 3, 4]);
    assert_eq!(size(&merged, 2), size(&made, 3) + size(&made, 1));
    assert_eq!(merged["changes"]["merged"][0]["id"], 1);
    assert_ne!(names(&merged)[2], names(&made)[3], "it says what it is now");
    let split = place.run(&["topics", "--split", "0=3", "--json"]).json();
    assert_eq!(ids(&split), [0, 2, 3, 4, 5, 6]);
    assert_eq!(
        size(&split, 0) + size(&split, 4) + size(&split, 5),
        size(&made, 0)
    );
    assert_eq!(names(&split)[0], "Mine");
    let mut all = names(&split);
    all.sort();
    all.dedup();
    assert_eq!(all.len(), 6, "names are unique");

    // The next paper finds them as they were left.
    add(&place, "one.jsonl", &of_bread(0..1));
    let later = place.run(&["topics", "--json"]).json();
    assert_eq!((ids(&later), names(&later)), (ids(&split), names(&split)));

    place
        .run(&["topics", "--merge", "0,9"])
        .fails(4, &["\"9\""]);
    place
        .run(&["topics", "--split", "2=900"])
        .fails(2, &["900"]);
    place
        .run(&["topics", "--merge", "0"])
        .fails(2, &["at least two"]);
    place
        .run(&["topics", "--split", "2=1"])
        .fails(2, &["as 3=4"]);
    assert_eq!(
        place.run(&["topics", "--json"]).json(),
        later,
        "nothing changed"
    );
}
