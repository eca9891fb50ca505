//! The page of `syntopic serve` in a real Chromium, at the width of a desk and of a phone.
//!
//! `SYNTOPIC_SCREENSHOTS=FOLDER` keeps what was seen as PNG files; those of the README are made so.
#![allow(clippy::print_stdout, reason = "tests say what they could not do")]

mod browser;
mod run;
mod serving;

use browser::{Page, unbase64};
use run::{Place, root};
use serde_json::json;
use serving::Server;

/// A library of the sample corpus with its topics, served.
fn served() -> (Place, Server) {
    let place = Place::new();
    let sample = root().join("data/hf-papers.jsonl").display().to_string();
    place.run(&["add", &sample, "--model", "embedded"]).ok();
    place.run(&["topics", "-k", "6"]).ok();
    let server = Server::start(&place.library(), &[]);
    (place, server)
}

/// Opens a view; `None`, with a line, where there is no Chromium.
fn open(server: &Server, view: &str, (width, height): (u32, u32)) -> Option<Page> {
    let page = Page::visit(&format!("http://{}/{view}", server.address), width, height);
    if page.is_none() {
        println!("skipped: no Chromium was found, so the page was not opened");
    }
    page
}

const DESK: (u32, u32) = (1280, 900);
const PHONE: (u32, u32) = (390, 800);

/// Keeps what is seen, where a folder is named for it.
fn keep(page: &mut Page, name: &str) {
    let Some(folder) = std::env::var_os("SYNTOPIC_SCREENSHOTS") else {
        return;
    };
    let path = std::path::Path::new(&folder).join(format!("{name}.png"));
    std::fs::write(path, unbase64(&page.picture())).expect("the folder can be written to");
}

/// Where the middle of the first such element is on the screen.
#[track_caller]
fn middle(page: &mut Page, selector: &str) -> [f64; 2] {
    let at = page.value(&format!(
        "(() => {{ const e = document.querySelector({}); e.scrollIntoView({{ block: 'center' }}); const b = e.getClientRects()[0]; \
         return [b.left + b.width / 2, b.top + b.height / 2]; }})()",
        json!(selector)
    ));
    [0, 1].map(|axis| {
        at[axis]
            .as_f64()
            .unwrap_or_else(|| panic!("{selector}: {at}"))
    })
}

#[track_caller]
fn click(page: &mut Page, selector: &str) {
    page.wait(&format!("!!document.querySelector({})", json!(selector)));
    let at = middle(page, selector);
    page.click(at);
}

fn go(page: &mut Page, hash: &str) {
    page.value(&format!("location.hash = {}; 0", json!(hash)));
}

#[track_caller]
fn text_of(page: &mut Page, selector: &str) -> String {
    let text = page.value(&format!(
        "document.querySelector({})?.textContent",
        json!(selector)
    ));
    text.as_str()
        .unwrap_or_else(|| panic!("no {selector}"))
        .to_owned()
}

const EXPLAINED: &str = "document.querySelectorAll('.card .closer').length > 3";

/// What everybody is owed, whatever they use: names for what can be pressed, one heading of the first level, nothing beyond the
/// right edge, no script or address that the page may not have.
#[track_caller]
fn assert_sound(page: &mut Page, view: &str) {
    let nameless = page.value(
        "[...document.querySelectorAll('button, a, input, select, textarea, canvas, svg')].filter(e => \
         !(e.closest('dialog:not([open])')) && !(e.textContent.trim() || e.getAttribute('aria-label') || e.getAttribute('title') || \
         e.closest('label') || e.getAttribute('aria-hidden'))).map(e => e.outerHTML.slice(0, 80))",
    );
    assert_eq!(nameless, json!([]), "{view}");
    assert_eq!(
        page.value("document.querySelectorAll('main h1').length"),
        1,
        "{view}"
    );
    let levels = page.value(
        "[...document.querySelectorAll('main h1, main h2, main h3')].map(e => +e.tagName[1])",
    );
    assert_eq!(levels[0], 1, "{view}: {levels}");
    assert_eq!(
        page.value("document.documentElement.scrollWidth <= innerWidth"),
        true,
        "{view}"
    );
    assert_eq!(page.complaints(), [""; 0], "{view}");
}

#[test]
fn words_find_papers_and_the_list_is_steered_and_shared() {
    let (_place, server) = served();
    let Some(mut page) = open(&server, "", DESK) else {
        return;
    };
    page.wait("document.querySelectorAll('.card').length > 5");
    assert_sound(&mut page, "the first view");
    page.press("/");
    page.wait("document.activeElement.id === 'text'");
    page.type_in(
        "Large language models improve their own answers: the model generates an output, gives itself feedback, and refines the output \
         with that feedback, without any supervised training data or reinforcement learning.",
    );
    page.press("Enter");
    page.wait(EXPLAINED);
    let heading = text_of(&mut page, "h1");
    assert!(
        heading.contains("related to Large language models improve"),
        "{heading}"
    );
    assert!(
        !text_of(&mut page, ".card mark").is_empty(),
        "the sentence that is nearest is marked"
    );
    assert_sound(&mut page, "hits");
    keep(&mut page, "search");
    let ids = "[...document.querySelectorAll('.card')].map(e => e.dataset.id)";
    let before = page.value(ids);

    // By the keys: the second paper, more like it; then less like the first.
    page.value("document.activeElement.blur(); 0");
    page.press("j");
    page.press("j");
    let second = before[1].clone();
    assert_eq!(
        page.value("document.activeElement.closest('.card').dataset.id"),
        second
    );
    page.press("e");
    page.wait("document.activeElement.closest('.card').querySelector('details').open");
    page.press("m");
    page.wait("!!document.querySelector('.chip.like')");
    page.wait(EXPLAINED);
    let address = page.value("location.hash");
    assert!(
        address.as_str().is_some_and(|hash| hash.contains("like=")),
        "{address}"
    );
    assert!(
        !page.value(ids).as_array().expect("ids").contains(&second),
        "what is liked is no hit"
    );
    click(&mut page, "[data-steer=unlike]");
    page.wait("!!document.querySelector('.chip.unlike')");
    page.wait(EXPLAINED);
    let steered = (page.value("location.href"), page.value(ids));
    assert_ne!(steered.1, before);

    // The address alone shows the same.
    let shared = steered.0.as_str().expect("an address");
    let mut other = Page::visit(shared, DESK.0, DESK.1).expect("as before");
    other.wait(EXPLAINED);
    assert_eq!(other.value(ids), steered.1);
    click(&mut other, ".chip.unlike button");
    other.wait("!document.querySelector('.chip.unlike')");

    // What went wrong is told in words.
    go(&mut page, "#/search?text=graphs&author=Nobody");
    page.wait("!!document.querySelector('[role=alert]')");
    let alert = text_of(&mut page, "[role=alert]");
    assert!(alert.contains("\"Nobody\""), "{alert}");
    go(&mut page, "#/paper/none");
    page.wait("document.querySelector('[role=alert]')?.textContent.includes('none')");
}

#[test]
fn a_list_is_saved_in_formats_of_other_tools() {
    let (place, server) = served();
    let Some(mut page) = open(&server, "#/search?text=video+generation", DESK) else {
        return;
    };
    let folder = place.path("saved");
    std::fs::create_dir_all(&folder).expect("a folder");
    page.wait(EXPLAINED);
    let behaviour = json!({ "behavior": "allow", "downloadPath": folder.display().to_string() });
    page.call("Page.setDownloadBehavior", behaviour);
    for (format, name, begins) in [
        ("bibtex", "related-papers.bib", "@"),
        ("csv", "related-papers.csv", "id,title"),
    ] {
        page.value(&format!(
            "document.querySelector('.bar-of-list select').value = '{format}'; 0"
        ));
        click(&mut page, "#save");
        let path = folder.join(name);
        let begun = std::time::Instant::now();
        while !path.exists() {
            assert!(begun.elapsed().as_secs() < 60, "{name} is not saved");
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        page.wait(
            "document.querySelector('.bar-of-list [role=status]').textContent.includes('saved')",
        );
        let text = std::fs::read_to_string(&path).expect("the file");
        assert!(text.starts_with(begins), "{text}");
    }
}

#[test]
fn the_map_is_zoomed_lassoed_and_linked_with_lists() {
    let (_place, server) = served();
    let Some(mut page) = open(&server, "#/map", DESK) else {
        return;
    };
    page.wait("document.querySelectorAll('.legend button').length === 6");
    page.wait("document.querySelector('canvas').width > 500");
    assert_sound(&mut page, "the map");
    keep(&mut page, "map");
    // Around everything.
    click(&mut page, "#lasso");
    page.drag(&[
        [15.0, 110.0],
        [930.0, 110.0],
        [930.0, 890.0],
        [15.0, 890.0],
        [15.0, 120.0],
    ]);
    page.wait("document.querySelector('.beside h2').textContent.includes('in the lasso')");
    let papers = page.value("document.querySelectorAll('.beside .titles li').length");
    assert!(papers.as_u64().is_some_and(|n| n > 30), "{papers}");
    // A topic, then the whole again.
    click(&mut page, ".beside button.quiet:not(#save)");
    let all = ".beside .legend button";
    if page.value(&format!("!!document.querySelector('{all}')")) != json!(true) {
        page.value("[...document.querySelectorAll('.beside button')].find(b => b.textContent === 'All topics').click(); 0");
    }
    click(&mut page, all);
    page.wait("location.hash.includes('topic=')");
    let hash = page.value("location.hash");
    // Zoom, and the address says so.
    click(&mut page, "[aria-label='Zoom in']");
    page.wait("location.hash.includes('zoom=1.6')");
    assert_ne!(page.value("location.hash"), hash);
    // Hits of a search are ringed, and their list is beside them.
    go(&mut page, "#/search?text=video+generation");
    page.wait(EXPLAINED);
    page.value(
        "[...document.querySelectorAll('a')].find(a => a.textContent === 'On the map').click(); 0",
    );
    page.wait(
        "document.querySelector('.beside h2')?.textContent.includes('related to video generation')",
    );
    click(&mut page, ".beside .titles a");
    page.wait("location.hash.startsWith('#/paper/') && !!document.querySelector('.paper h1')");
    assert_eq!(page.complaints(), [""; 0]);
}

#[test]
fn topics_lead_to_papers() {
    let (_place, server) = served();
    let Some(mut page) = open(&server, "#/topics", DESK) else {
        return;
    };
    page.wait("document.querySelectorAll('.topic-card').length === 6");
    assert_sound(&mut page, "topics");
    keep(&mut page, "topics");
    let name = text_of(&mut page, ".topic-card h2");
    click(&mut page, ".topic-card h2 a");
    page.wait(
        "!!document.querySelector('h1.topic-title') && document.querySelectorAll('.card').length > 2",
    );
    assert_eq!(text_of(&mut page, "h1"), name);
    assert_sound(&mut page, "a topic");
    click(&mut page, ".card h3 a");
    page.wait("document.querySelectorAll('.card .closer').length > 3");
    assert_eq!(text_of(&mut page, ".paper .chip"), name);
    assert_sound(&mut page, "a paper");
}

/// Groups of topics: a tree from the list to a group, to its topics and back, and names on the map at every distance.
#[test]
fn groups_of_topics_have_pages_and_names_on_the_map() {
    let place = Place::new();
    let sample = root().join("data/hf-papers.jsonl").display().to_string();
    place.run(&["add", &sample, "--model", "embedded"]).ok();
    place.run(&["topics", "--levels", "2,4,9"]).ok();
    let server = Server::start(&place.library(), &[]);
    let Some(mut page) = open(&server, "#/topics", DESK) else {
        return;
    };
    page.wait("document.querySelectorAll('.topic-card').length === 9");
    assert_eq!(
        page.value("document.querySelectorAll('main section h2').length"),
        2
    );
    assert_sound(&mut page, "topics in groups");
    keep(&mut page, "topics-in-groups");
    let name = text_of(&mut page, "main section h2 a");
    click(&mut page, "main section h2 a");
    page.wait(&format!(
        "document.querySelector('h1').textContent === {}",
        json!(name)
    ));
    page.wait("location.hash.startsWith('#/group/0/') && document.querySelectorAll('.card[data-id]').length > 3");
    assert_eq!(text_of(&mut page, "h1"), name);
    assert_sound(&mut page, "a group");
    keep(&mut page, "group");
    // Into a group of the next level, a topic of that, and back by the trail.
    click(&mut page, ".topic-card h3 a");
    page.wait("location.hash.startsWith('#/group/1/') && document.querySelectorAll('.trail a').length === 2");
    assert_eq!(text_of(&mut page, ".trail a:last-child"), name);
    click(&mut page, ".topic-card h3 a");
    page.wait("location.hash.startsWith('#/topic/') && document.querySelectorAll('.trail a').length === 3");
    assert_sound(&mut page, "a topic of a group");
    click(&mut page, ".trail a:nth-child(2)");
    page.wait(&format!(
        "document.querySelector('h1').textContent === {}",
        json!(name)
    ));
    // The map of it, and everything.
    page.value(
        "[...document.querySelectorAll('a')].find(a => a.textContent === 'On the map').click(); 0",
    );
    page.wait("!!document.querySelector('.beside h2') && location.hash.includes('group=0.')");
    assert_eq!(text_of(&mut page, ".beside h2"), name);
    assert_sound(&mut page, "a group on the map");
    go(&mut page, "#/map");
    page.wait("document.querySelectorAll('.beside h3').length === 2 && document.querySelectorAll('.legend button').length === 9");
    page.wait("document.querySelector('canvas').width > 500");
    assert_sound(&mut page, "the map with groups");
    // Which names are written: of the 2 groups from afar, of the 4 and then of topics from near.
    let written = |page: &mut Page| {
        page.value("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))");
        page.value("document.querySelector('canvas').getAttribute('aria-description').split('\\n')")
    };
    let all = server.get("/api/hierarchy").json(200);
    let of_level = |level: u64| {
        let groups = all["groups"].as_array().expect("groups").iter();
        let groups = groups.filter(|group| group["level"] == level);
        groups
            .map(|group| group["name"].clone())
            .collect::<Vec<_>>()
    };
    let names = written(&mut page);
    let names = names.as_array().expect("names");
    assert!(
        !names.is_empty() && names.iter().all(|name| of_level(0).contains(name)),
        "{names:?}"
    );
    keep(&mut page, "map-groups");
    for _ in 0..2 {
        click(&mut page, "[aria-label='Zoom in']");
    }
    let names = written(&mut page);
    assert!(
        names
            .as_array()
            .expect("names")
            .iter()
            .all(|name| name == "" || of_level(1).contains(name)),
        "{names}"
    );
    keep(&mut page, "map-groups-nearer");
    for _ in 0..3 {
        click(&mut page, "[aria-label='Zoom in']");
    }
    keep(&mut page, "map-topics-near");
    assert_eq!(page.complaints(), [""; 0]);
}

#[test]
fn every_view_fits_a_phone_and_the_dark() {
    let (_place, server) = served();
    let Some(mut page) = open(&server, "", PHONE) else {
        return;
    };
    let dark = json!({ "features": [{ "name": "prefers-color-scheme", "value": "dark" }] });
    for (view, ready, name) in [
        (
            "#/",
            "document.querySelectorAll('.card').length > 5",
            "phone-first",
        ),
        ("#/search?text=diffusion+models", EXPLAINED, "phone-search"),
        (
            "#/topics",
            "document.querySelectorAll('.topic-card').length === 6",
            "phone-topics",
        ),
        (
            "#/map",
            "document.querySelectorAll('.legend button').length === 6",
            "phone-map",
        ),
    ] {
        go(&mut page, view);
        page.wait(ready);
        assert_sound(&mut page, view);
        keep(&mut page, name);
        page.call("Emulation.setEmulatedMedia", dark.clone());
        let ground = page.value("getComputedStyle(document.body).backgroundColor");
        assert_eq!(ground, "rgb(20, 23, 27)", "{view}");
        keep(&mut page, &format!("{name}-dark"));
        page.call("Emulation.setEmulatedMedia", json!({ "features": [] }));
    }
}

/// A page of a server that wants a key asks for it once.
#[test]
fn the_key_is_asked_for() {
    let place = Place::with(&run::FIVE);
    let server = Server::start(&place.library(), &["--api-key", "sesame"]);
    let Some(mut page) = open(&server, "", DESK) else {
        return;
    };
    page.wait("document.getElementById('ask-key')?.open === true");
    click(&mut page, "#ask-key input");
    page.type_in("sesame");
    click(&mut page, "#ask-key button");
    page.wait("document.querySelectorAll('.card').length === 5");
}
