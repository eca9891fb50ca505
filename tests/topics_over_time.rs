//! `syntopic topics --over-time`.

mod run;

use run::Place;
use serde_json::json;

/// A library of four papers: two with a date, one with a year, one with neither.
fn place() -> Place {
    let place = Place::new();
    let papers = [
        json!({"id": "a", "title": "Graphs", "abstract": "Graphs of atoms.", "date": "2023-11-02"}),
        json!({"id": "b", "title": "Trees", "abstract": "Trees of words.", "date": "2024-01"}),
        json!({"id": "c", "title": "Maps", "abstract": "Maps of seas.", "year": 2024}),
        json!({"id": "d", "title": "Birds", "abstract": "Birds of prey."}),
    ];
    let lines: String = papers.iter().map(|paper| format!("{paper}\n")).collect();
    let file = place.file("papers.jsonl", lines.as_bytes());
    let file = file.display().to_string();
    place.run(&["add", &file, "--model", "embedded"]).ok();
    place
}

#[test]
fn papers_are_counted_a_year_and_a_month_and_what_has_no_date_is_told() {
    let place = place();
    let years = place
        .run(&["topics", "-k", "1", "--over-time", "--json"])
        .json();
    assert_eq!(years["periods"], json!(["2023", "2024"]));
    assert_eq!(years["totals"], json!([1, 2]));
    assert_eq!((&years["dated"], &years["undated"]), (&json!(3), &json!(1)));
    assert_eq!(years["topics"][0]["direction"], "steady");
    let months = place
        .run(&["topics", "-k", "2", "--over-time", "month", "--json"])
        .json();
    assert_eq!(months["periods"], json!(["2023-11", "2023-12", "2024-01"]));
    assert_eq!(months["totals"], json!([1, 0, 1]));
    assert_eq!(months["without_month"], 1);
    let text = place.run(&["topics", "-k", "1", "--over-time"]);
    let text = text.ok();
    assert!(
        text.contains("3 of 4 papers have a date, from 2023 to 2024"),
        "{text}"
    );
    assert!(
        text.contains("not counted: 1 paper without a date"),
        "{text}"
    );
    let csv = place.run(&["topics", "-k", "1", "--over-time", "--csv"]);
    let lines: Vec<&str> = csv.ok().lines().collect();
    assert_eq!(lines[0], "period,topic,name,papers,of,share");
    assert!(
        lines[2].starts_with("2024,0,") && lines[2].ends_with(",2,2,1.000000"),
        "{lines:?}"
    );
    place
        .run(&["topics", "--over-time", "week"])
        .fails(2, &["week", "year or month"]);
}
