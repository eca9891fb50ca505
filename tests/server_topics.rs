//! `syntopic serve`: topics as `syntopic topics` makes, groups, changes and scores them, over `/api`.

mod run;
mod serving;

use run::{FIVE, Place, root};
use serde_json::{Value, json};
use serving::Server;

fn sample() -> Place {
    let place = Place::new();
    let file = root().join("data/hf-papers.jsonl").display().to_string();
    place.run(&["add", &file, "--model", "embedded"]).ok();
    place
}

fn list<'v>(value: &'v Value, what: &str) -> &'v [Value] {
    value[what].as_array().expect("a list")
}

/// The answer to work that may take longer than a request.
#[track_caller]
fn done(ask: impl Fn() -> serving::Answer) -> Value {
    loop {
        let answer = ask();
        if answer.status != 202 {
            return answer.json(200);
        }
        assert_eq!(answer.json(202)["state"], "running");
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
}

#[test]
fn groups_outliers_and_weights_are_those_of_the_command_line() {
    let place = sample();
    let server = Server::start(&place.library(), &[]);
    assert_eq!(server.get("/api/hierarchy").json(200)["levels"], 0);
    for path in [
        "/api/outliers",
        "/api/weights",
        "/api/topics/changes",
        "/api/topics/scorecard",
    ] {
        server.get(path).fails(409, "no_topics");
    }
    let wanted = json!({"levels": [3, 6, 14], "max_outliers": 0.2});
    let made = done(|| server.post("/api/topics", &wanted));
    assert_eq!(
        (&made["levels"], list(&made, "topics").len()),
        (&json!(2), 14)
    );
    let told = place.run(&["topics", "--json"]).json();
    let hierarchy = server.get("/api/hierarchy").json(200);
    assert_eq!(list(&hierarchy, "groups").len(), 9);
    for (group, told) in list(&hierarchy, "groups").iter().zip(list(&told, "groups")) {
        for field in ["level", "id", "name", "size", "terms", "topics"] {
            assert_eq!(group[field], told[field], "{field}");
        }
        assert_eq!(
            group.get("parent"),
            told.get("parent").filter(|p| !p.is_null())
        );
    }
    for (topic, told) in list(&made, "topics").iter().zip(list(&told, "topics")) {
        assert_eq!(
            (&topic["name"], &topic["parent"]),
            (&told["name"], &told["parent"])
        );
        let page = server.get(&format!("/api/topics/{}?limit=1", topic["id"]));
        let page = page.json(200);
        let parents = list(&page, "parents");
        assert_eq!(
            (&parents[0]["level"], &parents[1]["level"]),
            (&json!(0), &json!(1))
        );
        assert_eq!(parents[1]["id"], topic["parent"]);
    }

    let outliers = server.get("/api/outliers?limit=500").json(200);
    let known = list(&told, "outliers");
    assert!(!known.is_empty());
    assert_eq!(
        (&outliers["total"], &outliers["max_share"]),
        (&json!(known.len()), &json!(0.2))
    );
    for (outlier, told) in list(&outliers, "papers").iter().zip(known) {
        assert_eq!(
            (&outlier["paper"]["id"], &outlier["cosine"]),
            (&told["id"], &told["cosine"])
        );
        assert_eq!(outlier["paper"]["topic"]["id"], told["topic"]);
        assert_eq!(outlier["paper"]["outlier"], true);
    }

    let told = place.run(&["topics", "--weights", "--json"]).json();
    let weights = done(|| server.get("/api/weights?limit=1000"));
    assert_eq!(
        (&weights["kappa"], &weights["total"]),
        (&told["kappa"], &json!(65))
    );
    for (paper, told) in list(&weights, "papers").iter().zip(list(&told, "papers")) {
        assert_eq!(paper["id"], told["id"]);
        for (of, told) in list(paper, "topics").iter().zip(list(told, "topics")) {
            assert_eq!((&of["id"], &of["weight"]), (&told["id"], &told["weight"]));
        }
        let one = server.get(&format!(
            "/api/papers/{}/topics",
            paper["id"].as_str().expect("an id")
        ));
        assert_eq!(one.json(200)["topics"], paper["topics"]);
    }
    server
        .get("/api/papers/none/topics")
        .fails(404, "unknown_paper");

    let card = done(|| server.get("/api/topics/scorecard"));
    let told = place.run(&["topics", "--scorecard", "--json"]).json();
    for field in [
        "silhouette",
        "coherence",
        "diversity",
        "effective_rank",
        "outlier_share",
    ] {
        assert_eq!(card[field], told[field], "{field}");
    }

    let map = done(|| server.get("/api/map"));
    assert_eq!(
        (list(&map, "groups").len(), list(&map, "topics").len()),
        (9, 14)
    );
    let sizes = list(&map, "groups").iter().filter(|g| g["level"] == 0);
    let sizes = sizes.filter_map(|group| group["size"].as_u64());
    assert_eq!(sizes.sum::<u64>(), 65);
}

#[test]
fn topics_are_renamed_merged_split_and_made_with_seeds() {
    let place = sample();
    place.run(&["topics", "-k", "5"]).ok();
    let server = Server::start(&place.library(), &[]);
    let json_type = [("Content-Type", "application/json")];
    let rename = |id: &str, name: &str| {
        let body = json!({ "name": name }).to_string();
        server.ask(("PATCH", &format!("/api/topics/{id}")), &json_type, &body)
    };
    let named = rename("1", "  Mine,\n all mine ").json(200);
    assert_eq!(named["topics"][1]["name"], "Mine, all mine");
    assert_eq!(named["topics"][1]["named_by_user"], true);
    rename("0", "Mine, all mine").fails(409, "name_taken");
    rename("0", "").fails(409, "not_named");
    rename("77", "x").fails(404, "unknown_topic");
    rename("x", "x").fails(404, "unknown_topic");
    assert_eq!(
        rename("1", " ").json(200)["topics"][1]["named_by_user"],
        false
    );

    let split = server
        .post("/api/topics/0/split", &json!({"parts": 3}))
        .json(200);
    assert_eq!(list(&split, "topics").len(), 7);
    server
        .post("/api/topics/0/split", &json!({"parts": 999}))
        .fails(409, "too_many_topics");
    server
        .post("/api/topics/0/split", &json!({"parts": 1}))
        .fails(422, "invalid");
    let merged = server.post("/api/topics/merge", &json!({"topics": [0, 5, 6]}));
    assert_eq!(list(&merged.json(200), "topics").len(), 5);
    server
        .post("/api/topics/merge", &json!({"topics": [0, 0]}))
        .fails(409, "one_topic");
    server
        .post("/api/topics/merge", &json!({"topics": [0, 99]}))
        .fails(404, "unknown_topic");

    let seeded = json!({
        "k": 5, "fresh": true, "min_size": 2, "seed": 3,
        "seed_topics": [{"name": "Pictures", "about": "image and video generation by diffusion models"}],
    });
    let made = done(|| server.post("/api/topics", &seeded));
    let asked = list(&made, "topics").iter().find(|t| t["seed"].is_string());
    let asked = asked.expect("the topic that was asked for");
    assert_eq!(asked["name"], "Pictures");
    assert!(
        list(&made, "topics")
            .iter()
            .all(|t| t["size"].as_u64() >= Some(2))
    );
    let unseeded = done(|| server.post("/api/topics", &json!({"unseed": true, "fresh": true})));
    assert!(
        list(&unseeded, "topics")
            .iter()
            .all(|t| t["seed"].is_null())
    );

    let make = |body: Value| server.post("/api/topics", &body);
    make(json!({"levels": [6, 3]})).fails(409, "contradiction");
    make(json!({"levels": [3, 6], "k": 6})).fails(409, "contradiction");
    make(json!({"levels": []})).fails(422, "invalid");
    make(json!({"unseed": true, "seed_topics": [{"name": "a"}]})).fails(409, "contradiction");
    make(json!({"seed_topics": [{"name": " "}]})).fails(422, "invalid");
    make(json!({"max_outliers": 1.5})).fails(422, "invalid");
    make(json!({"depth": 11})).fails(422, "invalid");
    make(json!({"min_size": 66, "fresh": true})).fails(409, "too_many_topics");

    // What became of them when a paper came.
    let before = server.get("/api/topics/changes").json(200);
    assert!(before.get("changes").is_none());
    let new = json!({"papers": [{"id": "n1", "title": "Video generation by diffusion"}]});
    server.post("/api/papers", &new).json(200);
    done(|| server.post("/api/topics", &json!({})));
    let changes = server.get("/api/topics/changes").json(200);
    assert_eq!(changes["changes"]["came"], 1);
    assert!(!list(&changes["changes"], "drift").is_empty());
    assert!(place.run(&["check"]).ok().contains("66 papers"));
}

#[test]
fn two_runs_are_compared_as_the_command_line_compares_them() {
    let place = sample();
    let server = Server::start(&place.library(), &[]);
    let run = |k: &str| {
        let (name, path) = (format!("{k}.json"), place.path(&format!("{k}.json")));
        place
            .run(&[
                "topics",
                "-k",
                k,
                "--fresh",
                "--export",
                &path.display().to_string(),
            ])
            .ok();
        let text = std::fs::read_to_string(&path).expect(&name);
        (
            path.display().to_string(),
            serde_json::from_str::<Value>(&text).expect("JSON"),
        )
    };
    let ask = |body: Value| server.post("/api/topics/compare", &body);
    ask(json!({"a": {"topics": []}})).fails(409, "no_topics");
    let (few, a) = run("5");
    let (more, b) = run("9");
    let told = place
        .run(&["topics", "--compare", &few, &more, "--json"])
        .json();
    let answer = ask(json!({"a": a, "b": b})).json(200);
    for field in ["papers", "only", "topics", "ari", "nmi"] {
        assert_eq!(answer[field], told[field], "{field}");
    }
    assert_eq!(list(&answer, "unmatched"), list(&told, "unmatched"));
    for (one, told) in list(&answer, "matches").iter().zip(list(&told, "matches")) {
        assert_eq!(
            (&one["topic"], &one["shared"]),
            (&told["topic"], &told["shared"])
        );
        assert_eq!(
            (&one["like"], &one["jaccard"]),
            (&told["like"], &told["jaccard"])
        );
    }
    // With the topics of now, which are the second run's.
    std::thread::sleep(std::time::Duration::from_millis(1100));
    assert_eq!(ask(json!({ "a": a })).json(200), answer);
    assert_eq!(ask(json!({ "a": b })).json(200)["ari"], json!(1.0));
    let none = ask(json!({"a": {"topics": []}, "b": b})).json(200);
    assert_eq!(
        (&none["papers"], &none["only"]),
        (&json!(0), &json!([0, 65]))
    );
    for wrong in [
        json!({"b": b}),
        json!({"a": [[]]}),
        json!({"a": {"topics": [[0, "x", []]]}}),
        json!({"a": {"topics": [{"id": -1, "name": "x", "papers": []}]}}),
        json!({"a": "topics.json"}),
    ] {
        ask(wrong).fails(422, "invalid");
    }
}

#[test]
fn related_papers_are_asked_for_by_every_form_of_the_command_line() {
    let place = Place::with(&FIVE);
    let server = Server::start(&place.library(), &[]);
    let ask = |body: Value| server.post("/api/related", &body);
    let (_, title, text) = FIVE[0];
    // A paper of elsewhere, as a file with it: its copy here is another version, and no hit unless all versions are.
    let given =
        json!({"like": [{"paper": {"title": title, "abstract": text}}], "all_versions": true});
    let answer = ask(given).json(200);
    assert_eq!(answer["hits"][0]["paper"]["id"], "a1");
    assert_eq!(
        (&answer["like"][0]["title"], answer["like"][0].get("id")),
        (&json!(title), None)
    );
    let file = place.file(
        "one.jsonl",
        json!({"id": "elsewhere", "title": title, "abstract": text})
            .to_string()
            .as_bytes(),
    );
    let file = file.display().to_string();
    let told = place.run(&["related", "--file", &file, "--all-versions", "--json"]);
    for (hit, told) in list(&answer, "hits").iter().zip(list(&told.json(), "hits")) {
        assert_eq!(
            (&hit["paper"]["id"], &hit["score"]),
            (&told["id"], &told["score"])
        );
    }
    let among = json!({"like": [{"id": "a1"}], "filter": {"among": ["b1", "c1"]}});
    let hits = ask(among).json(200);
    let ids: Vec<&Value> = list(&hits, "hits")
        .iter()
        .map(|h| &h["paper"]["id"])
        .collect();
    assert!(ids.len() == 2 && ids.contains(&&json!("b1")), "{ids:?}");
    assert_eq!(server.get("/api/papers?among=b1").json(200)["total"], 1);
    ask(json!({"like": [{"id": "a1"}], "filter": {"among": ["zz"]}})).fails(404, "unknown_paper");
    ask(json!({"like": [{"id": "a1"}], "exact": true})).json(200);
    ask(json!({"like": [{"id": "a1"}], "recall": 0.9})).json(200);
    ask(json!({"like": [{"id": "a1"}], "recall": 1.0})).fails(422, "invalid");
    ask(json!({"like": [{"id": "a1"}], "recall": 0.9, "exact": true})).fails(409, "contradiction");
    ask(json!({"like": [{"paper": {"title": " "}}]})).fails(422, "invalid");
    ask(json!({"like": [{"paper": {"abstract": "x"}}]})).fails(422, "invalid");
    let versions = server.get("/api/papers/a1/related?all_versions=true");
    versions.json(200);
}

#[test]
fn the_map_is_sent_small_and_once() {
    let place = Place::with(&FIVE);
    place.run(&["topics", "-k", "2"]).ok();
    let server = Server::start(&place.library(), &[]);
    let whole = server.get("/api/map");
    let tag = whole.header("etag").expect("a tag").to_owned();
    assert_eq!(whole.header("content-encoding"), None);
    let ask = |headers: &[(&str, &str)]| server.ask(("GET", "/api/map"), headers, "");
    let again = ask(&[("If-None-Match", &tag)]);
    assert_eq!((again.status, again.body.as_str()), (304, ""));
    let smaller = server.bytes_of("/api/map", &[("Accept-Encoding", "br, gzip")]);
    assert_eq!(&smaller[..2], [0x1f, 0x8b]);
    let mut text = String::new();
    std::io::Read::read_to_string(&mut flate2::read::GzDecoder::new(&smaller[..]), &mut text)
        .expect("gzip");
    assert_eq!(text, whole.body);
    // What somebody has plain is not what he has packed.
    let packed = [("Accept-Encoding", "gzip"), ("If-None-Match", &tag)];
    assert_eq!(&server.bytes_of("/api/map", &packed)[..2], [0x1f, 0x8b]);
    // Another name of a topic is another map.
    place.run(&["topics", "--rename", "0=Another"]).ok();
    std::thread::sleep(std::time::Duration::from_millis(1100));
    let other = ask(&[("If-None-Match", &tag)]).json(200);
    assert_eq!(other["topics"][0]["name"], "Another");
}
