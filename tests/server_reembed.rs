//! A server whose library another process embeds anew with another model: it goes over to that model, and never mixes the two.

mod run;
mod serving;

use run::{FIVE, Place, tiny_model};
use serde_json::{Value, json};
use serving::Server;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

fn embedding(server: &Server, text: &str) -> Vec<f64> {
    let answer = server.post("/embed", &json!({ "inputs": text })).json(200);
    let row = answer[0].as_array().expect("a vector").iter();
    row.map(|x| x.as_f64().expect("a number")).collect()
}

fn hits(answer: &Value) -> Vec<(Value, Value)> {
    let hits = answer["hits"].as_array().expect("hits").iter();
    hits.map(|hit| {
        let id = hit.get("id").unwrap_or(&hit["paper"]["id"]);
        (id.clone(), hit["score"].clone())
    })
    .collect()
}

#[test]
fn the_other_model_is_used_as_soon_as_the_library_has_it() {
    let place = Place::with(&FIVE);
    place.run(&["topics", "-k", "2"]).ok();
    let server = Server::start(&place.library(), &[]);
    let before = server.get("/info").json(200);
    let text = "graphs for recommendation";
    let of_text = json!({"like": [{ "text": text }]});
    assert_eq!(embedding(&server, text).len(), 64);
    server.post("/api/related", &of_text).json(200);
    server.get("/api/map").json(200);

    // Asked all the while: every answer is of one model or of the other.
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let asking = scope.spawn(|| {
            let (mut n, mut seen) = (0, Vec::new());
            // At least once when it is done: until then all answers may be of the old model.
            let mut after = false;
            while !after || n < 20 {
                after = done.load(Ordering::Acquire);
                let answer = server.post("/api/related", &of_text).json(200);
                let found = hits(&answer);
                if seen.last() != Some(&found) {
                    seen.push(found);
                }
                let row = embedding(&server, text);
                let length: f64 = row.iter().map(|x| x * x).sum();
                assert!((length - 1.0).abs() < 1e-3);
                n += 1;
            }
            seen
        });
        place.run(&["reembed", "--model", "embedded"]).ok();
        done.store(true, Ordering::Release);
        let seen = asking.join().expect("answers");
        assert_eq!(
            seen.len(),
            2,
            "the answers of two models, one after the other"
        );
        let told = place.run(&["related", "--text", text, "--json"]).json();
        assert_eq!(seen[1], hits(&told), "as a process that begins now has it");
    });

    let info = server.get("/info").json(200);
    assert_ne!(info["model_id"], before["model_id"]);
    let stats = server.get("/api/stats").json(200);
    let told = place.run(&["info", "--json"]).json();
    assert_eq!(
        (&stats["model"], &stats["dim"]),
        (&told["model"], &told["dim"])
    );
    assert_eq!(
        Some(embedding(&server, text).len()),
        told["dim"].as_u64().map(|n| n as usize)
    );
    assert_eq!(
        server.get("/v1/models").json(200)["data"][0]["id"],
        told["model"]
    );
    let asked = json!({"model": before["model_id"], "input": "x"});
    assert_eq!(server.post("/v1/embeddings", &asked).status, 404);
    // It can add papers, with the new model.
    let new = json!({"papers": [{"id": "d1", "title": "Graphs", "abstract": "Graphs of graphs."}]});
    assert_eq!(server.post("/api/papers", &new).json(200)["papers"], 6);
    assert!(place.run(&["check"]).ok().contains("6 papers, 6 vectors"));
    let (status, log) = server.end();
    assert!(
        status.success() && log.contains("embedded anew"),
        "{status}\n{log}"
    );
}

#[test]
fn a_model_that_cannot_be_loaded_is_a_clear_error_until_it_can() {
    let place = Place::new();
    let lines = FIVE.map(|(id, title, text)| run::line(id, title, text));
    let file = place.file("five.jsonl", lines.join("\n").as_bytes());
    let file = file.display().to_string();
    place.run(&["add", &file, "--model", "embedded"]).ok();
    let server = Server::start(&place.library(), &[]);
    // A copy of a model, which is gone when the server looks for it.
    let (copy, away) = (place.path("model"), place.path("away"));
    std::fs::create_dir(&copy).expect("a folder");
    copy_folder(std::path::Path::new(&tiny_model()), &copy);
    place
        .run(&["reembed", "--model", &copy.display().to_string()])
        .ok();
    std::fs::rename(&copy, &away).expect("it is moved");
    let text = json!({"like": [{"text": "graphs"}]});
    for _ in 0..2 {
        let refused = server.post("/api/related", &text);
        refused.fails(503, "other_model");
        assert!(!refused.body.contains("away") && !refused.body.contains("/model"));
        assert_eq!(refused.header("retry-after"), Some("60"));
        let refused = server.post("/embed", &json!({"inputs": "graphs"}));
        assert_eq!(refused.json(503)["error_type"], "Unhealthy");
    }
    for _ in 0..20 {
        server.post("/api/related", &text).fails(503, "other_model");
    }
    assert_eq!(server.get("/health").status, 200);
    std::fs::rename(&away, &copy).expect("it is back");
    // What could not be loaded is tried again after a while.
    let begun = Instant::now();
    while server.post("/api/related", &text).status == 503 {
        assert!(
            begun.elapsed() < Duration::from_secs(60),
            "it is not tried again"
        );
        std::thread::sleep(Duration::from_millis(200));
    }
    server.post("/api/related", &text).json(200);
    assert_eq!(embedding(&server, "graphs").len(), 64);
    let (_, log) = server.end();
    let tried = log.matches("other model cannot be loaded").count();
    assert!((1..20).contains(&tried), "tried {tried} times:\n{log}");
}

fn copy_folder(from: &std::path::Path, to: &std::path::Path) {
    for entry in std::fs::read_dir(from).expect("a folder") {
        let entry = entry.expect("an entry");
        let target = to.join(entry.file_name());
        if entry.file_type().expect("a type").is_dir() {
            std::fs::create_dir(&target).expect("a folder");
            copy_folder(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).expect("a copy");
        }
    }
}
