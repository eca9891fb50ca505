//! What each station of the main job costs on the sample corpus: reading, embedding, searching, topics.
//!
//! `cargo bench --bench stations`. Embedding needs the model; where it cannot be had, its benchmark says so and is left out.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use std::hint::black_box;
use std::ops::ControlFlow;
use syntopic_core::{Embeddings, Paper, Row, paper_text};
use syntopic_embed::models::{Registry, ResolveOptions, resolve};
use syntopic_embed::{EmbedOptions, Embedder, TextKind};
use syntopic_index::exact;
use syntopic_library::SAMPLE_PAGE;
use syntopic_topics::{Document, Tools, TopicOptions, topics};

fn papers() -> Vec<Paper> {
    let records = syntopic_formats::open("sample", Box::new(SAMPLE_PAGE.as_bytes()), None)
        .expect("a known format");
    records
        .map(|record| record.expect("readable").expect("a paper"))
        .collect()
}

fn embedder() -> Option<Embedder> {
    let entry = Registry::builtin().default_model();
    let folder = resolve(entry, &ResolveOptions::from_env(), &mut |_| {});
    folder
        .ok()
        .and_then(|folder| Embedder::load(&folder, EmbedOptions::default()).ok())
}

fn embed(embedder: &Embedder, texts: &[String]) -> Embeddings {
    embedder
        .embed(
            texts,
            TextKind::Document,
            &mut |_| ControlFlow::Continue(()),
        )
        .expect("vectors")
        .vectors
}

fn stations(criterion: &mut Criterion) {
    let papers = papers();
    let texts: Vec<String> = papers.iter().map(paper_text).collect();

    let mut group = criterion.benchmark_group("sample");
    group.throughput(Throughput::Bytes(SAMPLE_PAGE.len() as u64));
    group.bench_function("read the page", |b| {
        b.iter(|| {
            syntopic_formats::open("sample", Box::new(black_box(SAMPLE_PAGE).as_bytes()), None)
                .map(Iterator::count)
        });
    });
    let Some(embedder) = embedder() else {
        group.bench_function("embedding left out: no model", |b| b.iter(|| ()));
        return;
    };
    group.throughput(Throughput::Elements(texts.len() as u64));
    group.bench_function("tokenize", |b| {
        b.iter(|| {
            texts
                .iter()
                .map(|text| embedder.tokenize(text).map_or(0, |t| t.ids.len()))
                .sum::<usize>()
        });
    });
    group.sample_size(10);
    group.bench_function("embed", |b| b.iter(|| embed(&embedder, black_box(&texts))));
    let title = [papers[0].title.clone()];
    group.throughput(Throughput::Elements(1));
    group.bench_function("embed one title", |b| {
        b.iter(|| embed(&embedder, black_box(&title)))
    });

    let vectors = embed(&embedder, &texts);
    group.sample_size(100);
    group.bench_function("10 nearest, exact", |b| {
        b.iter(|| exact(&vectors, vectors.row(Row(0)), 10))
    });
    let documents: Vec<Document<'_>> = papers
        .iter()
        .zip(&texts)
        .map(|(paper, text)| Document {
            id: paper.id.as_str(),
            title: &paper.title,
            text,
        })
        .collect();
    group.sample_size(10);
    group.bench_function("topics, phrases embedded", |b| {
        let mut phrases = |phrases: &[String]| Ok(embed(&embedder, phrases));
        // So few papers are not drawn towards their neighbours.
        let mut neighbors = |_: &_, _| Err("no neighbours are looked up".into());
        b.iter(|| {
            let tools = Tools {
                neighbors: &mut neighbors,
                embed_phrases: &mut phrases,
                seeds: None,
            };
            topics(
                &vectors,
                &documents,
                &TopicOptions::default(),
                tools,
                &mut |_| {},
            )
            .expect("topics")
            .topics
            .len()
        });
    });
    group.finish();
}

criterion_group!(benches, stations);
criterion_main!(benches);
