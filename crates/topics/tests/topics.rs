//! The crate from the outside: synthetic papers of known subjects, with vectors made of their words.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use syntopic_core::{Embeddings, dot};
use syntopic_topics::{
    Document, NeighborGraph, Step, Tools, TopicOptions, Topics, TopicsError, agreement, partition,
    topics,
};

const DIM: usize = 64;
const SUBJECTS: [&[&str]; 5] = [
    &[
        "graph neural networks",
        "node classification",
        "message passing",
        "molecular graphs",
    ],
    &[
        "medical image segmentation",
        "CT scans",
        "tumour detection",
        "radiology reports",
    ],
    &["code generation", "program repair", "unit tests", "LLMs"],
    &[
        "speech recognition",
        "acoustic models",
        "speaker verification",
        "audio transcripts",
    ],
    &[
        "item recommendation",
        "collaborative filtering",
        "user preferences",
        "click prediction",
    ],
];

/// A unit vector of the words of a text: texts that share words are near.
fn embed(text: &str) -> Vec<f32> {
    let mut vector = vec![0f32; DIM];
    for word in text
        .to_lowercase()
        .split(|c: char| !c.is_alphanumeric())
        .filter(|w| w.len() > 2)
    {
        let mut hasher = DefaultHasher::new();
        word.hash(&mut hasher);
        let mut state = hasher.finish() | 1;
        for value in &mut vector {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            *value += (state >> 40) as f32 / (1u64 << 23) as f32 - 1.0;
        }
    }
    let length = vector.iter().map(|v| v * v).sum::<f32>().sqrt();
    if length == 0.0 {
        vector[0] = 1.0;
        return vector;
    }
    vector.iter().map(|v| v / length).collect()
}

fn embed_all(texts: &[String]) -> Result<Embeddings, Box<dyn std::error::Error + Send + Sync>> {
    Ok(Embeddings::new(
        texts.iter().flat_map(|t| embed(t)).collect(),
        DIM,
    )?)
}

/// The nearest others of each row, all pairs compared.
fn nearest(
    rows: &Embeddings,
    per_row: usize,
) -> Result<NeighborGraph, Box<dyn std::error::Error + Send + Sync>> {
    let n = rows.n_rows();
    let mut lists = Vec::new();
    for (i, own) in rows.rows().enumerate() {
        let mut others: Vec<(f32, usize)> =
            rows.rows().map(|row| dot(own, row)).zip(0..n).collect();
        others.remove(i);
        others.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        lists.extend(others[..per_row].iter().map(|&(_, j)| j as u32));
    }
    Ok(NeighborGraph::new(n, per_row, lists)?)
}

/// The vector of a paper: near those of the other papers on its subject.
fn vector(paper: &(String, String, String)) -> Vec<f32> {
    let Some(subject) = SUBJECTS
        .iter()
        .find(|phrases| phrases.iter().any(|p| paper.1.ends_with(p)))
    else {
        return embed(&paper.2);
    };
    let own = embed(&format!(
        "own{}",
        paper.2.len() * 31
            + paper
                .2
                .bytes()
                .map(usize::from)
                .enumerate()
                .map(|(i, b)| i * b)
                .sum::<usize>()
    ));
    let mixed: Vec<f32> = embed(&subject.join(" "))
        .iter()
        .zip(own)
        .map(|(s, o)| s + 0.4 * o)
        .collect();
    let length = mixed.iter().map(|v| v * v).sum::<f32>().sqrt();
    mixed.iter().map(|v| v / length).collect()
}

fn vectors(papers: &[(String, String, String)]) -> Embeddings {
    Embeddings::new(papers.iter().flat_map(vector).collect(), DIM).unwrap()
}

/// `(id, title, text)` of `n` papers on the first `subjects` subjects in turn.
fn papers(n: usize, subjects: usize) -> Vec<(String, String, String)> {
    let paper = |i: usize| {
        let phrases = SUBJECTS[i % subjects];
        let (a, b, c) = (
            phrases[i % 4],
            phrases[(i + 1 + i / 4) % 4],
            phrases[(i + 2) % 4],
        );
        let title = format!("A novel method for {a}");
        let text = format!(
            "{title}. We propose {b}, and show that {c} improve results. Experiments with {a} and {b} are strong."
        );
        (format!("paper-{i:04}"), title, text)
    };
    (0..n).map(paper).collect()
}

fn run(papers: &[(String, String, String)], options: &TopicOptions) -> Result<Topics, TopicsError> {
    let documents: Vec<Document<'_>> = papers
        .iter()
        .map(|(id, title, text)| Document { id, title, text })
        .collect();
    topics(
        &vectors(papers),
        &documents,
        options,
        Tools {
            neighbors: &mut nearest,
            embed_phrases: &mut embed_all,
            seeds: None,
        },
        &mut |_| {},
    )
}

fn with_k(k: usize) -> TopicOptions {
    TopicOptions {
        k: Some(k),
        ..TopicOptions::default()
    }
}

/// Name, topic id, paper ids, bits of the tightness and of the centroid.
type TopicById = (String, u32, Vec<String>, u32, Vec<u32>);

/// Everything of a result in terms of ids, exact to the bit.
fn by_id(papers: &[(String, String, String)], found: &Topics) -> Vec<TopicById> {
    let topic = |t: &syntopic_topics::Topic| {
        let ids = t.members.iter().map(|&m| papers[m].0.clone()).collect();
        (
            t.name.clone(),
            t.id,
            ids,
            t.tightness.to_bits(),
            t.centroid.iter().map(|v| v.to_bits()).collect(),
        )
    };
    found.topics.iter().map(topic).collect()
}

#[test]
fn known_subjects_are_found_counted_and_named() {
    let papers = papers(100, 5);
    let found = run(&papers, &TopicOptions::default()).unwrap();
    assert_eq!(found.choice.k, 5, "{:?}", found.choice);
    assert!(!found.choice.given && found.choice.candidates.iter().any(|c| c.k == 5));
    assert!(
        found.silhouette > 0.2 && found.tightness > 0.5,
        "{} {}",
        found.silhouette,
        found.tightness
    );
    for (i, &topic) in found.assignment.iter().enumerate() {
        assert_eq!(
            topic,
            found.assignment[i % 5],
            "papers of one subject are in one topic"
        );
        assert!(found.topics[topic as usize].members.contains(&i));
    }
    for topic in &found.topics {
        let subject = SUBJECTS[topic.members[0] % 5];
        assert_eq!((topic.size, topic.members.len()), (20, 20));
        assert_eq!(topic.name.split(", ").count(), 3, "{}", topic.name);
        for phrase in topic.name.split(", ") {
            assert!(
                subject
                    .iter()
                    .any(|s| s.to_lowercase().contains(&phrase.to_lowercase())),
                "{phrase} is not of {subject:?}"
            );
        }
    }
    assert!(
        found
            .topics
            .iter()
            .any(|t| t.terms.iter().any(|term| term.phrase == "LLMs")),
        "acronyms keep their case"
    );
}

#[test]
fn clear_structure_below_the_usual_range_is_found() {
    let found = run(&papers(120, 3), &TopicOptions::default()).unwrap();
    assert_eq!(found.choice.k, 3, "{:?}", found.choice);
}

#[test]
fn neither_input_order_nor_threads_change_anything() {
    let straight = papers(90, 5);
    let mut shuffled = straight.clone();
    shuffled.sort_by_key(|p| {
        let mut hasher = DefaultHasher::new();
        p.0.hash(&mut hasher);
        hasher.finish()
    });
    assert_ne!(straight, shuffled);
    for options in [TopicOptions::default(), with_k(7)] {
        let reference = run(&straight, &options).unwrap();
        let expected = by_id(&straight, &reference);
        let other = run(&shuffled, &options).unwrap();
        assert_eq!(expected, by_id(&shuffled, &other));
        assert_eq!(
            (reference.choice, reference.silhouette.to_bits()),
            (other.choice, other.silhouette.to_bits())
        );
        for threads in [1, 2] {
            let pool = rayon::ThreadPoolBuilder::new()
                .num_threads(threads)
                .build()
                .unwrap();
            let found = pool.install(|| run(&straight, &options)).unwrap();
            assert_eq!(expected, by_id(&straight, &found), "{threads} threads");
        }
    }
}

#[test]
fn topics_are_numbered_by_size_and_names_are_unique() {
    let papers = papers(60, 5);
    for k in [1, 2, 9, 30, 60] {
        let found = run(&papers, &with_k(k)).unwrap();
        assert_eq!((found.topics.len(), found.choice.given), (k, true));
        assert!(found.topics.windows(2).all(|t| t[0].size >= t[1].size));
        assert!(
            found
                .topics
                .iter()
                .enumerate()
                .all(|(i, t)| t.id as usize == i && t.size > 0)
        );
        let names: HashSet<String> = found.topics.iter().map(|t| t.name.to_lowercase()).collect();
        assert_eq!(
            names.len(),
            k,
            "{:?}",
            found.topics.iter().map(|t| &t.name).collect::<Vec<_>>()
        );
    }
}

#[test]
fn wrong_requests_are_refused_by_name() {
    let papers = papers(5, 5);
    let message = |result: Result<Topics, TopicsError>| result.unwrap_err().to_string();
    assert_eq!(
        message(run(&papers, &with_k(6))),
        "6 topics were asked for but there are only 5 papers: ask for at most 5"
    );
    assert_eq!(
        message(run(&papers, &with_k(0))),
        "0 topics were asked for: ask for at least 1, or give no number and let the data choose"
    );
    assert_eq!(
        message(run(&[], &TopicOptions::default())),
        "there are no papers to find topics in: add papers first, then ask for topics"
    );
    assert_eq!(
        message(run(
            &papers,
            &TopicOptions {
                restarts: 0,
                ..TopicOptions::default()
            }
        )),
        "the option restarts is 0: it must be at least 1"
    );
    let rows = embed_all(&["one".to_owned()]).unwrap();
    let document = Document {
        id: "a",
        title: "graph",
        text: "graph",
    };
    let result = topics(
        &rows,
        &[document; 2],
        &TopicOptions::default(),
        Tools {
            neighbors: &mut nearest,
            embed_phrases: &mut embed_all,
            seeds: None,
        },
        &mut |_| {},
    );
    assert!(message(result).contains("1 vectors for 2 papers"));
}

#[test]
fn a_wrong_embedder_is_named() {
    let rows = embed_all(&["one".to_owned()]).unwrap();
    let document = [Document {
        id: "a",
        title: "graph",
        text: "graph",
    }];
    let run = |embedder: &mut syntopic_topics::PhraseEmbedder<'_>| {
        topics(
            &rows,
            &document,
            &TopicOptions::default(),
            Tools {
                neighbors: &mut nearest,
                embed_phrases: embedder,
                seeds: None,
            },
            &mut |_| {},
        )
        .unwrap_err()
    };
    assert!(
        matches!(run(&mut |_| Err("no model".into())), TopicsError::EmbedPhrases(e) if e.to_string() == "no model")
    );
    let short = run(&mut |_| Ok(Embeddings::new(vec![1.0, 0.0], 2)?));
    assert!(
        matches!(
            short,
            TopicsError::PhraseRows {
                got_rows: 1,
                got_dim: 2,
                phrases: 1,
                dim: DIM
            }
        ),
        "{short}"
    );
}

#[test]
fn one_and_two_papers_are_one_topic() {
    for n in [1, 2] {
        let found = run(&papers(n, 2), &TopicOptions::default()).unwrap();
        assert_eq!(
            (found.choice.k, found.topics.len(), found.topics[0].size),
            (1, 1, n)
        );
        assert_eq!(found.silhouette, 0.0);
        assert!(
            found.choice.method.contains("too few"),
            "{}",
            found.choice.method
        );
    }
    assert_eq!(run(&papers(2, 2), &with_k(2)).unwrap().topics.len(), 2);
}

#[test]
fn identical_papers_are_one_topic_unless_more_are_asked_for() {
    let one = &papers(1, 1)[0];
    let same: Vec<_> = (0..12)
        .map(|i| (format!("copy-{i:02}"), one.1.clone(), one.2.clone()))
        .collect();
    let found = run(&same, &TopicOptions::default()).unwrap();
    assert_eq!(found.choice.k, 1);
    assert!((found.tightness - 1.0).abs() < 1e-5);
    let split = run(&same, &with_k(3)).unwrap();
    assert!(split.topics.iter().all(|t| t.size > 0));
    assert_eq!(
        split
            .topics
            .iter()
            .map(|t| &t.name)
            .collect::<HashSet<_>>()
            .len(),
        3
    );
}

#[test]
fn duplicates_share_a_topic() {
    let mut all = papers(50, 5);
    let copies: Vec<_> = all
        .iter()
        .map(|p| (format!("{}-copy", p.0), p.1.clone(), p.2.clone()))
        .collect();
    all.extend(copies);
    let found = run(&all, &TopicOptions::default()).unwrap();
    assert!((0..50).all(|i| found.assignment[i] == found.assignment[i + 50]));
}

#[test]
fn other_scripts_and_texts_without_words_get_a_name() {
    let text = |id: &str, title: &str, body: &str| {
        (id.to_owned(), title.to_owned(), format!("{title}. {body}"))
    };
    let papers = [
        text(
            "a",
            "自监督学习用于医学图像分割",
            "我们研究医学图像分割, 医学图像分割",
        ),
        text(
            "b",
            "Самообучение для сегментации",
            "Метод для сегментации изображений",
        ),
        text("c", "...", "!!! ??"),
        text("d", "", ""),
    ];
    let found = run(&papers, &with_k(4)).unwrap();
    let name_of = |i: usize| &found.topics[found.assignment[i] as usize].name;
    assert!(name_of(0).contains("医学"), "{}", name_of(0));
    assert!(
        name_of(1).to_lowercase().contains("сегментации"),
        "{}",
        name_of(1)
    );
    assert!(!name_of(2).is_empty() && !name_of(3).is_empty());
}

#[test]
fn phrases_are_embedded_in_one_call_and_progress_is_told() {
    let papers = papers(40, 5);
    let rows = vectors(&papers);
    let documents: Vec<Document<'_>> = papers
        .iter()
        .map(|(id, title, text)| Document { id, title, text })
        .collect();
    let (mut calls, mut steps) = (0, Vec::new());
    let mut embedder = |texts: &[String]| {
        calls += 1;
        assert_eq!(
            texts.iter().collect::<HashSet<_>>().len(),
            texts.len(),
            "each phrase once"
        );
        embed_all(texts)
    };
    topics(
        &rows,
        &documents,
        &TopicOptions::default(),
        Tools {
            neighbors: &mut nearest,
            embed_phrases: &mut embedder,
            seeds: None,
        },
        &mut |step| steps.push(step),
    )
    .unwrap();
    assert_eq!(calls, 1);
    assert!(matches!(
        steps.first(),
        Some(Step::ChooseK { tried: 0, .. })
    ));
    assert!(steps.contains(&Step::Cluster));
    assert!(matches!(steps.last(), Some(Step::Label { done, of }) if done == of));
}

#[test]
fn smoothed_clusters_find_the_subjects_whatever_the_order_and_the_number_of_threads() {
    let papers = papers(1_500, 5);
    let ids: Vec<&str> = papers.iter().map(|p| p.0.as_str()).collect();
    let rows = vectors(&papers);
    let cluster = |rows: &Embeddings, ids: &[&str]| {
        partition(rows, ids, &with_k(5), &mut nearest, &mut |_| {})
            .unwrap()
            .assignment
    };
    let found = cluster(&rows, &ids);
    let subjects: Vec<u32> = (0..1_500).map(|i| i % 5).collect();
    assert!(agreement(&found, &subjects).ari > 0.99);
    let turned: Vec<usize> = (0..1_500).map(|i| i * 7 % 1_500).collect();
    let turned_ids: Vec<&str> = turned.iter().map(|&i| ids[i]).collect();
    let turned_rows = rows.select(turned.iter().map(|&i| syntopic_core::Row::from_index(i)));
    for threads in [1, 2] {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        let again = pool.install(|| cluster(&turned_rows, &turned_ids));
        let expected: Vec<u32> = turned.iter().map(|&i| found[i]).collect();
        assert_eq!(again, expected, "{threads} threads");
    }
}

#[test]
fn neighbours_are_asked_for_from_a_thousand_papers_on_and_their_failure_is_named() {
    let cluster = |n: usize| {
        let papers = papers(n, 5);
        let ids: Vec<&str> = papers.iter().map(|p| p.0.as_str()).collect();
        let mut fail = |_: &Embeddings, _| Err("no index".into());
        partition(&vectors(&papers), &ids, &with_k(5), &mut fail, &mut |_| {}).map(|_| ())
    };
    cluster(999).unwrap();
    assert!(cluster(1_000).unwrap_err().to_string().contains("no index"));
    let other = papers(1_000, 5);
    let ids: Vec<&str> = other.iter().map(|p| p.0.as_str()).collect();
    let mut wrong = |_: &Embeddings, _| Ok(NeighborGraph::new(2, 1, vec![1, 0])?);
    let error = partition(&vectors(&other), &ids, &with_k(5), &mut wrong, &mut |_| {}).unwrap_err();
    assert!(error.to_string().contains("2 rows, 1000"), "{error}");
}
