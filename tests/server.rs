//! `syntopic serve`: who may ask, what `/api` answers, and how it ends.

mod run;
mod serving;

use run::{FIVE, Place, syntopic};
use serde_json::{Value, json};
use serving::Server;

fn ids(answer: &Value) -> Vec<&str> {
    let hits = answer["hits"].as_array().expect("hits");
    hits.iter()
        .filter_map(|hit| hit["paper"]["id"].as_str())
        .collect()
}

#[test]
fn an_address_that_others_reach_needs_a_key_or_a_word() {
    let place = Place::with(&FIVE);
    let serve = |arguments: &[&str]| place.run(&[&["serve"], arguments].concat());
    serve(&["--bind", "0.0.0.0:0"]).fails(2, &["0.0.0.0:0", "--api-key", "--no-auth"]);
    serve(&["--api-key", " "]).fails(2, &["key is empty"]);
    serve(&["--api-key", "k", "--no-auth"]).fails(2, &["--no-auth"]);
    serve(&["--log", "xml"]).fails(2, &["text and json"]);
    let nowhere = syntopic(&place.path("none"), &["serve", "--bind", "127.0.0.1:0"]);
    nowhere.fails(4, &["there is no library"]);
}

#[test]
fn only_who_has_the_key_and_comes_from_here_is_answered() {
    let place = Place::with(&FIVE);
    let server = Server::start(
        &place.library(),
        &["--api-key", "sesame", "--host-name", "papers.example"],
    );
    for open in [
        "/health",
        "/ready",
        "/metrics",
        "/",
        "/docs",
        "/openapi.json",
        "/assets/page.css",
    ] {
        assert_eq!(server.get(open).status, 200, "{open}");
    }
    let refused = server.get("/api/stats");
    refused.fails(401, "wrong_key");
    assert_eq!(refused.header("www-authenticate"), Some("Bearer"));
    server.get("/nothing").fails(401, "wrong_key");
    let with = |headers: &[(&str, &str)]| {
        let key = [("Authorization", "Bearer sesame")];
        server.ask(("GET", "/api/stats"), &[&key, headers].concat(), "")
    };
    assert_eq!(with(&[]).json(200)["papers"], 5);
    let wrong = server.ask(
        ("GET", "/api/stats"),
        &[("Authorization", "Bearer sesamE")],
        "",
    );
    wrong.fails(401, "wrong_key");
    assert_eq!(with(&[("Host", "papers.example")]).status, 200);
    assert_eq!(with(&[("Host", "localhost:1")]).status, 200);
    with(&[("Host", "evil.example")]).fails(403, "wrong_host");
    with(&[("Origin", "http://evil.example")]).fails(403, "wrong_origin");
    with(&[("Origin", "null")]).fails(403, "wrong_origin");
    let own = format!("http://{}", server.address);
    assert_eq!(with(&[("Origin", &own)]).status, 200);
    assert_eq!(with(&[]).header("access-control-allow-origin"), None);
}

#[test]
fn every_answer_has_an_id_and_a_strict_policy_and_the_log_has_no_text_of_users() {
    let place = Place::with(&FIVE);
    let server = Server::start(&place.library(), &[]);
    let page = server.get("/");
    let policy = page.header("content-security-policy").expect("a policy");
    assert!(
        policy.starts_with("default-src 'none'") && !policy.contains("unsafe"),
        "{policy}"
    );
    assert_eq!(page.header("x-content-type-options"), Some("nosniff"));
    let tag = page.header("etag").expect("a tag").to_owned();
    let again = server.ask(("GET", "/"), &[("If-None-Match", &tag)], "");
    assert_eq!((again.status, again.body.as_str()), (304, ""));
    let secret = "zyzzyva";
    let named = [
        ("X-Request-Id", "mine-1"),
        ("Content-Type", "application/json"),
    ];
    let asked = format!("{{\"like\": [{{\"text\": \"{secret}\"}}]}}");
    let answer = server.ask(("POST", "/api/related"), &named, &asked);
    assert_eq!(answer.header("x-request-id"), Some("mine-1"));
    server
        .get(&format!("/api/papers/{secret}?x={secret}"))
        .fails(404, "unknown_paper");
    server
        .get(&format!("/api/papers?venue={secret}&{secret}"))
        .fails(422, "invalid");
    server
        .get(&format!("/{secret}"))
        .fails(404, "unknown_address");
    server
        .ask(("PUT", "/api/stats"), &[], "")
        .fails(405, "wrong_method");
    assert!(
        server
            .get("/metrics")
            .body
            .contains("route=\"/api/papers/{id}\",status=\"404\"")
    );
    let (status, log) = server.end();
    assert!(status.success(), "{status}\n{log}");
    assert!(!log.contains(secret), "{log}");
    let lines: Vec<Value> = log
        .lines()
        .map(|line| serde_json::from_str(line).expect(line))
        .collect();
    let mine = lines
        .iter()
        .find(|line| line["span"]["id"] == "mine-1")
        .expect("its line");
    assert_eq!(mine["span"]["route"], "/api/related");
    assert_eq!(
        (&mine["status"], &mine["level"]),
        (&json!(200), &json!("INFO"))
    );
}

#[test]
fn what_is_too_large_or_no_json_is_refused_by_its_status() {
    let place = Place::with(&FIVE);
    let server = Server::start(&place.library(), &[]);
    let like = |like: Value| server.post("/api/related", &json!({ "like": like }));
    like(json!([])).fails(422, "invalid");
    like(json!([{"text": " "}])).fails(422, "empty_text");
    like(json!([{"text": "x".repeat(100_001)}])).fails(422, "invalid");
    like(json!([{"topic": "x".repeat(1_001)}])).fails(422, "invalid");
    let halves = server.post(
        "/api/related",
        &json!({"like": [{"id": "a1"}], "limit": 1.5}),
    );
    halves.fails(422, "invalid");
    like(json!([{"path": "/etc/passwd"}])).fails(422, "invalid");
    // A list of the values of an object's fields is none, nor is an object a word.
    like(json!([{"paper": ["Graphs", null, null]}])).fails(422, "invalid");
    let with = |name: &str, value: Value| {
        let body = json!({"like": [{"id": "a1"}], name: value});
        server.post("/api/related", &body).fails(422, "invalid");
    };
    with("filter", json!([2020]));
    with("mode", json!({"lexical": null}));
    let listed = json!({"papers": [["d1", "Graphs"]]});
    server.post("/api/papers", &listed).fails(422, "invalid");
    let named = json!({"seed_topics": [["Graphs", ""]]});
    server.post("/api/topics", &named).fails(422, "invalid");
    let form = json!({"format": {"csv": null}, "ids": ["a1"]});
    server.post("/api/export", &form).fails(422, "invalid");
    for of_tei in [
        json!({"inputs": ["a", ["b"]]}),
        json!({"inputs": {"source_sentence": "a", "sentences": ["b"]}, "parameters": [true]}),
    ] {
        assert_eq!(server.post("/similarity", &of_tei).status, 422);
    }
    like(json!(vec![json!({"id": "a1"}); 21])).fails(422, "invalid");
    like(json!([{"id": "a3"}])).fails(404, "unknown_paper");
    like(json!([{"topic": "graphs"}])).fails(409, "no_topics");
    let limit = server.post("/api/related", &json!({"like": [{"id": "a1"}], "limit": 0}));
    limit.fails(422, "invalid");
    server
        .post("/api/papers", &json!({"papers": []}))
        .fails(422, "invalid");
    let json_type = [("Content-Type", "application/json; charset=utf-8")];
    server
        .ask(("POST", "/api/related"), &json_type, "{")
        .fails(400, "bad_json");
    server
        .ask(("POST", "/api/related"), &[], "{}")
        .fails(415, "not_json");
    let long = format!("{{\"like\": [{{\"text\": \"{}\"}}]}}", "x".repeat(9 << 20));
    server
        .ask(("POST", "/api/related"), &json_type, &long)
        .fails(413, "too_large");
    server.get("/api/papers?limit=0").fails(422, "invalid");
    server.get("/api/papers?limit=501").fails(422, "invalid");
    server
        .get("/api/papers?limit=1&limit=2")
        .fails(422, "invalid");
    server.get("/api/papers?file=x").fails(422, "invalid");
    server.get("/api/papers/%ff").fails(400, "bad_path");
    server
        .get("/assets/../Cargo.toml")
        .fails(404, "unknown_address");
    assert_eq!(
        server
            .send(b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n")
            .status,
        400
    );
}

#[test]
fn vectors_of_the_models_own_length_are_given_to_who_asks_for_them() {
    let place = Place::with(&FIVE);
    let server = Server::start(&place.library(), &[]);
    let ask = |normalize: bool| {
        let inputs = ["graphs for recommendation", "speech"];
        let answer = server.post("/embed", &json!({"inputs": inputs, "normalize": normalize}));
        serde_json::from_value::<Vec<Vec<f64>>>(answer.json(200)).expect("vectors")
    };
    let length = |row: &[f64]| row.iter().map(|x| x * x).sum::<f64>().sqrt();
    for (raw, unit) in ask(false).iter().zip(ask(true)) {
        let (of_raw, of_unit) = (length(raw), length(&unit));
        assert!(
            (of_unit - 1.0).abs() < 1e-5 && (of_raw - 1.0).abs() > 1e-2,
            "{of_raw}"
        );
        let apart = raw.iter().zip(unit).map(|(a, b)| (a / of_raw - b).abs());
        assert!(apart.fold(0.0, f64::max) < 1e-5);
    }
    // Asked for at once, neither is given the other's.
    std::thread::scope(|scope| {
        let each = [true, false].map(|unit| scope.spawn(move || (unit, ask(unit))));
        for one in each {
            let (unit, rows) = one.join().expect("vectors");
            let is_unit = |row: &Vec<f64>| (length(row) - 1.0).abs() < 1e-5;
            assert!(rows.iter().all(|row| is_unit(row) == unit));
        }
    });
}

#[test]
fn papers_are_listed_added_changed_and_removed() {
    let place = Place::with(&FIVE);
    let server = Server::start(&place.library(), &[]);
    let list = server.get("/api/papers?offset=1&limit=2").json(200);
    assert_eq!((&list["total"], &list["offset"]), (&json!(5), &json!(1)));
    assert_eq!(list["papers"][0]["id"], "a2");
    assert_eq!(list["papers"].as_array().map(Vec::len), Some(2));
    server
        .get("/api/papers?author=nobody")
        .fails(404, "unknown_author");
    let new = json!({"papers": [
        {"id": "10.1/x y", "title": "Graphs of graphs", "year": 2021, "venue": "J. of X", "authors": ["Ada L."]},
        {"id": "a1", "title": FIVE[0].1, "abstract": FIVE[0].2},
        {"id": "nothing"},
    ]});
    let added = server.post("/api/papers", &new).json(200);
    assert_eq!(
        (&added["added"], &added["unchanged"]),
        (&json!(1), &json!(1))
    );
    assert_eq!(added["papers"], 6);
    assert_eq!(added["left_out"][0]["index"], 2);
    let one = server.get("/api/papers/10.1%2Fx%20y").json(200);
    assert_eq!(
        (&one["year"], &one["authors"]),
        (&json!(2021), &json!(["Ada L."]))
    );
    assert_eq!(one.get("abstract"), None);
    let found = server
        .get("/api/papers?from_year=2020&author=ada&venue=j.")
        .json(200);
    assert_eq!(found["papers"][0]["id"], "10.1/x y");
    let csv = server.post(
        "/api/export",
        &json!({"format": "csv", "ids": ["c1", "10.1/x y"]}),
    );
    assert_eq!(csv.header("content-type"), Some("text/csv; charset=utf-8"));
    assert!(
        csv.body
            .lines()
            .nth(2)
            .is_some_and(|line| line.contains("Graphs of graphs"))
    );
    let bibtex = server.post(
        "/api/export",
        &json!({"format": "bibtex", "ids": ["10.1/x y"]}),
    );
    assert!(
        bibtex.body.starts_with("@article{10.1/x_y,"),
        "{}",
        bibtex.body
    );
    let lost = server.post("/api/export", &json!({"format": "jsonl", "ids": ["c2"]}));
    lost.fails(404, "unknown_paper");
    let gone = server
        .ask(("DELETE", "/api/papers/10.1%2Fx%20y"), &[], "")
        .json(200);
    assert_eq!(
        (&gone["removed"], &gone["papers"]),
        (&json!(["10.1/x y"]), &json!(5))
    );
    server
        .ask(("DELETE", "/api/papers/10.1%2Fx%20y"), &[], "")
        .fails(404, "unknown_paper");
    server
        .get("/api/papers/10.1%2Fx%20y")
        .fails(404, "unknown_paper");
    assert!(place.run(&["check"]).ok().contains("5 papers, 5 vectors"));
}

#[test]
fn related_papers_are_those_of_the_command_line() {
    let place = Place::with(&FIVE);
    place.run(&["topics", "-k", "2"]).ok();
    let server = Server::start(&place.library(), &[]);
    let told = place.run(&["related", "a1", "--explain", "--json"]).json();
    let asked = json!({"like": [{"id": "a1"}], "explain": true});
    let answer = server.post("/api/related", &asked).json(200);
    for (hit, told) in answer["hits"]
        .as_array()
        .expect("hits")
        .iter()
        .zip(told["hits"].as_array().expect("hits"))
    {
        assert_eq!(
            (&hit["paper"]["id"], &hit["score"]),
            (&told["id"], &told["score"])
        );
        assert_eq!(hit["paper"]["topic"]["name"], told["topic"]);
        assert_eq!(hit["why"]["sentences"], told["sentences"]);
        let share = told["closer_than"].as_f64().expect("a share");
        assert_eq!(hit["why"]["percentile"].as_f64(), Some(100.0 * share));
    }
    assert_eq!(answer["like"][0]["title"], FIVE[0].1);
    let short = server
        .get("/api/papers/a1/related?limit=2&mode=semantic&diverse=true")
        .json(200);
    assert_eq!((ids(&short).len(), &short["mode"]), (2, &json!("semantic")));
    let told = place.run(&[
        "related",
        "a1",
        "--mode",
        "semantic",
        "--all-versions",
        "-k",
        "3",
        "--json",
    ]);
    let near = server.get("/api/papers/a1/neighbours?limit=3").json(200);
    let told = told.json();
    assert_eq!(ids(&near).len(), 3);
    for (hit, told) in near["hits"]
        .as_array()
        .expect("hits")
        .iter()
        .zip(told["hits"].as_array().expect("hits"))
    {
        assert_eq!(
            (&hit["paper"]["id"], &hit["score"]),
            (&told["id"], &told["score"])
        );
    }
    let steered = json!({
        "like": [{"text": "language models for code"}, {"topic": "0"}], "unlike": [{"id": "b1"}],
        "filter": {"topic": ["0"]}, "mode": "hybrid", "limit": 3
    });
    let steered = server.post("/api/related", &steered).json(200);
    assert!(!ids(&steered).contains(&"b1"), "{steered}");
    assert_eq!(steered["unlike"][0]["id"], "b1");
}

#[test]
fn topics_the_map_and_counts_over_time_are_served() {
    let place = Place::with(&FIVE);
    let server = Server::start(&place.library(), &[]);
    assert_eq!(server.get("/api/topics").json(200)["state"], "none");
    server.get("/api/topics/0").fails(409, "no_topics");
    server.get("/api/over-time").fails(409, "no_topics");
    let made = server.post("/api/topics", &json!({"k": 2})).json(200);
    assert_eq!(made["topics"].as_array().map(Vec::len), Some(2));
    assert_eq!(
        server.get("/api/topics").json(200)["topics"],
        made["topics"]
    );
    server
        .post("/api/topics", &json!({"k": 6, "fresh": true}))
        .fails(409, "too_many_topics");
    let one = server.get("/api/topics/0?limit=1").json(200);
    assert_eq!(one["name"], made["topics"][0]["name"]);
    assert_eq!(one["papers"].as_array().map(Vec::len), Some(1));
    assert_eq!(one["papers"][0]["topic"]["id"], 0);
    server.get("/api/topics/7").fails(404, "unknown_topic");
    server.get("/api/topics/x").fails(404, "unknown_topic");
    server
        .post(
            "/api/papers",
            &json!({"papers": [{"id": "d1", "title": "Dated", "date": "2020-02-01"}]}),
        )
        .json(200);
    assert_eq!(server.get("/api/topics").json(200)["state"], "stale");
    server.post("/api/topics", &json!({})).json(200);
    let over_time = server.get("/api/over-time?period=month").json(200);
    assert_eq!(
        (&over_time["periods"], &over_time["undated"]),
        (&json!(["2020-02"]), &json!(5))
    );
    let map = server.get("/api/map").json(200);
    assert_eq!(map["ids"].as_array().map(Vec::len), Some(6));
    assert_eq!(map["ids"][5], "d1");
    assert_eq!(map["topic_of"].as_array().map(Vec::len), Some(6));
    assert_eq!(map["topics"][0]["name"], made["topics"][0]["name"]);
    let stats = server.get("/api/stats").json(200);
    assert_eq!(
        (&stats["papers"], &stats["topics"], &stats["n_topics"]),
        (&json!(6), &json!("current"), &json!(2))
    );
    assert_eq!(
        (&stats["without_vector"], stats.get("reembed")),
        (&json!(0), None)
    );
}

#[test]
fn the_document_names_every_address_and_the_page_of_it_asks_nobody_else() {
    let place = Place::with(&FIVE);
    let server = Server::start(&place.library(), &[]);
    let document = server.get("/openapi.json").json(200);
    let paths = document["paths"].as_object().expect("paths");
    for (path, item) in paths {
        let path = path.replace("{id}", "0");
        for method in ["get", "post", "delete", "put"] {
            let answer = server.ask((&method.to_uppercase(), &path), &[], "");
            let known = item.get(method).map(|of| &of["responses"]);
            let Some(known) = known else {
                assert_eq!(answer.status, 405, "{method} {path}");
                continue;
            };
            let status = answer.status.to_string();
            assert!(
                known.get(&status).is_some(),
                "{method} {path}: {status} is not in the document"
            );
        }
    }
    assert_eq!(paths.len(), 23);
    let page = server.get("/docs").body;
    assert!(page.contains("/api/related") && page.contains("RelatedBody"));
    assert!(!page.contains("<script") && !page.contains("http://") && !page.contains("https://"));
}

#[test]
fn requests_in_hand_are_finished_when_it_is_asked_to_end() {
    let place = Place::with(&FIVE);
    let server = Server::start(&place.library(), &[]);
    let papers: Vec<Value> = (0..300)
        .map(|n| json!({"id": format!("n{n}"), "title": format!("Paper number {n}"), "abstract": FIVE[0].2.repeat(20)}))
        .collect();
    let answer = std::thread::scope(|scope| {
        let adding = scope.spawn(|| server.post("/api/papers", &json!({ "papers": papers })));
        std::thread::sleep(std::time::Duration::from_millis(300));
        server.terminate();
        adding.join().expect("an answer")
    });
    assert_eq!(answer.json(200)["added"], 300);
    let (status, log) = server.end();
    assert!(
        status.success() && log.contains("stopping"),
        "{status}\n{log}"
    );
    assert!(
        place
            .run(&["check"])
            .ok()
            .contains("305 papers, 305 vectors")
    );
}
