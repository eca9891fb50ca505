//! Related papers asked for in more ways than one: several queries, unwanted ones, and filters.

mod run;

use run::Place;
use serde_json::Value;

/// Six papers with years, venues and categories.
fn place() -> Place {
    let place = Place::new();
    let lines = [
        r#"{"id":"a1","title":"Contrastive learning of images","year":2019,"venue":"CVPR","authors":["Ada Lovelace","Yann LeCun"],"categories":["cs.CV"]}"#,
        r#"{"id":"a2","title":"Masked image modelling","year":2022,"venue":"NeurIPS 2022","authors":["LeCun, Yann"],"categories":["cs.CV","cs.LG"]}"#,
        r#"{"id":"b1","title":"Code generation with language models","year":2021,"venue":"ICML","authors":["Grace Hopper"],"categories":["cs.CL"]}"#,
        r#"{"id":"b2","title":"Self-debugging","year":2023,"venue":"ICLR","categories":["cs.SE","cs.CL"]}"#,
        r#"{"id":"c1","title":"Graphs for recommendation","year":2020,"venue":"Advances in NeurIPS","categories":["cs.IR"]}"#,
        r#"{"id":"d1","title":"A proof of an inequality","categories":["math.CA"]}"#,
    ];
    place
        .add(
            &place.file("papers.jsonl", lines.join("\n").as_bytes()),
            &[],
        )
        .ok();
    place
}

/// Ids of the hits of a run, in order, with the answer.
fn hits(place: &Place, arguments: &[&str]) -> (Vec<String>, Value) {
    let related = place
        .run(&[&["related"][..], arguments, &["--json"]].concat())
        .json();
    let ids = related["hits"].as_array().expect("hits").iter();
    let ids = ids.map(|hit| hit["id"].as_str().expect("an id").to_owned());
    (ids.collect(), related)
}

#[test]
fn only_papers_that_pass_are_hits() {
    let place = place();
    for (filter, expected) in [
        (&["--year", "2020..2022"][..], &["a2", "b1", "c1"][..]),
        (&["--year", "2023"], &["b2"]),
        (&["--year", "..2020"], &["c1"]),
        (&["--venue", "neurips"], &["a2", "c1"]),
        (&["--venue", "icml", "--venue", "ICLR"], &["b1", "b2"]),
        (&["--category", "cs"], &["a2", "b1", "b2", "c1"]),
        (&["--category", "math.ca"], &["d1"]),
        (&["--category", "cs.CL", "--year", "2022.."], &["b2"]),
        (&["--author", "yann lecun"], &["a2"]),
        (&["--author", "hopper", "--author", "LECUN"], &["a2", "b1"]),
        (&["--year", "1900"], &[]),
    ] {
        let (mut ids, related) = hits(&place, &[&["a1"][..], filter].concat());
        ids.sort();
        assert_eq!(ids, expected, "{filter:?}");
        let note = format!("{} of 6 papers pass", expected.len());
        let notes = related["notes"].as_array().expect("notes");
        assert!(
            notes
                .iter()
                .any(|n| n.as_str().is_some_and(|n| n.contains(&note))),
            "{note}: {notes:?}"
        );
        assert!(related["filter"].is_object());
    }
}

#[test]
fn scores_with_a_filter_are_those_without() {
    let place = place();
    let (_, all) = hits(&place, &["a1"]);
    let (_, some) = hits(&place, &["a1", "--category", "cs"]);
    let scored = |related: &Value| -> Vec<(String, String)> {
        let hits = related["hits"].as_array().expect("hits").iter();
        hits.map(|hit| (hit["id"].to_string(), hit["score"].to_string()))
            .collect()
    };
    let all = scored(&all);
    let some = scored(&some);
    assert_eq!(some.len(), 4);
    let of_some: Vec<_> = all.iter().filter(|hit| some.contains(hit)).collect();
    assert!(of_some.into_iter().eq(&some), "{some:?} among {all:?}");
}

#[test]
fn several_queries_are_one_and_none_of_them_is_a_hit() {
    let place = place();
    let (ids, related) = hits(&place, &["a1", "b1"]);
    assert_eq!(ids.len(), 4);
    assert!(!ids.contains(&"a1".into()) && !ids.contains(&"b1".into()));
    assert_eq!(related["and"][0]["id"], "b1");
    let (ids, related) = hits(
        &place,
        &[
            "a1",
            "--not",
            "c1",
            "--text",
            "images",
            "--not-text",
            "code",
        ],
    );
    assert!(!ids.contains(&"a1".into()) && !ids.contains(&"c1".into()));
    assert_eq!(related["and"][0]["text"], "images");
    assert_eq!(
        (&related["not"][0]["id"], &related["not"][1]["text"]),
        (&"c1".into(), &"code".into())
    );
    // Twice the same is the same direction, so the order of the others stays.
    let (once, _) = hits(&place, &["--text", "images of graphs"]);
    let (twice, _) = hits(
        &place,
        &["--text", "images of graphs", "--text", "images of graphs"],
    );
    assert_eq!(once, twice);
    let printed = place.run(&["related", "a1", "b1", "--not", "c1"]);
    for words in [
        "Related to a1: Contrastive",
        "and to b1: Code",
        "not to c1: Graphs",
    ] {
        assert!(printed.ok().contains(words), "{}", printed.out);
    }
}

#[test]
fn papers_of_a_topic() {
    let place = place();
    place
        .run(&["related", "a1", "--topic", "0"])
        .fails(4, &["no topics", "syntopic topics"]);
    let topics = place.run(&["topics", "-k", "2", "--json"]).json();
    let members: Vec<&str> = topics["topics"][1]["papers"]
        .as_array()
        .expect("papers")
        .iter()
        .filter_map(Value::as_str)
        .collect();
    let name = topics["topics"][1]["name"]
        .as_str()
        .expect("a name")
        .to_uppercase();
    for topic in ["1", name.as_str()] {
        let (ids, _) = hits(&place, &["--text", "anything", "--topic", topic]);
        assert_eq!(ids.len(), members.len());
        assert!(ids.iter().all(|id| members.contains(&id.as_str())));
    }
    let first = topics["topics"][0]["name"].as_str().expect("a name");
    place
        .run(&["related", "a1", "--topic", "zebras"])
        .fails(4, &["zebras", first]);
}

#[test]
fn wrong_queries_and_filters_say_so() {
    let place = place();
    for (arguments, words) in [
        (&["a1", "--year", "20x"][..], &["20x", "2018..2021"][..]),
        (
            &["a1", "--year", "2022..2020"],
            &["2022 is later than 2020"],
        ),
        (&["a1", "--year", ".."], &["no year"]),
        (&["--not", "a1"], &["required"]),
        (&["a1", "--text", " "], &["empty"]),
        (&["a1", "--recall", "1.5"], &["recall is 1.5", "0.9999"]),
    ] {
        place
            .run(&[&["related"][..], arguments].concat())
            .fails(2, words);
    }
    place
        .run(&["related", "a1", "--not", "c11"])
        .fails(4, &["c11", "did you mean c1"]);
    let same = place.run(&["related", "a1", "--not", "a1", "-k", "1"]);
    assert_eq!(same.code, 0, "half of it is left: {}", same.err);
}

#[test]
fn modes_go_by_meaning_by_words_or_by_both() {
    let place = place();
    let asked = ["--text", "recommendation by graphs of zebras"];
    for (mode, extra) in [("semantic", 0), ("lexical", 1), ("hybrid", 0)] {
        let (ids, related) = hits(&place, &[&asked[..], &["--mode", mode]].concat());
        assert_eq!(related["mode"], mode);
        assert_eq!(ids.len(), 6, "as many as there are, in every mode");
        let hit = |at: usize| &related["hits"][at];
        if mode == "semantic" {
            assert_eq!(hit(0)["score"], hit(0)["cosine"]);
            assert!(hit(0).get("lexical").is_none() && hit(0).get("shared_words").is_none());
            continue;
        }
        assert_eq!(ids[0], "c1", "it shares two rare words, the others none");
        let shared = hit(0)["shared_words"].as_array().expect("words");
        assert_eq!(shared.len(), 2, "{shared:?}");
        let lexical = |at: usize| hit(at)["lexical"].as_f64().expect("a share");
        assert!(lexical(0) > 0.0 && (1..6).all(|at| lexical(at) == 0.0));
        let notes = related["notes"].to_string();
        let told = usize::from(notes.contains("5 of the hits share no word"));
        assert_eq!(told, extra, "{notes}");
        // Those that share none are in the order of nearness.
        let cosine = |at: usize| hit(at)["cosine"].as_f64().expect("a cosine");
        assert!((2..6).all(|at| cosine(at) <= cosine(at - 1)));
    }
    let ran = place.run(&["related", "--text", "graphs", "--explain"]);
    let told = ran.ok();
    assert!(told.contains("meaning 0.") && told.contains("both have graph"));
    let wrong = place.run(&["related", "--text", "graphs", "--mode", "magic"]);
    wrong.fails(2, &["hybrid, semantic, lexical"]);
    let (ids, _) = hits(
        &place,
        &["a1", "--mode", "lexical", "--category", "cs.CV", "-k", "9"],
    );
    assert_eq!(ids, ["a2"], "the filter counts in lexical mode too");
}

#[test]
fn an_unknown_author_is_not_found_and_the_likest_name_is_told() {
    let place = place();
    place
        .run(&["related", "a1", "--author", "Ada Byron"])
        .fails(4, &["\"Ada Byron\"", "did you mean Ada Lovelace?"]);
    place
        .run(&["related", "a1", "--author", "xyzzy"])
        .fails(4, &["whole words of a name"]);
}

#[test]
fn an_explained_hit_says_how_it_compares_with_random_pairs() {
    let place = place();
    let (_, related) = hits(&place, &["a1", "--explain"]);
    let hits = related["hits"].as_array().expect("hits");
    assert_eq!(hits.len(), 5);
    for hit in hits {
        let share = hit["closer_than"].as_f64().expect("a share");
        assert!((0.0..1.0).contains(&share), "{share}");
        // What is shown of a score makes the score.
        let [score, near, title, lexical] = ["score", "nearness", "titles", "lexical"]
            .map(|name| hit[name].as_f64().expect("a number"));
        let sum = near + 1.2 * lexical + 0.3 * title;
        assert!((score - sum / 2.5).abs() < 1e-5, "{hit}");
    }
    let printed = place.run(&["related", "a1", "--explain"]);
    assert_eq!(printed.ok().matches("of random pairs").count(), 5);
    let (_, plain) = self::hits(&place, &["a1"]);
    assert!(plain["hits"][0]["closer_than"].is_null());
}

#[test]
fn diverse_hits_are_other_ones_where_the_best_are_copies() {
    let place = Place::new();
    let line = |id: &str, title: &str| format!("{{\"id\":\"{id}\",\"title\":\"{title}\"}}");
    let mut lines: Vec<String> = (0..5)
        .map(|i| line(&format!("copy{i}"), "Masked graph autoencoders"))
        .collect();
    for (id, title) in [
        ("q", "Autoencoders for graphs and for images"),
        ("other", "Image autoencoders"),
        ("graphs", "Networks that learn from graphs"),
        ("far", "Prices of electricity"),
    ] {
        lines.push(line(id, title));
    }
    let file = place.file("papers.jsonl", lines.join("\n").as_bytes());
    place
        .run(&["add", &file.display().to_string(), "--model", "embedded"])
        .ok();
    let (plain, _) = hits(&place, &["q", "-k", "3"]);
    assert_eq!(plain, ["other", "copy0", "copy1"]);
    for mode in ["hybrid", "semantic"] {
        let (mut diverse, _) = hits(&place, &["q", "-k", "3", "--diverse", "--mode", mode]);
        diverse.sort();
        assert_eq!(diverse, ["copy0", "graphs", "other"], "{mode}");
    }
    let (all, related) = hits(&place, &["q", "-k", "9", "--diverse"]);
    assert_eq!(all.len(), 8);
    let notes = related["notes"].to_string();
    assert!(notes.contains("9 papers were asked for"), "{notes}");
}

#[test]
fn versions_of_one_paper_are_listed_with_the_reason() {
    let place = place();
    let printed = place.run(&["duplicates"]);
    assert!(
        printed.ok().starts_with("no two of 6 papers"),
        "{}",
        printed.out
    );
    let lines = [
        r#"{"id":"x1","title":"A proof of an inequality of norms","doi":"10.1/ABC"}"#,
        r#"{"id":"x2","title":"Of norms, \"revised\"","doi":"https://doi.org/10.1/abc","year":2020}"#,
        r#"{"id":"2103.03230v1","title":"Barlow Twins"}"#,
        r#"{"id":"arXiv:2103.03230v3","title":"Barlow Twins: learning"}"#,
    ];
    let file = place.file("more.jsonl", lines.join("\n").as_bytes());
    place.add(&file, &[]).ok();
    let report = place.run(&["duplicates", "--json"]).json();
    assert_eq!(
        (report["papers"].as_u64(), report["extra"].as_u64()),
        (Some(10), Some(2))
    );
    let groups = report["groups"].as_array().expect("groups");
    assert_eq!(groups.len(), 2);
    let of = |reason: &str| groups.iter().find(|group| group["reasons"][0] == reason);
    assert_eq!(of("doi").expect("a group")["papers"][1]["id"], "x2");
    assert_eq!(
        of("arxiv").expect("a group")["papers"]
            .as_array()
            .map(Vec::len),
        Some(2)
    );
    let csv = place.run(&["duplicates", "--csv"]);
    assert!(
        csv.ok()
            .contains("same DOI,x2,2020,\"Of norms, \"\"revised\"\"\""),
        "{}",
        csv.out
    );
    assert!(
        place
            .run(&["duplicates"])
            .ok()
            .ends_with("2 groups among 10 papers: 2 records beyond one of each\n")
    );
}
