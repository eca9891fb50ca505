//! What a process leaves behind that is killed at any moment of its work: tests alone.
//!
//! The test starts itself as another process, waits for a random time, kills it with SIGKILL, and looks at what is there: 20 times, or
//! as often as `SYNTOPIC_KILLS` says.

use crate::LibraryError;
use crate::embedding::embed;
use crate::{
    AddOptions, EMBEDDED, EmbedRequest, Event, Library, Query, ReembedRequest, RelatedOptions,
    Source, TopicsRequest,
};
use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;
use syntopic_core::{Paper, PaperId, Row};
use syntopic_embed::models::ResolveOptions;
use syntopic_embed::{EmbedOptions, Embedder};
use syntopic_index::Kind;

const VERBS: [&str; 5] = ["add", "embed", "topics", "reembed", "index"];

/// Papers of one `add`, of which a tenth changes earlier ones.
const PAPERS: usize = 120;

pub(crate) fn tiny_model() -> String {
    let model = "/../../tests/reference/tiny/bert-cls";
    format!("{}{model}", env!("CARGO_MANIFEST_DIR"))
}

/// A library whose derived files are all made, however small it is.
pub(crate) fn open(folder: &Path) -> Library {
    try_open(folder).unwrap()
}

pub(crate) fn try_open(folder: &Path) -> Result<Library, LibraryError> {
    let mut library = Library::open_or_create(folder)?;
    library.index_options.kind = Kind::Hnsw;
    library.index_options.exact_below = 0;
    library.words_kept_from = 0;
    Ok(library)
}

/// The work of the process that is killed; it tells what is written for good.
#[test]
fn child() {
    let Ok(verb) = std::env::var("SYNTOPIC_TEST_VERB") else {
        return;
    };
    let path = |name: &str| PathBuf::from(std::env::var_os(name).unwrap());
    let mut library = open(&path("SYNTOPIC_TEST_FOLDER"));
    let say = |line: &str| writeln!(std::io::stdout(), "{line}").unwrap();
    say("begin");
    let tell = &mut |event: Event<'_>| {
        if let Event::Committed { ids } = event {
            ids.iter().for_each(|id| say(&format!("kept {id}")));
        }
        ControlFlow::Continue(())
    };
    let new = !library.exists();
    let model = new.then(tiny_model);
    match verb.as_str() {
        "add" => {
            let options = AddOptions {
                model,
                batch: 16,
                ..AddOptions::default()
            };
            let source = Source::File(path("SYNTOPIC_TEST_FILE"));
            library.add(&[source], &options, tell).unwrap();
        }
        "embed" => {
            let request = EmbedRequest {
                model: None,
                storage: None,
                batch: 16,
            };
            library.embed(&request, tell).unwrap();
        }
        "topics" => {
            let request = TopicsRequest {
                k: Some(3),
                ..TopicsRequest::default()
            };
            library.topics(&request, tell).unwrap();
        }
        "reembed" => {
            let under_way = library.reembed_state().unwrap().is_some();
            let present = library.recorded_model().unwrap().unwrap().name;
            let other = if present.contains("bert") {
                EMBEDDED.to_owned()
            } else {
                tiny_model()
            };
            let request = ReembedRequest {
                model: (!under_way).then_some(other),
                storage: None,
                batch: 16,
            };
            library.reembed(&request, tell).unwrap();
        }
        _ => {
            for name in ["index.bin", "rows.bin", "words.bin", "title-words.bin"] {
                let _ = std::fs::remove_file(library.folder().join(name));
            }
            ask(&mut library);
        }
    }
    say("end");
}

fn ask(library: &mut Library) -> Vec<(String, f32)> {
    let query = Query::Text(String::from("graphs of kind 3"));
    let quiet = &mut |_: Event<'_>| ControlFlow::Continue(());
    let found = library
        .related(&query, &RelatedOptions::default(), quiet)
        .unwrap();
    found
        .hits
        .into_iter()
        .map(|hit| (hit.id, hit.score))
        .collect()
}

/// A paper as a round writes it.
fn paper(at: usize, version: usize) -> Paper {
    let subject = ["graphs", "images", "proteins", "markets"][at % 4];
    let text = format!("We study {subject} of kind {at}, version {version}.");
    let id = PaperId::new(format!("p{at}")).unwrap();
    Paper {
        year: Some(2000 + version as i32),
        ..Paper::new(id, &format!("On {subject} {at}"), Some(&text)).unwrap()
    }
}

/// What must be there, whatever is killed.
#[derive(Default)]
struct Expected {
    /// Papers and the round that they were last said to be of.
    kept: HashMap<String, usize>,
    /// Vectors by what they were made of.
    vectors: HashMap<(String, usize, String), Vec<f32>>,
    models: HashMap<String, Embedder>,
    next: usize,
}

impl Expected {
    /// The papers of a round's `add`: new ones, and some that are there with another text.
    fn papers(&mut self, round: usize) -> Vec<Paper> {
        let old = (0..self.next).step_by(10).take(PAPERS / 10);
        let new = self.next..self.next + PAPERS;
        let all = old.chain(new).map(|at| paper(at, round)).collect();
        self.next += PAPERS;
        all
    }

    /// Looks at all that is there after `verb` of a round was killed.
    fn check(&mut self, folder: &Path, round: usize, verb: &str) {
        if !folder.join("library.db").exists() {
            assert!(self.kept.is_empty(), "round {round}: the library is gone");
            return;
        }
        let told = format!("round {round}, {verb}");
        let mut library = open(folder);
        let quiet = &mut |_: Event<'_>| ControlFlow::Continue(());
        let report = library.check(None, quiet).unwrap();
        assert_eq!(report.problems, Vec::<String>::new(), "{told}");
        let papers = library.papers().unwrap();
        let by_id: HashMap<&str, &Paper> = papers.iter().map(|p| (p.id.as_str(), p)).collect();
        assert_eq!(by_id.len(), papers.len(), "{told}: twice");
        for (id, version) in &self.kept {
            let found = by_id.get(id.as_str());
            let found =
                found.unwrap_or_else(|| panic!("{told}: {id} was acknowledged and is gone"));
            let is = (found.year.unwrap() - 2000) as usize;
            assert!(
                is >= *version,
                "{told}: {id} is of round {is}, was {version}"
            );
        }
        for found in &papers {
            let (at, is) = place(found);
            assert!(
                *by_id[found.id.as_str()] == paper(at, is),
                "{told}: half a paper {found:?}"
            );
        }
        self.check_vectors(&mut library, &papers, &told);
        let answer = ask(&mut library);
        assert!(!answer.is_empty(), "{told}");
        assert_eq!(ask(&mut open(folder)), answer, "{told}");
    }

    /// Every vector is what the recorded model makes of the paper as it is.
    fn check_vectors(&mut self, library: &mut Library, papers: &[Paper], told: &str) {
        let model = library.recorded_model().unwrap().unwrap();
        let spec = model.spec.clone();
        let quiet = &mut |_: Event<'_>| ControlFlow::Continue(());
        let embedder = self.models.entry(spec.clone()).or_insert_with(|| {
            let (resolve, options) = (ResolveOptions::from_env(), EmbedOptions::default());
            crate::model::load(Some(&spec), &resolve, options, None, quiet).unwrap()
        });
        let snapshot = library.store().unwrap().snapshot(model.dim).unwrap();
        let rows: HashMap<&str, usize> = (snapshot.ids.iter().enumerate())
            .map(|(row, id)| (id.as_str(), row))
            .collect();
        let key = |paper: &Paper| (paper.id.to_string(), place(paper).1, spec.clone());
        let new = papers
            .iter()
            .filter(|paper| !self.vectors.contains_key(&key(paper)));
        let new: Vec<Paper> = new.cloned().collect();
        if !new.is_empty() {
            let made = embed(embedder, &new, (0, None), quiet).unwrap();
            for (at, paper) in new.iter().enumerate() {
                let vector = made.texts.vectors.row(Row::from_index(at)).to_vec();
                self.vectors.insert(key(paper), vector);
            }
        }
        for paper in papers {
            let Some(row) = rows.get(paper.id.as_str()) else {
                continue;
            };
            let is = snapshot.vectors.row(Row::from_index(*row));
            assert!(
                is == self.vectors[&key(paper)],
                "{told}: the vector of {} is another's",
                paper.id
            );
        }
    }
}

/// The number of a paper, and the round that it is of.
fn place(paper: &Paper) -> (usize, usize) {
    let at = paper.id.as_str()[1..].parse().unwrap();
    (at, (paper.year.unwrap() - 2000) as usize)
}

/// One run of the work, killed after a time, or left to end; what it said it kept, and how long it took.
fn run(verb: &str, folder: &Path, file: &Path, kill: Option<Duration>) -> (Vec<String>, Duration) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "killed::child",
            "--nocapture",
            "--test-threads=1",
        ])
        .env("SYNTOPIC_TEST_VERB", verb)
        .env("SYNTOPIC_TEST_FOLDER", folder)
        .env("SYNTOPIC_TEST_FILE", file)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap())
        .lines()
        .map_while(Result::ok);
    assert!(lines.any(|line| line.ends_with("begin")), "it begins");
    let begun = std::time::Instant::now();
    if let Some(after) = kill {
        std::thread::sleep(after);
        child.kill().unwrap();
    }
    let kept = lines
        .filter_map(|line| line.strip_prefix("kept ").map(str::to_owned))
        .collect();
    let output = child.wait_with_output().unwrap();
    let ended = output.status.success();
    let err = String::from_utf8_lossy(&output.stderr);
    assert!(kill.is_some() || ended, "{verb}: {err}");
    assert!(!err.contains("panicked"), "{verb}: {err}");
    (kept, begun.elapsed())
}

#[test]
fn a_process_that_is_killed_loses_no_paper_that_it_said_it_kept() {
    let kills: usize = std::env::var("SYNTOPIC_KILLS").map_or(20, |n| n.parse().unwrap());
    let place = tempfile::tempdir().unwrap();
    let file = place.path().join("papers.jsonl");
    let mut state = 11u64;
    let mut random = |below: u128| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        u128::from(state >> 33) % below.max(1)
    };
    let (mut expected, mut folder) = (Expected::default(), place.path().join("0"));
    let mut took: HashMap<&str, Duration> = HashMap::new();
    let (mut ended, mut begun) = (0, 0);
    for round in 0..kills {
        // A new library now and then, so that its making is met too.
        if round % 25 == 0 {
            folder = place.path().join(round.to_string());
            expected.kept.clear();
            expected.next = 0;
        }
        let exists = folder.join("library.db").exists();
        let verb = if exists {
            VERBS[round % VERBS.len()]
        } else {
            "add"
        };
        let papers = if matches!(verb, "add" | "embed") {
            expected.papers(round)
        } else {
            Vec::new()
        };
        write(&file, &papers);
        if verb == "embed" {
            let options = AddOptions {
                embed: false,
                ..AddOptions::default()
            };
            let quiet = &mut |_: Event<'_>| ControlFlow::Continue(());
            open(&folder)
                .add(&[Source::File(file.clone())], &options, quiet)
                .unwrap();
            expected
                .kept
                .extend(papers.iter().map(|p| (p.id.to_string(), round)));
        }
        // How long it takes when it is left alone, on a copy.
        let whole = match took.get(verb) {
            Some(whole) => *whole,
            None => {
                let copy = place.path().join(format!("copy-{verb}"));
                copy_folder(&folder, &copy);
                let (_, whole) = run(verb, &copy, &file, None);
                took.insert(verb, whole);
                whole
            }
        };
        let after = Duration::from_micros(random(whole.as_micros()) as u64);
        let (kept, _) = run(verb, &folder, &file, Some(after));
        begun += usize::from(!kept.is_empty());
        if verb == "add" {
            expected
                .kept
                .extend(kept.iter().map(|id| (id.clone(), round)));
            ended += usize::from(kept.len() == papers.len());
        }
        expected.check(&folder, round, verb);
    }
    let note = format!(
        "{kills} kills, {begun} of them after a commit, {ended} after the last one of an add\n"
    );
    std::io::stdout().write_all(note.as_bytes()).unwrap();
}

fn write(file: &Path, papers: &[Paper]) {
    let mut text = Vec::new();
    for paper in papers {
        crate::write_jsonl(&mut text, paper).unwrap();
    }
    std::fs::write(file, text).unwrap();
}

pub(crate) fn copy_folder(from: &Path, to: &Path) {
    std::fs::create_dir(to).unwrap();
    for entry in std::fs::read_dir(from).into_iter().flatten().flatten() {
        std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}
