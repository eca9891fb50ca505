//! Vectors kept in fewer bytes: the library says what that costs, answers by what is stored, and never mixes two kinds.

mod run;

use run::{FIVE, Place, line};

#[test]
fn a_library_keeps_its_vectors_as_was_asked() {
    for (storage, bytes) in [("f32", 4), ("f16", 2), ("int8", 1)] {
        let place = Place::new();
        let papers = FIVE
            .map(|(id, title, text)| line(id, title, text))
            .join("\n");
        let file = place.file("five.jsonl", papers.as_bytes());
        let added = place.add(&file, &["--store", storage]);
        assert_eq!(added.code, 0, "{}", added.err);
        let db =
            rusqlite::Connection::open(place.library().join("library.db")).expect("a database");
        let stored: i64 = db
            .query_row("SELECT max(length(vector)) FROM vectors", [], |row| {
                row.get(0)
            })
            .expect("a length");
        let info = place.run(&["info", "--json"]).json();
        let dim = info["dim"].as_i64().expect("a dimension");
        assert_eq!((stored, &info["storage"]), (dim * bytes, &storage.into()));
        let loss = &info["storage_loss"];
        if storage == "f32" {
            assert!(loss.is_null(), "{loss}");
        } else {
            assert_eq!(loss["vectors"], 5);
            assert!(
                loss["min_cosine"]
                    .as_f64()
                    .is_some_and(|c| c > 0.999 && c <= 1.0),
                "{loss}"
            );
            assert!(
                loss["recall_at_10"].as_f64().is_some_and(|r| r > 0.5),
                "{loss}"
            );
            assert!(
                place
                    .run(&["info"])
                    .out
                    .contains("of the 10 nearest the same")
            );
        }
        let related = place.run(&["related", FIVE[0].0, "--json"]).json();
        assert_eq!(
            related["hits"].as_array().map(Vec::len),
            Some(4),
            "{related}"
        );
        assert_eq!(place.run(&["check", "--recall"]).code, 0);
        // More papers go in the same way, whether it is said again or not.
        let more = place.file("more.jsonl", line("m", "More", "Of graphs.").as_bytes());
        assert_eq!(place.add(&more, &[]).code, 0);
        let kinds: i64 = db
            .query_row(
                "SELECT count(DISTINCT length(vector)) FROM vectors",
                [],
                |row| row.get(0),
            )
            .expect("a count");
        assert_eq!(kinds, 1);
        let other = if storage == "f32" { "int8" } else { "f32" };
        place
            .add(&more, &["--store", other])
            .fails(2, &["keeps its vectors as", storage, "--library"]);
        // A vector of another length is damage.
        db.execute(
            "UPDATE vectors SET vector = zeroblob(3) WHERE paper = 1",
            [],
        )
        .expect("updated");
        place.run(&["related", FIVE[1].0]).fails(5, &["3 bytes"]);
        assert_eq!(place.run(&["check"]).code, 7);
    }
    let place = Place::new();
    let file = place.file("x.jsonl", line("x", "X", "Y.").as_bytes());
    place
        .add(&file, &["--store", "f64"])
        .fails(2, &["f32, f16, int8"]);
}
