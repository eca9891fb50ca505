//! Forms of a query for related papers, and what is told of the hits: files, topics, versions, explanations.

mod run;

use run::Place;
use serde_json::Value;

/// Five papers with abstracts of two sentences, and one without.
fn place() -> Place {
    let place = Place::new();
    let lines = [
        r#"{"id":"g1","title":"Graphs for recommendation","abstract":"We recommend films to people. A graph network passes messages, e.g. Likes, between users and items."}"#,
        r#"{"id":"g2","title":"Message passing","abstract":"The weather is fine today. Graph networks pass messages between users and items."}"#,
        r#"{"id":"g3","title":"Graph networks for molecules","abstract":"Molecules are graphs of atoms. Networks learn their energies."}"#,
        r#"{"id":"p1","title":"A proof of an inequality","abstract":"We prove an inequality of norms. The constant is sharp."}"#,
        r#"{"id":"p2","title":"Sharp constants for norms","abstract":"Constants of inequalities are found. The proof is short."}"#,
        r#"{"id":"p3","title":"Graph messages between users and items"}"#,
    ];
    let file = place.file("papers.jsonl", lines.join("\n").as_bytes());
    place
        .run(&["add", &file.display().to_string(), "--model", "embedded"])
        .ok();
    place
}

fn related(place: &Place, arguments: &[&str]) -> Value {
    place
        .run(&[&["related"][..], arguments, &["--json"]].concat())
        .json()
}

/// The hit of this id.
fn hit<'a>(related: &'a Value, id: &str) -> &'a Value {
    let mut hits = related["hits"].as_array().expect("hits").iter();
    hits.find(|hit| hit["id"] == id).expect("a hit")
}

#[test]
fn an_explained_hit_shows_the_nearest_sentences() {
    let place = place();
    let told = related(&place, &["g1", "--explain"]);
    let pair = &hit(&told, "g2")["sentences"];
    let ours = "A graph network passes messages, e.g. Likes, between users and items.";
    assert_eq!(pair["query"], ours);
    assert_eq!(
        pair["hit"],
        "Graph networks pass messages between users and items."
    );
    let cosine = pair["cosine"].as_f64().expect("a cosine");
    assert!((0.5..=1.0).contains(&cosine), "{cosine}");
    let titled = &hit(&told, "p3")["sentences"]["hit"];
    assert_eq!(titled, "Graph messages between users and items");
    let of_text = related(&place, &["--text", "Norms. Users and items.", "--explain"]);
    let pair = |id| &hit(&of_text, id)["sentences"]["query"];
    assert_eq!(
        (pair("g2"), pair("p1")),
        (&"Users and items.".into(), &"Norms.".into())
    );
    let plain = related(&place, &["g1"]);
    assert!(plain["hits"][0].get("sentences").is_none());
    let printed = place.run(&["related", "g1", "--explain"]);
    assert_eq!(printed.ok().matches("nearest sentences (").count(), 5);
    assert!(printed.ok().contains("query  A graph network passes"));
}

#[test]
fn an_explained_hit_says_whether_both_are_in_one_topic() {
    let place = place();
    assert!(
        !place
            .run(&["related", "g1", "--explain"])
            .ok()
            .contains("in the topic")
    );
    let topics = place.run(&["topics", "-k", "2", "--json"]).json();
    let told = related(&place, &["g1", "--explain"]);
    let of = |id: &str| {
        let mut topics = topics["topics"].as_array().expect("topics").iter();
        let has = |topic: &Value| {
            topic["papers"]
                .as_array()
                .expect("ids")
                .contains(&id.into())
        };
        topics.find(|topic| has(topic)).expect("a topic")["name"].clone()
    };
    assert_eq!(told["query"]["topic"], of("g1"));
    assert_eq!(hit(&told, "p1")["topic"], of("p1"));
    let printed = place.run(&["related", "g1", "--explain"]);
    let ids = ["g2", "g3", "p1", "p2", "p3"];
    let same = ids.iter().filter(|id| of(id) == of("g1")).count();
    assert!((1..5).contains(&same));
    let counted = |words| printed.ok().matches(words).count();
    assert_eq!(counted("both in the topic: "), same);
    assert_eq!(counted("; of the query: "), 5 - same);
}

#[test]
fn one_of_several_versions_is_shown_and_the_others_are_named() {
    let place = place();
    let lines = [
        r#"{"id":"2103.03230v1","title":"Proofs of norms","abstract":"We prove what norms there are."}"#,
        r#"{"id":"2103.03230v2","title":"Proofs of norms","abstract":"We prove what norms there are."}"#,
        r#"{"id":"arXiv:2103.03230","title":"Norms","abstract":"Quite a new text on norms."}"#,
    ];
    let file = place.file("more.jsonl", lines.join("\n").as_bytes());
    place.run(&["add", &file.display().to_string()]).ok();
    let told = related(&place, &["--text", "proofs of norms", "-k", "3"]);
    let shown = &told["hits"][0];
    assert_eq!(shown["id"], "2103.03230v1");
    let versions = shown["versions"].as_array().expect("versions");
    assert_eq!(
        (versions.len(), told["hits"].as_array().map(Vec::len)),
        (2, Some(3))
    );
    assert_eq!(versions[0]["id"], "2103.03230v2");
    assert!(told["hits"][1].get("versions").is_none());
    let printed = place.run(&["related", "--text", "proofs of norms"]);
    assert!(!printed.ok().contains("2103.03230v2"));
    let note = "which --all-versions shows: 2103.03230v2, arXiv:2103.03230 (of 2103.03230v1)";
    assert!(printed.err.contains(note), "{}", printed.err);
    let all = related(&place, &["--text", "proofs of norms", "--all-versions"]);
    assert_eq!(all["hits"].as_array().map(Vec::len), Some(9));
    let own = related(&place, &["2103.03230v2"]);
    let note = "versions of what was asked are no hits: 2103.03230v1, arXiv:2103.03230";
    assert_eq!(
        (own["hits"].as_array().map(Vec::len), &own["notes"][1]),
        (Some(6), &note.into())
    );
}

fn ids(told: &Value) -> Vec<&str> {
    let hits = told["hits"].as_array().expect("hits").iter();
    hits.map(|hit| hit["id"].as_str().expect("an id")).collect()
}

#[test]
fn the_centre_of_a_topic_is_a_query() {
    let place = place();
    let unmade = place.run(&["related", "--like-topic", "0"]);
    unmade.fails(4, &["syntopic topics"]);
    let topics = place.run(&["topics", "-k", "2", "--json"]).json();
    let topics = topics["topics"].as_array().expect("topics");
    for topic in topics {
        let by_number = related(&place, &["--like-topic", &topic["id"].to_string()]);
        let name = topic["name"].as_str().expect("a name");
        let by_name = related(&place, &["--like-topic", name, "--explain"]);
        assert_eq!(ids(&by_number), ids(&by_name));
        assert_eq!(by_name["query"]["like_topics"][0], name);
        assert_eq!(by_name["hits"][0]["sentences"]["query"], name);
        assert_eq!(
            by_name["hits"].as_array().map(Vec::len),
            Some(6),
            "its papers may be hits"
        );
        // The first hits are the topic's own papers.
        let own = topic["papers"].as_array().expect("papers");
        let first = &ids(&by_name)[..own.len().min(2)];
        assert!(
            first.iter().all(|id| own.contains(&(*id).into())),
            "{first:?}"
        );
        let printed = place.run(&["related", "--like-topic", name]);
        assert!(
            printed
                .ok()
                .contains(&format!("Related to the topic \"{name}\""))
        );
    }
    let both = related(
        &place,
        &["--like-topic", "0", "--like", "g1", "--unlike", "p1"],
    );
    assert_eq!(
        (&both["query"]["id"], &both["not"][0]["id"]),
        (&"g1".into(), &"p1".into())
    );
    assert!(!ids(&both).contains(&"g1") && !ids(&both).contains(&"p1"));
    let unknown = place.run(&["related", "--like-topic", "astronomy"]);
    unknown.fails(
        4,
        &["astronomy", topics[0]["name"].as_str().expect("a name")],
    );
    place
        .run(&["related", "--like-topic", ""])
        .fails(4, &["no topic"]);
}

#[test]
fn a_file_is_a_text_or_papers() {
    let place = place();
    let ask = |name: &str, content: &str| {
        let file = place.file(name, content.as_bytes()).display().to_string();
        place.run(&["related", "--file", &file, "--json"])
    };
    let text = ask("text.txt", "Sharp constants for norms.\n").json();
    assert_eq!(ids(&text)[0], "p2");
    let note = text["notes"][0].as_str().expect("a note");
    assert!(note.ends_with("text.txt: read as one text"), "{note}");
    assert_eq!(
        ids(&text),
        ids(&related(&place, &["--text", "Sharp constants for norms."]))
    );
    // One that the library has, one that it has not, and one that is a version of a third.
    let papers = [
        r#"{"id":"g1","title":"Another title"}"#,
        r#"{"id":"new","title":"Graphs of people","abstract":"People are nodes."}"#,
        r#"{"id":"copy","title":"Graph messages between users and items"}"#,
    ];
    let told = ask("papers.jsonl", &papers.join("\n")).json();
    assert_eq!(told["query"]["title"], "Graphs for recommendation");
    assert_eq!(
        (&told["and"][0]["id"], &told["and"][1]["id"]),
        (&"new".into(), &"copy".into())
    );
    assert!(
        told["notes"][0]
            .as_str()
            .expect("a note")
            .ends_with("3 papers (jsonl)")
    );
    assert!(!ids(&told).contains(&"p3") && !ids(&told).contains(&"g1"));
    let same = related(&place, &["--like", "g1", "--like", "g2", "--unlike", "p1"]);
    assert_eq!(same, related(&place, &["g1", "g2", "--not", "p1"]));
    ask("empty.txt", " \n").fails(2, &["empty.txt is empty"]);
    ask("none.jsonl", "{\"id\":\"a\"}\n").fails(1, &["none.jsonl"]);
}
