//! `syntopic map`, its page in a real Chromium, and the exports of topics.

mod browser;
mod run;

use browser::Page;
use run::{FIVE, Place};
use serde_json::{Value, json};

/// Titles that would break a page that took them for HTML.
const ODD: [(&str, &str, &str); 4] = [
    (
        "o1",
        "</script><script>document.title = 'broken'</script>",
        "A title that is no script.",
    ),
    (
        "o2",
        "\"Quotes\" & 'others' <b>in bold</b>",
        "A title with quotes.",
    ),
    (
        "o3",
        "Schrödingers Katze: 貓 and letters",
        "A title of many alphabets.",
    ),
    ("o4", "Graphs {{data}} {{script}}", "A title with braces."),
];

/// A map of some papers, written by the binary.
fn map_of(papers: &[(&str, &str, &str)], place: &Place, name: &str) -> std::path::PathBuf {
    let path = place.path(name);
    let told = place
        .run(&["map", "--json", "--out", &path.display().to_string()])
        .json();
    assert_eq!(told["papers"], papers.len());
    assert_eq!(
        told["bytes"].as_u64(),
        Some(std::fs::metadata(&path).expect("a file").len())
    );
    path
}

fn all() -> Vec<(&'static str, &'static str, &'static str)> {
    FIVE.into_iter().chain(ODD).collect()
}

/// Where a paper is on the screen.
fn at(page: &mut Page, id: &str) -> [f64; 2] {
    let at = page.value(&format!("syntopic.at({})", json!(id)));
    [0, 1].map(|axis| at[axis].as_f64().expect("a place"))
}

#[test]
fn a_click_opens_the_paper_and_its_related_papers() {
    let papers = all();
    let place = Place::with(&papers);
    let path = map_of(&papers, &place, "map.html");
    let Some(mut page) = Page::open(&path, 1280, 800) else {
        println!("skipped: no Chromium was found, so the map's page was not opened");
        return;
    };
    for (id, title, text) in &papers {
        let here = at(&mut page, id);
        page.point(here);
        page.wait("!document.getElementById('tip').hidden");
        let said = page.value("document.querySelector('#tip div').textContent");
        assert_eq!(said, json!(title));
        page.click(here);
        page.wait("!document.getElementById('paper').hidden");
        let panel = page.value("document.getElementById('paper').textContent");
        let panel = panel.as_str().expect("text");
        assert!(panel.contains(text) && panel.contains(id), "{panel}");
        let related = page.value("document.querySelectorAll('#related button').length");
        assert_eq!(related, papers.len() - 1);
        page.press("Escape");
        page.wait("document.getElementById('paper').hidden");
    }
    // The first related paper opens by its button, and is the one that `related` names.
    let here = at(&mut page, "a1");
    page.click(here);
    page.value("document.querySelector('#related button').click()");
    let expected = place
        .run(&["related", "a1", "-k", "1", "--mode", "semantic", "--json"])
        .json();
    let opened = page.value("document.querySelector('#paper h2').textContent");
    assert_eq!(opened, expected["hits"][0]["title"]);
    assert_ne!(page.value("document.title"), json!("broken"));
    assert_eq!(
        page.complaints(),
        Vec::<String>::new(),
        "no errors, nothing fetched"
    );
}

#[test]
fn search_topics_keys_and_a_narrow_window_work() {
    let papers = all();
    let place = Place::with(&papers);
    place.run(&["topics", "-k", "3", "--json"]).ok();
    let path = map_of(&papers, &place, "map.html");
    let Some(mut page) = Page::open(&path, 390, 844) else {
        println!("skipped: no Chromium was found, so the map's page was not opened");
        return;
    };
    assert_eq!(
        page.value("document.documentElement.scrollWidth"),
        json!(390),
        "nothing is beyond the edge"
    );
    assert_eq!(page.value("syntopic.shown()"), json!(9));
    page.value("document.querySelector('#topics input').click()");
    let without = page.value("syntopic.shown()").as_u64().expect("a number");
    assert!(without < 9, "{without}");
    page.value("document.getElementById('every').click()");
    assert_eq!(page.value("syntopic.shown()"), json!(9));

    page.press("/");
    page.wait("document.activeElement.id === 'search'");
    page.call("Input.insertText", json!({ "text": "SCHRODINGERS katze" }));
    page.wait("document.querySelectorAll('#found button').length === 1");
    assert_eq!(page.value("syntopic.shown()"), json!(1));
    page.press("Enter");
    page.wait("!document.getElementById('paper').hidden");
    let title = page.value("document.querySelector('#paper h2').textContent");
    assert!(
        title
            .as_str()
            .is_some_and(|title| title.starts_with("Schrödingers Katze: 貓")),
        "{title}"
    );

    let theme = "document.documentElement.dataset.theme";
    let before = page.value(theme);
    page.value("document.getElementById('theme').click()");
    assert_ne!(page.value(theme), before);
    let here = at(&mut page, "a1");
    page.value("document.getElementById('map').focus()");
    page.press("ArrowLeft");
    assert_ne!(at(&mut page, "a1"), here);
    assert_eq!(page.complaints(), Vec::<String>::new());
}

#[test]
fn a_few_papers_and_papers_that_are_alike_have_a_map() {
    for n in 1..=3 {
        let place = Place::with(&FIVE[..n]);
        for name in ["map.html", "map.svg", "map.png"] {
            map_of(&FIVE[..n], &place, name);
        }
    }
    let alike: Vec<_> = ["a", "b", "c", "d", "e", "f"]
        .map(|id| (id, "One title", "One abstract."))
        .into();
    let place = Place::with(&alike);
    let path = map_of(&alike, &place, "map.html");
    let Some(mut page) = Page::open(&path, 800, 600) else {
        println!("skipped: no Chromium was found, so the map's page was not opened");
        return;
    };
    let places: Vec<[f64; 2]> = alike.iter().map(|(id, _, _)| at(&mut page, id)).collect();
    for (i, a) in places.iter().enumerate() {
        assert!(places[..i].iter().all(|b| a != b), "{places:?}");
    }
    assert_eq!(page.complaints(), Vec::<String>::new());
}

#[test]
fn the_map_does_not_depend_on_the_order_of_input_or_on_threads() {
    let (mut backwards, papers) = (all(), all());
    backwards.reverse();
    let maps = [papers, backwards].map(|papers| {
        let place = Place::with(&papers);
        let path = place.path("m.html");
        let mut command = run::command(&place.library());
        let threads = if papers[0].0 == "a1" { "1" } else { "2" };
        command
            .env("RAYON_NUM_THREADS", threads)
            .args(["map", "--quiet", "--out"])
            .arg(&path);
        assert!(command.status().expect("it runs").success());
        std::fs::read(path).expect("a file")
    });
    assert!(maps[0] == maps[1]);
}

#[test]
fn the_layout_of_many_papers_is_kept_and_a_damaged_one_is_named_and_made_again() {
    let place = Place::new();
    let lines = (0..2_000).map(|i| {
        let subject = ["graphs", "images", "proteins", "markets", "code"][i % 5];
        format!("{{\"id\":\"p{i}\",\"title\":\"On {subject} {}\"}}\n", i / 5)
    });
    let file = place.file("many.jsonl", lines.collect::<String>().as_bytes());
    let file = file.display().to_string();
    place.run(&["add", &file, "--model", "embedded"]).ok();
    let map = |name: &str| {
        let path = place.path(name);
        let out = path.display().to_string();
        let ran = place.run(&["map", "--no-topics", "--out", &out]);
        ran.ok();
        (std::fs::read(path).expect("a file"), ran.err)
    };
    let kept = place.library().join("map.bin");
    let (first, _) = map("first.html");
    let whole = std::fs::read(&kept).expect("a layout");
    let (again, _) = map("again.html");
    assert!(first == again, "the same page of the layout that was kept");
    place.run(&["check"]).ok();

    let mut broken = whole.clone();
    broken[1_000] ^= 1;
    std::fs::write(&kept, &broken).expect("a file");
    let checked = place.run(&["check"]);
    assert_eq!(checked.code, 7);
    let told = checked.out + &checked.err;
    assert!(told.contains("map.bin: its bytes"), "{told}");
    let (again, told) = map("once-more.html");
    assert!(told.contains("map.bin is made again"), "{told}");
    assert!(again == first && std::fs::read(&kept).expect("a layout") == whole);

    std::fs::write(&kept, &whole[..100]).expect("a file");
    let repaired = place.run(&["repair"]);
    assert!(repaired.ok().contains("map.bin"), "{}", repaired.out);
    place.run(&["check"]).ok();
    assert!(!kept.exists() && map("last.html").0 == first);
}

#[test]
fn what_cannot_be_drawn_is_said_before_any_work() {
    let place = Place::new();
    place
        .run(&["map", "--out", "m.gif"])
        .fails(1, &["m.gif", ".html, .svg or .png"]);
    place.run(&["map"]).fails(2, &["--out"]);
    place
        .run(&["map", "--out", "m.html"])
        .fails(4, &["there is no library"]);
    let five = Place::with(&FIVE);
    five.run(&["map", "--out", "/nowhere/at/all/m.html"])
        .fails(1, &["/nowhere/at/all/m.html"]);
    five.run(&["map", "--out", "m.html", "--exaggeration", "0"])
        .fails(2, &["exaggeration is 0", "between 1 and 100"]);
}

#[test]
fn topics_are_exported() {
    let place = Place::with(&FIVE);
    let [csv, json_file, folder] = ["t.csv", "t.json", "bib"].map(|name| place.path(name));
    let text = |path: &std::path::Path| path.display().to_string();
    let run = place.run(&[
        "topics",
        "-k",
        "2",
        "--csv",
        "--export",
        &text(&csv),
        "--bibtex",
        &text(&folder),
    ]);
    assert_eq!(std::fs::read_to_string(&csv).expect("a file"), run.ok());
    let report = place
        .run(&["topics", "-k", "2", "--json", "--export", &text(&json_file)])
        .json();
    let written: Value =
        serde_json::from_slice(&std::fs::read(&json_file).expect("a file")).expect("JSON");
    assert_eq!(written, report);
    let mut entries = Vec::new();
    for file in std::fs::read_dir(&folder).expect("a folder") {
        let file = file.expect("an entry");
        let name = file.file_name().to_string_lossy().into_owned();
        assert!(name.starts_with("00") && name.ends_with(".bib"), "{name}");
        let text = std::fs::read_to_string(file.path()).expect("text");
        entries.extend(
            text.lines()
                .filter(|line| line.starts_with('@'))
                .map(str::to_owned),
        );
    }
    entries.sort();
    assert_eq!(
        entries,
        ["a1", "a2", "b1", "b2", "c1"].map(|id| format!("@misc{{{id},"))
    );
    place
        .run(&["topics", "--export", "t.xls"])
        .fails(2, &[".csv or .json"]);
}
