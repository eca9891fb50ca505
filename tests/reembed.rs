//! Another model for a library: the old vectors serve until the new ones are complete.

mod run;

use run::{FIVE, Place, line, tiny_model};

fn many(n: usize) -> String {
    let lines = (0..n).map(|i| {
        let (a, b) = (
            ["graphs", "images", "speech"][i % 3],
            ["learning", "search"][i % 2],
        );
        line(
            &format!("p{i}"),
            &format!("On {a} {i}"),
            &format!("We study {b} of {a}, case {i}."),
        )
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn another_model_takes_the_place_of_the_first() {
    let place = Place::with(&FIVE);
    place.run(&["topics", "-k", "2"]).ok();
    place.run(&["topics", "--rename", "0=Mine"]).ok();
    place.run(&["reembed"]).fails(2, &["reembed --model NAME"]);
    place
        .run(&["reembed", "--model", &tiny_model()])
        .fails(2, &["already"]);
    let done = place.run(&["reembed", "--model", "embedded"]);
    assert!(done.ok().contains("5 papers embedded"), "{}", done.out);
    let info = place.run(&["info", "--json"]).json();
    assert_eq!((&info["vectors"], &info["titles"]), (&5.into(), &5.into()));
    assert_ne!(info["dim"], 64);
    place.run(&["check", "--recall"]).ok();
    // As a library that was made with that model.
    let other = Place::new();
    let lines: Vec<String> = FIVE
        .iter()
        .map(|(id, title, text)| line(id, title, text))
        .collect();
    let file = other
        .file("five.jsonl", lines.join("\n").as_bytes())
        .display()
        .to_string();
    other.run(&["add", &file, "--model", "embedded"]).ok();
    let hits = |place: &Place| place.run(&["related", "a1", "--json"]).json()["hits"].take();
    let cosines = |place: &Place| {
        let hits = hits(place);
        let hits = hits.as_array().expect("hits").iter();
        hits.map(|hit| (hit["id"].clone(), hit["score"].clone()))
            .collect::<Vec<_>>()
    };
    assert_eq!(cosines(&place), cosines(&other));
    let topics = place.run(&["topics", "--json"]).json();
    assert!(
        topics["topics"].to_string().contains("\"Mine\""),
        "names stay: {topics}"
    );
    // The first model is another one now.
    place
        .run(&["related", "--text", "x", "--model", &tiny_model()])
        .fails(2, &["vectors of two models"]);
}

#[test]
fn the_same_model_may_keep_its_vectors_otherwise() {
    let place = Place::with(&FIVE);
    place
        .run(&["reembed", "--store", "f32"])
        .fails(2, &["already"]);
    place.run(&["reembed", "--store", "int8"]).ok();
    assert_eq!(place.run(&["info", "--json"]).json()["storage"], "int8");
    place.run(&["check"]).ok();
}

#[cfg(unix)]
#[test]
fn an_interrupted_change_is_told_of_gone_on_with_or_given_up() {
    let place = Place::new();
    let file = place
        .file("many.jsonl", many(20_000).as_bytes())
        .display()
        .to_string();
    place.run(&["add", &file, "--model", "embedded"]).ok();
    let before = place.run(&["related", "p7", "--json"]).json();
    let child = run::command(&place.library())
        .args(["reembed", "--model", &tiny_model()])
        .stderr(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .expect("the binary runs");
    let state = || place.run(&["info", "--json"]).json()["reembed"].take();
    while state()["done"].as_u64().unwrap_or(0) == 0 {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    let busy = place.run(&["embed"]);
    busy.fails(8, &["another process is at work", "reembed", "--wait"]);
    let killed = std::process::Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status();
    assert!(killed.expect("kill runs").success());
    let output = child.wait_with_output().expect("it ends");
    let err = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(130), "{err}");
    assert!(err.contains("run the same command to go on"), "{err}");
    let done = state()["done"].as_u64().expect("under way");
    assert!((1..20_000).contains(&done), "{done}");
    assert!(
        place
            .run(&["info"])
            .ok()
            .contains("`syntopic reembed` goes on")
    );
    assert_eq!(
        place.run(&["related", "p7", "--json"]).json()["hits"],
        before["hits"],
        "the old vectors serve"
    );
    place.run(&["check"]).ok();
    // Papers go, change and come meanwhile.
    place.run(&["remove", "p0"]).ok();
    let changed = place.file("changed.jsonl", line("p1", "Another", "Text.").as_bytes());
    place.run(&["add", &changed.display().to_string()]).ok();
    assert!(
        place
            .run(&["reembed", "--give-up"])
            .ok()
            .contains("given up")
    );
    assert!(state().is_null());
    place.run(&["check"]).ok();
    assert!(
        place
            .run(&["reembed", "--give-up"])
            .ok()
            .contains("nothing to give up")
    );
}
