//! How well each mode of `related` orders papers that people have judged.
//!
//! Every judged pair is scored as `related` scores it, with the papers of the file as the library: the same vectors, the same
//! index of words, the same sum. Not for: recall of the approximate index (`check --recall`), which this does not use.

use super::bootstrap::Figure;
use super::corpus::{Corpus, Pair};
use super::judgments::{Judged, JudgmentsError, parse};
use super::metrics::{average_precision, ndcg, precision, recall, reciprocal_rank, share_of};
use super::queries::{self, Question, Questions};
use crate::add::Source;
use crate::{LibraryError, Progress, RelatedMode};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use syntopic_core::Paper;

/// A figure of one query, by the grades in the order of its list and which of them are relevant; `None` where it has none.
type OneQuery<'a> = dyn Fn(&[f64], &[bool]) -> Option<f64> + 'a;

/// How the yardstick is called: the plain fusion of the semantic and the lexical order by reciprocal ranks, which is no mode of
/// `related`.
pub const RANK_FUSION: &str = "rank fusion";

/// What is added to a rank before its reciprocal is taken (Cormack, Clarke & Büttcher 2009).
const RANK_OFFSET: f32 = 60.0;

/// Ids of unknown papers that are named.
const NAMED: usize = 5;

/// What is evaluated, and how.
#[derive(Debug, Clone)]
pub struct EvalRelated {
    /// The papers.
    pub papers: Source,
    /// The text of the judgments: lines of query, paper and grade.
    pub judgments: String,
    /// The text of the queries, where they are no papers of the file: lines of JSON with `id` and either `text` or `like`, a list of ids
    /// of papers. By default a query is the paper of its id.
    pub queries: Option<String>,
    /// The modes to compare. Default: all.
    pub modes: Vec<RelatedMode>,
    /// Name or folder of the model; the registry's default when not given.
    pub model: Option<String>,
    /// Ranks at which lists are cut. Default 10 and 20.
    pub cuts: Vec<usize>,
    /// Percentages of a list at which it is cut. Default 20.
    pub percents: Vec<f64>,
    /// The least grade that is relevant, where a figure knows only relevant or not. Default 1.
    pub relevant_from: f64,
    /// Seed of the intervals. Default 42.
    pub seed: u64,
}

impl EvalRelated {
    /// All modes, with the default figures.
    #[must_use]
    pub fn new(papers: Source, judgments: String) -> Self {
        Self {
            papers,
            judgments,
            queries: None,
            modes: RelatedMode::ALL.to_vec(),
            model: None,
            cuts: vec![10, 20],
            percents: vec![20.0],
            relevant_from: 1.0,
            seed: 42,
        }
    }
}

/// What one mode scored.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ModeFigures {
    /// Which mode, by its name, or [`RANK_FUSION`].
    pub mode: &'static str,
    /// Its figures; the same ones, in the same order, of every mode.
    pub figures: Vec<Figure>,
}

/// The score of one judged pair.
#[derive(Debug, Clone, PartialEq)]
pub struct PairScore {
    /// Id of the paper asked about.
    pub query: String,
    /// Id of the paper judged.
    pub paper: String,
    /// Larger is more similar.
    pub score: f32,
}

/// Modes side by side.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EvalRelatedReport {
    /// The model.
    pub model: String,
    /// Papers read.
    pub papers: usize,
    /// Queries of which at least one judged paper is relevant and there.
    pub queries: usize,
    /// Judged pairs that were scored.
    pub pairs: usize,
    /// What each mode scored, and last the yardstick.
    pub modes: Vec<ModeFigures>,
    /// What a reader should know: pairs that were left out, and why.
    pub notes: Vec<String>,
    /// The scores of every judged pair in the first mode, best first within a query.
    #[serde(skip)]
    pub scores: Vec<PairScore>,
}

/// Scores every judged pair in every mode and sums up.
///
/// # Errors
/// When the papers or the judgments cannot be read, no judged pair is of papers that are there, or the model cannot be had.
pub fn eval_related(
    asked: &EvalRelated,
    progress: &mut Progress<'_>,
) -> Result<EvalRelatedReport, LibraryError> {
    let judged = parse(&asked.judgments)?;
    let questions = asked.queries.as_deref().map(queries::parse).transpose()?;
    let (papers, mut notes) = read(&asked.papers)?;
    let (judged, n_judged) = known(judged, &papers, questions.as_ref(), &mut notes)?;
    let pairs: usize = judged.values().map(BTreeMap::len).sum();
    if pairs == 0 {
        let papers = papers.len();
        return Err(JudgmentsError::NoPairs {
            judged: n_judged,
            papers,
        }
        .into());
    }
    let corpus = Corpus::new(papers, asked.model.as_deref(), progress)?;
    let (mut modes, mut scores, mut queries) = (Vec::new(), Vec::new(), 0);
    let lists = judged
        .iter()
        .map(|(query, papers)| {
            let question = questions.as_ref().map(|all| &all[query]);
            corpus.pairs((query, question), papers)
        })
        .collect::<Result<Vec<_>, _>>()?;
    for (at, &mode) in asked.modes.iter().enumerate() {
        let ranked: Vec<Vec<Ranked<'_>>> = lists.iter().map(|list| rank(list, mode)).collect();
        if at == 0 {
            let all = judged.keys().zip(&ranked);
            scores = all
                .flat_map(|(query, list)| list.iter().map(|pair| pair_score(query, pair)))
                .collect();
        }
        let (figures, n) = figures(&ranked, asked);
        queries = n;
        let mode = mode.name();
        modes.push(ModeFigures { mode, figures });
    }
    let fused: Vec<Vec<Ranked<'_>>> = lists.iter().map(|list| fuse_ranks(list)).collect();
    let (figures, _) = figures(&fused, asked);
    let mode = RANK_FUSION;
    modes.push(ModeFigures { mode, figures });
    let without = judged.len() - queries;
    if without > 0 {
        notes.push(format!(
            "{without} queries have no relevant paper and are left out"
        ));
    }
    Ok(EvalRelatedReport {
        model: corpus.model().to_owned(),
        papers: corpus.n_papers(),
        queries,
        pairs,
        modes,
        notes,
        scores,
    })
}

/// The papers of a file, the last of those with the same id.
fn read(source: &Source) -> Result<(Vec<Paper>, Vec<String>), LibraryError> {
    let name = source.name();
    let (mut papers, mut skipped) = (BTreeMap::new(), 0);
    for record in syntopic_formats::open(&name, source.open()?, None)? {
        match record? {
            Ok(paper) => drop(papers.insert(paper.id.clone(), paper)),
            Err(_) => skipped += 1,
        }
    }
    if papers.is_empty() {
        return Err(LibraryError::NoPapers(name));
    }
    let note = (skipped > 0).then(|| format!("{skipped} records of {name} are no papers"));
    Ok((papers.into_values().collect(), note.into_iter().collect()))
}

/// The judgments of pairs of different papers that are there, or of a query and a paper that it does not ask with; the others are
/// counted in `notes`.
fn known(
    judged: Judged,
    papers: &[Paper],
    questions: Option<&Questions>,
    notes: &mut Vec<String>,
) -> Result<(Judged, usize), JudgmentsError> {
    let ids: BTreeSet<&str> = papers.iter().map(|paper| paper.id.as_str()).collect();
    if let Some(questions) = questions {
        check_liked(questions, &ids)?;
    }
    let is_there = |query: &String| match questions {
        None => ids.contains(query.as_str()),
        Some(questions) => questions.contains_key(query),
    };
    let asks_with = |query: &String, paper: &String| match questions.map(|all| &all[query]) {
        None => query == paper,
        Some(Question::Like(liked)) => liked.contains(paper),
        Some(Question::Text(_)) => false,
    };
    let (mut kept, mut n, mut own, mut unknown, mut names) = (Judged::new(), 0, 0, 0, Vec::new());
    for (query, list) in judged {
        for (paper, grade) in list {
            n += 1;
            let missing = match is_there(&query) {
                false => Some(&query),
                true => (!ids.contains(paper.as_str())).then_some(&paper),
            };
            if let Some(id) = missing {
                unknown += 1;
                if names.len() < NAMED && !names.contains(id) {
                    names.push(id.clone());
                }
            } else if asks_with(&query, &paper) {
                own += 1;
            } else {
                kept.entry(query.clone()).or_default().insert(paper, grade);
            }
        }
    }
    if unknown > 0 {
        let names = names.join(", ");
        notes.push(format!("{unknown} judged pairs are left out, for the query or the paper is not in its file: {names} …"));
    }
    if own > 0 {
        notes.push(format!(
            "{own} judged pairs of a paper with itself are left out"
        ));
    }
    Ok((kept, n))
}

/// That all papers that queries like are there.
fn check_liked(questions: &Questions, ids: &BTreeSet<&str>) -> Result<(), JudgmentsError> {
    for (query, question) in questions {
        let Question::Like(liked) = question else {
            continue;
        };
        if let Some(paper) = liked.iter().find(|id| !ids.contains(id.as_str())) {
            return Err(JudgmentsError::UnknownLiked {
                query: query.clone(),
                paper: paper.clone(),
            });
        }
    }
    Ok(())
}

/// A judged paper in its place.
struct Ranked<'j> {
    paper: &'j str,
    grade: f64,
    score: f32,
}

/// Best score first, ties in the order of ids.
fn rank<'j>(pairs: &[Pair<'j>], mode: RelatedMode) -> Vec<Ranked<'j>> {
    let score = |pair: &Pair<'j>| Ranked {
        paper: pair.paper,
        grade: pair.grade,
        score: mode.score(pair.cosine, pair.near, pair.title, pair.lexical),
    };
    let mut ranked: Vec<_> = pairs.iter().map(score).collect();
    ranked.sort_by(|a, b| b.score.total_cmp(&a.score));
    ranked
}

/// By the sum of reciprocal ranks in the semantic and in the lexical order, ties in the order of ids.
fn fuse_ranks<'j>(pairs: &[Pair<'j>]) -> Vec<Ranked<'j>> {
    let mut sums: BTreeMap<&str, (f64, f32)> = BTreeMap::new();
    for mode in [RelatedMode::Semantic, RelatedMode::Lexical] {
        for (at, pair) in rank(pairs, mode).iter().enumerate() {
            let (_, sum) = sums.entry(pair.paper).or_insert((pair.grade, 0.0));
            *sum += 1.0 / (RANK_OFFSET + at as f32 + 1.0);
        }
    }
    let fused = |(paper, (grade, score))| Ranked {
        paper,
        grade,
        score,
    };
    let mut ranked: Vec<_> = sums.into_iter().map(fused).collect();
    ranked.sort_by(|a, b| b.score.total_cmp(&a.score));
    ranked
}

fn pair_score(query: &str, pair: &Ranked<'_>) -> PairScore {
    PairScore {
        query: query.to_owned(),
        paper: pair.paper.to_owned(),
        score: pair.score,
    }
}

/// Every figure over the queries that have a relevant paper, and how many those are.
fn figures(lists: &[Vec<Ranked<'_>>], asked: &EvalRelated) -> (Vec<Figure>, usize) {
    let lists: Vec<(Vec<f64>, Vec<bool>)> = (lists.iter())
        .map(|list| {
            let grades: Vec<f64> = list.iter().map(|pair| pair.grade).collect();
            let relevant = grades
                .iter()
                .map(|grade| *grade >= asked.relevant_from)
                .collect();
            (grades, relevant)
        })
        .filter(|(_, relevant): &(_, Vec<bool>)| relevant.contains(&true))
        .collect();
    let figure = |name: String, of: &OneQuery<'_>| {
        let values: Vec<f64> = lists
            .iter()
            .filter_map(|(grades, relevant)| of(grades, relevant))
            .collect();
        Figure::of(name, &values, asked.seed)
    };
    let mut all = vec![
        figure(String::from("MAP"), &|_, relevant| {
            average_precision(relevant)
        }),
        figure(String::from("MRR"), &|_, relevant| {
            reciprocal_rank(relevant)
        }),
    ];
    for &percent in &asked.percents {
        let at = |grades: &[f64], _: &[bool]| ndcg(grades, share_of(grades.len(), percent));
        all.push(figure(format!("NDCG%{percent}"), &at));
    }
    for &k in &asked.cuts {
        all.push(figure(format!("NDCG@{k}"), &|grades, _| ndcg(grades, k)));
        all.push(figure(format!("P@{k}"), &|_, relevant| {
            Some(precision(relevant, k))
        }));
        all.push(figure(format!("Recall@{k}"), &|_, relevant| {
            recall(relevant, k)
        }));
    }
    (all, lists.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ops::ControlFlow;

    const PAPERS: &str = "{\"id\":\"a\",\"title\":\"Masked graph autoencoders\"}
{\"id\":\"b\",\"title\":\"Graph autoencoders with masks\"}
{\"id\":\"c\",\"title\":\"Prices of electricity\"}
{\"id\":\"d\",\"title\":\"Electricity markets\"}
";

    fn run(judgments: &str) -> Result<EvalRelatedReport, LibraryError> {
        asked(judgments, None)
    }

    fn asked(judgments: &str, queries: Option<&str>) -> Result<EvalRelatedReport, LibraryError> {
        let name = String::from("papers");
        let source = Source::Text { name, text: PAPERS };
        let mut asked = EvalRelated::new(source, judgments.to_owned());
        asked.model = Some(String::from(crate::EMBEDDED));
        asked.cuts = vec![1];
        asked.queries = queries.map(str::to_owned);
        eval_related(&asked, &mut |_| ControlFlow::Continue(()))
    }

    #[test]
    fn judged_pairs_are_ranked_in_every_mode() {
        let report = run("query\tpaper\tgrade\na\tb\t2\na\tc\t0\na\td\t0\nc\ta\t0\nc\td\t1\nb\ta\t0\na\ta\t3\na\tx\t1\n").unwrap();
        assert_eq!((report.papers, report.queries, report.pairs), (4, 2, 6));
        assert_eq!(report.notes.len(), 3, "{:?}", report.notes);
        let names: Vec<&str> = report.modes.iter().map(|mode| mode.mode).collect();
        assert_eq!(names, ["hybrid", "semantic", "lexical", RANK_FUSION]);
        for mode in &report.modes {
            let names: Vec<&str> = mode
                .figures
                .iter()
                .map(|figure| figure.name.as_str())
                .collect();
            assert_eq!(
                names,
                ["MAP", "MRR", "NDCG%20", "NDCG@1", "P@1", "Recall@1"]
            );
            assert!(
                mode.figures
                    .iter()
                    .all(|figure| figure.mean == 1.0 && figure.n == 2),
                "{mode:?}"
            );
        }
        let best: Vec<_> = report
            .scores
            .iter()
            .map(|s| (s.query.as_str(), s.paper.as_str()))
            .collect();
        assert_eq!(best[0], ("a", "b"));
        assert_eq!((best.len(), best[3]), (6, ("b", "a")));
        // Wrongly judged, the figures are low: the worst place of three is 1/3.
        let wrong = run("a\tb\t0\na\tc\t0\na\td\t1\n").unwrap();
        assert!(wrong.modes.iter().all(|mode| mode.figures[0].mean < 0.6));
    }

    #[test]
    fn judgments_of_other_papers_are_refused() {
        let error = run("x\ty\t1\n").unwrap_err().to_string();
        assert!(
            error.contains("none of the 1 judged pairs is of two of the 4 papers"),
            "{error}"
        );
    }
    #[test]
    fn queries_may_be_texts_and_papers_that_are_liked_together() {
        let queries = "{\"id\":\"t\",\"text\":\"electricity prices on markets\"}
{\"id\":\"one\",\"like\":[\"a\"]}\n{\"id\":\"two\",\"like\":[\"a\",\"b\"]}\n";
        let judged = |query: &str| {
            let grade = |paper| u8::from(matches!((query, paper), ("t", "c" | "d") | ("one", "b")));
            let line = |paper| format!("{query}\t{paper}\t{}\n", grade(paper));
            ["a", "b", "c", "d"].map(line).concat()
        };
        let report = asked(
            &(judged("t") + &judged("one") + "two\tc\t1\n"),
            Some(queries),
        )
        .unwrap();
        assert_eq!((report.queries, report.pairs), (3, 8));
        assert_eq!(
            report.notes,
            ["1 judged pairs of a paper with itself are left out"]
        );
        let hybrid = &report.modes[0].figures[0];
        assert_eq!((hybrid.name.as_str(), hybrid.mean), ("MAP", 1.0));
        // A paper that is liked alone scores as a query that is that paper.
        let plain = run("a\tb\t1\na\tc\t0\na\td\t0\n").unwrap();
        let scores = |report: &EvalRelatedReport, query: &str| {
            let own = report.scores.iter().filter(|pair| pair.query == query);
            own.map(|pair| (pair.paper.clone(), pair.score))
                .collect::<Vec<_>>()
        };
        assert_eq!(scores(&report, "one"), scores(&plain, "a"));
        let error = |queries| asked("t\ta\t1\n", Some(queries)).unwrap_err().to_string();
        let unknown = error("{\"id\":\"t\",\"like\":[\"x\"]}");
        assert!(
            unknown.contains("the query \"t\" likes the paper \"x\""),
            "{unknown}"
        );
        assert!(error("{\"id\":\"u\",\"text\":\"x\"}").contains("none of the 1 judged pairs"));
    }
}
