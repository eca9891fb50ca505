//! `--device` as a user gives it, in a build without CUDA: the CPU runs, a GPU is refused before anything is fetched, read or
//! made, and the message says how to have one.
#![cfg(not(feature = "cuda"))]

mod run;

use run::{Place, line, tiny_model};

#[test]
fn a_gpu_is_refused_by_every_verb_that_embeds_with_the_way_to_have_one() {
    let place = Place::with(&[("a", "Graphs", "A graph."), ("b", "Trees", "A tree.")]);
    let text = line("c", "Forests", "Many trees.");
    let file = place.file("more.jsonl", text.as_bytes());
    let (file, out) = (file.display().to_string(), place.path("model"));
    let out = out.display().to_string();
    let changes = |place: &Place| place.run(&["info", "--json"]).json()["generation"].clone();
    let before = changes(&place);
    for verb in [
        &["add", &file][..],
        &["related", "--text", "graphs"],
        &["bench", "embed", &file],
        &["bench", "embed", &file, "--compare"],
        &["bench", "embed", "--cold"],
        &["distill", &file, "--out", &out],
    ] {
        let ran = place.run(&[verb, &["--device", "cuda:1"]].concat());
        ran.fails(
            2,
            &[
                "built without CUDA",
                "cuda:1",
                "cargo build --release --features cuda",
            ],
        );
    }
    assert_eq!(changes(&place), before);
    assert!(!std::path::Path::new(&out).exists());
}

#[test]
fn a_device_that_is_none_and_a_mode_of_another_are_refused_by_name() {
    let place = Place::new();
    let model = tiny_model();
    for wrong in ["gpu", "cuda:x", "cpu:1"] {
        place
            .run(&["bench", "embed", "--device", wrong])
            .fails(2, &["unknown device", "cuda:N"]);
    }
    place
        .run(&["bench", "embed", "--model", &model, "--mode", "f16"])
        .fails(2, &["mode f16 does not run on cpu", "expected one of auto"]);
    let ran = place.run(&[
        "bench", "embed", "--model", &model, "--device", "cpu", "--json",
    ]);
    assert_eq!(ran.json()["device"], "cpu");
}
