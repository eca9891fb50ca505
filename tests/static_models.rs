//! The model inside the binary, and static models that a user makes.

mod run;

use run::{FIVE, Place, line, root, tiny_model};

/// The sample's papers as JSONL.
fn sample() -> String {
    root().join("data/hf-papers.jsonl").display().to_string()
}

#[test]
fn the_model_inside_the_binary_needs_nothing() {
    let place = Place::new();
    let output = run::command(&place.library())
        .args(["add", &sample(), "--model", "embedded", "--json"])
        .env("SYNTOPIC_CACHE", "/dev/null/nowhere")
        .env("HF_HUB_OFFLINE", "1")
        .env("HF_HOME", "/nowhere")
        .output()
        .expect("it runs");
    let err = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(0), "{err}");
    let info = place.run(&["info", "--json"]).json();
    assert_eq!(
        (&info["model"], &info["dim"], &info["papers"]),
        (&"embedded".into(), &240.into(), &65.into())
    );
    let text = "A language model that debugs the code it wrote";
    let related = place
        .run(&["related", "--text", text, "-k", "5", "--json"])
        .json();
    let titles: Vec<String> = (related["hits"].as_array().expect("hits").iter())
        .filter_map(|hit| Some(hit["title"].as_str()?.to_lowercase()))
        .collect();
    let fit = titles
        .iter()
        .filter(|t| t.contains("debug") || t.contains("code"));
    assert!(fit.count() >= 2, "{titles:?}");
    let topics = place.run(&["topics", "--json"]).json();
    assert!(topics["topics"].as_array().is_some_and(|t| t.len() >= 4));
    // A library never mixes it with another.
    place
        .run(&["related", "--text", text, "--model", "all-MiniLM-L6-v2"])
        .fails(2, &["embedded", "cannot be compared"]);
}

#[test]
fn it_is_listed_and_needs_no_fetching() {
    let place = Place::new();
    let listed = place.run(&["models", "--json"]).json();
    let last = listed["models"]
        .as_array()
        .and_then(|m| m.last())
        .expect("models");
    assert_eq!(
        (&last["name"], &last["dim"], &last["default"]),
        (&"embedded".into(), &240.into(), &false.into())
    );
    assert!(
        last["size_bytes"]
            .as_u64()
            .is_some_and(|size| size < 8_000_000)
    );
    let pulled = place.run(&["models", "pull", "embedded"]);
    assert!(pulled.ok().contains("inside the binary"), "{}", pulled.out);
    place.run(&["models", "verify", "embedded"]).ok();
}

#[test]
fn the_demo_goes_on_with_it_where_no_model_can_be_had() {
    let place = Place::new();
    let output = run::command(&place.library())
        .arg("demo")
        .env("SYNTOPIC_CACHE", place.path("empty"))
        .env("HF_HOME", place.path("none"))
        .env_remove("HF_HUB_CACHE")
        .env("HF_HUB_OFFLINE", "1")
        .env("PIP_NO_INDEX", "1")
        .output()
        .expect("it runs");
    let err = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(0), "{err}");
    assert!(
        err.contains("goes on with the model inside the binary"),
        "{err}"
    );
    let out = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        out.contains("65 added") && out.contains("topics of 65 papers"),
        "{out}"
    );
    assert_eq!(place.run(&["info", "--json"]).json()["model"], "embedded");
}

#[test]
fn a_text_without_a_known_word_is_named() {
    let place = Place::new();
    let text = format!(
        "{}\n{}\n",
        line("known", "Graphs", "Of words."),
        line("strange", "\u{10330}\u{10331}", "")
    );
    let file = place.file("p.jsonl", text.as_bytes()).display().to_string();
    let ran = place.run(&["add", &file, "--model", "embedded"]);
    assert!(ran.ok().contains("2 added"), "{}", ran.out);
    assert!(
        ran.err.contains("no word of 1 papers (strange"),
        "{}",
        ran.err
    );
}

#[test]
fn a_static_model_is_made_and_used() {
    let place = Place::new();
    let out = place.path("made");
    let name = out.display().to_string();
    let model = tiny_model();
    let arguments = [
        "distill",
        &sample(),
        "--model",
        &model,
        "--dim",
        "16",
        "--phrases",
        "200",
        "--out",
        &name,
    ];
    let report = place.run(&[&arguments[..], &["--json"]].concat()).json();
    assert_eq!(report["fitted_on"], serde_json::json!([65, 200]));
    let first = std::fs::read(out.join("model.safetensors")).expect("the weights");
    place.run(&arguments).fails(2, &["not empty", "--force"]);
    let arguments = [&arguments[..], &["--force"]].concat();
    assert!(place.run(&arguments).ok().contains("16 dimensions"));
    let again = std::fs::read(out.join("model.safetensors")).expect("the weights");
    assert!(first == again, "the same model again");
    let lines: Vec<String> = FIVE.iter().map(|(id, t, a)| line(id, t, a)).collect();
    let papers = place.file("p.jsonl", lines.join("\n").as_bytes());
    let papers = papers.display().to_string();
    place.run(&["add", &papers, "--model", &name]).ok();
    assert_eq!(place.run(&["info", "--json"]).json()["dim"], 16);
    let hits = place.run(&["related", "a1", "--json"]).json();
    assert_eq!(hits["hits"].as_array().map(Vec::len), Some(4));
    place
        .run(&["bench", "embed", "--model", &name, "--mode", "f32"])
        .fails(1, &["static model", "mode auto"]);
    let wrong = [
        "distill",
        &sample(),
        "--model",
        &model,
        "--dim",
        "0",
        "--out",
        &name,
        "--force",
    ];
    place.run(&wrong).fails(2, &["dim is 0"]);
    let of_static = ["distill", &sample(), "--model", "embedded", "--out", "new"];
    place
        .run(&of_static)
        .fails(2, &["embedded is a static model already"]);
}
