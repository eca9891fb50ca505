//! Static models: read as model2vec reads them, and distilled from a teacher that is known to the last bit.

use safetensors::tensor::{Dtype, TensorView};
use std::ops::ControlFlow;
use std::path::Path;
use syntopic_embed::EmbedError;
use syntopic_embed::distill::{
    DistillError, DistillOptions, DistillProgress, DistillStep, Distilled, Provenance, Teacher,
    TeacherFn, distill,
};
use syntopic_embed::static_model::{StaticFiles, StaticModel, StaticModelError};

const CONFIG: &[u8] = br#"{"model_type": "model2vec", "normalize": true}"#;

/// A WordPiece tokenizer: three special tokens, then `words`.
fn tokenizer(words: &[&str]) -> Vec<u8> {
    let special = ["[PAD]", "[UNK]", "[CLS]"];
    let vocab: serde_json::Map<String, serde_json::Value> = special
        .iter()
        .chain(words)
        .enumerate()
        .map(|(id, &piece)| (piece.to_owned(), id.into()))
        .collect();
    let added: Vec<serde_json::Value> = special
        .iter()
        .enumerate()
        .map(|(id, content)| {
            serde_json::json!({"id": id, "content": content, "single_word": false, "lstrip": false,
                "rstrip": false, "normalized": false, "special": true})
        })
        .collect();
    let file = serde_json::json!({
        "version": "1.0", "truncation": null, "padding": null, "added_tokens": added,
        "normalizer": {"type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": true,
            "strip_accents": null, "lowercase": true},
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": null,
        "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": true},
        "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
            "max_input_chars_per_word": 100, "vocab": vocab},
    });
    serde_json::to_vec(&file).expect("JSON")
}

/// One tensor of a weights file.
struct Part(&'static str, Dtype, Vec<usize>, Vec<u8>);

fn f32s(name: &'static str, shape: &[usize], values: &[f32]) -> Part {
    let bytes = values.iter().flat_map(|x| x.to_le_bytes()).collect();
    Part(name, Dtype::F32, shape.to_vec(), bytes)
}

fn weights(parts: &[Part]) -> Vec<u8> {
    let views = parts.iter().map(|Part(name, dtype, shape, bytes)| {
        let view = TensorView::new(*dtype, shape.clone(), bytes).expect("a tensor");
        (*name, view)
    });
    safetensors::serialize(views, None).expect("a file")
}

fn model_of(parts: &[Part], config: &[u8]) -> Result<StaticModel, StaticModelError> {
    StaticModel::from_files(StaticFiles {
        weights: &weights(parts),
        config,
        tokenizer: &tokenizer(&["one", "two"]),
    })
}

fn close(got: &[f32], expected: &[f32]) {
    assert_eq!(got.len(), expected.len());
    for (x, y) in got.iter().zip(expected) {
        assert!((x - y).abs() < 1e-6, "{got:?} {expected:?}");
    }
}

/// Rows of the tokens `[PAD] [UNK] [CLS] one two`.
const ROWS: [f32; 10] = [0.0, 0.0, 9.0, 9.0, 0.0, 0.0, 1.0, 0.0, 0.0, 2.0];

#[test]
fn a_vector_is_the_mean_of_the_known_tokens_at_unit_length() {
    let model = model_of(&[f32s("embeddings", &[5, 2], &ROWS)], CONFIG).expect("a model");
    assert_eq!(
        (model.dim(), model.vocabulary(), model.max_tokens()),
        (2, 5, Some(512))
    );
    let rows = model
        .embed(&[vec![3u32], vec![3, 1, 4, 3]])
        .expect("vectors");
    let half = 0.5f32.sqrt();
    close(&rows.vectors, &[1.0, 0.0, half, half]);
    assert!(rows.without_tokens.is_empty());
}

#[test]
fn a_text_without_a_known_token_is_counted_and_gets_the_mean_of_all() {
    let model = model_of(&[f32s("embeddings", &[5, 2], &ROWS)], CONFIG).expect("a model");
    let texts: [&[u32]; 4] = [&[], &[4], &[1, 1], &[0]];
    let rows = model.embed(&texts).expect("vectors");
    assert_eq!(rows.without_tokens, [0, 2, 3]);
    let length = 5f32.sqrt();
    close(model.fallback(), &[1.0 / length, 2.0 / length]);
    close(&rows.vectors[..2], model.fallback());
    close(&rows.vectors[2..4], &[0.0, 1.0]);
    let none = model.embed::<&[u32]>(&[]).expect("no vectors");
    assert!(none.vectors.is_empty());
}

#[test]
fn int8_rows_weights_and_mapping_are_read() {
    let parts = [
        Part("embeddings", Dtype::I8, vec![2, 2], vec![127, 0, 0, 129]),
        f32s("weights", &[5], &[0.0, 0.0, 0.0, 3.0, 4.0]),
        Part(
            "mapping",
            Dtype::I64,
            vec![5],
            [0i64, 0, 0, 1, 0]
                .iter()
                .flat_map(|x| x.to_le_bytes())
                .collect(),
        ),
    ];
    let model = model_of(&parts, br#"{"max_length": null}"#).expect("a model");
    assert_eq!((model.vocabulary(), model.max_tokens()), (5, None));
    let rows = model.embed(&[[3u32, 4]]).expect("vectors");
    close(&rows.vectors, &[0.8, -0.6]);
}

#[test]
fn half_precision_and_the_other_tensor_name_are_read() {
    // 1, 2 and 0 in IEEE half precision.
    let halves: Vec<u8> = [0u16, 0, 0, 0, 0, 0, 0x3C00, 0, 0, 0x4000]
        .iter()
        .flat_map(|x| x.to_le_bytes())
        .collect();
    let model = model_of(
        &[Part("embedding.weight", Dtype::F16, vec![5, 2], halves)],
        CONFIG,
    )
    .expect("a model");
    let rows = model.embed(&[[3u32, 4]]).expect("vectors");
    close(&rows.vectors, &[1.0 / 5f32.sqrt(), 2.0 / 5f32.sqrt()]);
}

#[test]
fn what_is_no_static_model_is_refused_by_name() {
    let refused = |parts: &[Part], config: &[u8], expected: &str| {
        let error = model_of(parts, config).err().expect("an error").to_string();
        assert!(error.contains(expected), "{error:?} lacks {expected:?}");
    };
    let rows = || f32s("embeddings", &[5, 2], &ROWS);
    refused(
        &[f32s("other", &[1, 1], &[0.0])],
        CONFIG,
        "no tensor \"embeddings\"",
    );
    refused(
        &[f32s("embeddings", &[10], &ROWS)],
        CONFIG,
        "[10], expected (rows, dim)",
    );
    refused(&[f32s("embeddings", &[0, 2], &[])], CONFIG, "hold nothing");
    refused(
        &[rows(), f32s("weights", &[2], &[1.0, 1.0])],
        CONFIG,
        "2 weights for 5 tokens",
    );
    let mapping = Part("mapping", Dtype::I64, vec![1], 7i64.to_le_bytes().to_vec());
    refused(
        &[rows(), mapping],
        CONFIG,
        "token 0 is mapped to row 7 of 5",
    );
    refused(
        &[f32s("embeddings", &[1, 2], &[1.0, f32::NAN])],
        CONFIG,
        "NaN at 1",
    );
    refused(&[rows()], b"{", "config.json");
    refused(&[rows()], br#"{"max_length": -1}"#, "max_length is -1");
    refused(
        &[Part("embeddings", Dtype::U8, vec![1, 2], vec![1, 2])],
        CONFIG,
        "U8",
    );
    let error = StaticModel::load(Path::new("no/such/folder"))
        .err()
        .expect("an error");
    assert!(error.to_string().contains("model.safetensors"), "{error}");
    let cut = StaticModel::from_files(StaticFiles {
        weights: &weights(&[rows()])[..40],
        config: CONFIG,
        tokenizer: &tokenizer(&["one", "two"]),
    });
    assert!(
        cut.err()
            .expect("an error")
            .to_string()
            .contains("not a safetensors file")
    );
}

#[test]
fn a_foreign_id_is_refused() {
    let model = model_of(&[f32s("embeddings", &[5, 2], &ROWS)], CONFIG).expect("a model");
    let error = model
        .embed(&[vec![3u32], vec![4, 5]])
        .expect_err("an error");
    assert!(
        matches!(
            error,
            StaticModelError::UnknownToken {
                text: 1,
                id: 5,
                vocabulary: 5
            }
        ),
        "{error}"
    );
}

#[test]
fn neither_batch_nor_threads_change_a_bit() {
    let words = words();
    let (made, _) = distilled(&DistillOptions::default(), 2);
    let model = model(&made);
    let texts: Vec<Vec<u32>> = (0..500u32)
        .map(|i| {
            (0..i % 40)
                .map(|j| 3 + (i * 31 + j * 17) % words.len() as u32)
                .collect()
        })
        .collect();
    let all = model.embed(&texts).expect("vectors");
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(1)
        .build()
        .expect("a pool");
    assert_eq!(pool.install(|| model.embed(&texts)).expect("vectors"), all);
    for (i, text) in texts.iter().enumerate() {
        let alone = model.embed(&[text]).expect("a vector");
        assert_eq!(alone.vectors, all.vectors[i * model.dim()..][..model.dim()]);
    }
}

/// Sixty words of letters.
fn words() -> Vec<String> {
    let letters = |i: usize| char::from(b'a' + (i % 26) as u8);
    (0..60)
        .map(|i| format!("{}{}{}", letters(i), letters(i / 26 + 3), letters(i * 7)))
        .collect()
}

/// Numbers between -0.5 and 0.5 that a text alone determines.
fn hidden(word: &str) -> [f32; 12] {
    let mut state = word.bytes().fold(17u64, |h, b| {
        h.wrapping_mul(0x0100_0000_01B3) ^ u64::from(b)
    });
    std::array::from_fn(|_| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (state >> 40) as f32 / 16_777_216.0 - 0.5
    })
}

/// The mean of hidden vectors of words, some of which count ten times as much: what fitting has to find out.
fn teach(texts: &[&str]) -> Result<Vec<f32>, EmbedError> {
    let mut rows = Vec::new();
    for text in texts {
        let mut row = [0f32; 12];
        for word in text.split(' ') {
            let importance = if word.len() > 2 && word.as_bytes()[1] == b'd' {
                10.0
            } else {
                1.0
            };
            hidden(word)
                .iter()
                .zip(&mut row)
                .for_each(|(x, sum)| *sum += importance * x);
        }
        let length = row.iter().map(|x| x * x).sum::<f32>().sqrt();
        rows.extend(row.map(|x| x / length));
    }
    Ok(rows)
}

fn texts(n: usize) -> Vec<String> {
    let words = words();
    (0..n)
        .map(|i| {
            let chosen: Vec<&str> = (0..6)
                .map(|j| words[(i * 13 + j * j * 7 + i * j) % 60].as_str())
                .collect();
            chosen.join(" ")
        })
        .collect()
}

fn options() -> DistillOptions {
    DistillOptions {
        dim: 10,
        phrases: 300,
        batch: 32,
        epochs: 20,
        learning_rate: 0.1,
        ..DistillOptions::default()
    }
}

/// A distillation in a pool of so many threads; of `options`, what is of this file's size is replaced.
fn distilled(given: &DistillOptions, threads: usize) -> (Distilled, Vec<DistillProgress>) {
    let words = words();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build()
        .expect("a pool");
    let mut seen = Vec::new();
    let made = pool.install(|| {
        let teacher = Teacher {
            tokenizer: &tokenizer(&words),
            embed: &mut |texts: &[&str]| teach(texts),
        };
        let options = DistillOptions {
            seed: given.seed,
            ..options()
        };
        let mut progress = |p| {
            seen.push(p);
            ControlFlow::Continue(())
        };
        distill(teacher, &texts(1000), &options, &mut progress).expect("a model")
    });
    (made, seen)
}

fn model(made: &Distilled) -> StaticModel {
    let files = made.files(&Provenance::default()).expect("files");
    let file = |name| &files.iter().find(|(n, _)| *n == name).expect("a file").1;
    StaticModel::from_files(StaticFiles {
        weights: file("model.safetensors"),
        config: file("config.json"),
        tokenizer: file("tokenizer.json"),
    })
    .expect("a model")
}

#[test]
fn a_distilled_model_says_nearly_what_its_teacher_says() {
    let (made, seen) = distilled(&DistillOptions::default(), 2);
    // Ten of twelve dimensions hold so much of the teacher's vectors.
    assert!(
        made.share > 0.9 && made.loss < 0.01,
        "{} {}",
        made.share,
        made.loss
    );
    assert_eq!(made.fitted_on, (1000, 300));
    let mut steps: Vec<DistillStep> = seen.iter().map(|p| p.step).collect();
    steps.dedup();
    use DistillStep::{Fit, Phrases, Texts, Vocabulary};
    assert_eq!(steps, [Texts, Vocabulary, Phrases, Fit]);
    assert!(seen.iter().all(|p| p.done <= p.of));

    // Cosines of pairs of texts it never saw are the teacher's.
    let words = words();
    let unseen: Vec<Vec<u32>> = (0..40u32)
        .map(|i| (0..5).map(|j| 3 + (i * 11 + j * 23 + j * i) % 60).collect())
        .collect();
    let as_text: Vec<String> = unseen
        .iter()
        .map(|ids| {
            ids.iter()
                .map(|&id| words[id as usize - 3].as_str())
                .collect::<Vec<_>>()
                .join(" ")
        })
        .collect();
    let as_text: Vec<&str> = as_text.iter().map(String::as_str).collect();
    let said = teach(&as_text).expect("vectors");
    let got = model(&made).embed(&unseen).expect("vectors").vectors;
    let cosine = |rows: &[f32], dim: usize, i: usize, j: usize| -> f32 {
        rows[i * dim..][..dim]
            .iter()
            .zip(&rows[j * dim..][..dim])
            .map(|(x, y)| x * y)
            .sum()
    };
    let pairs = (0..40).flat_map(|i| (0..i).map(move |j| (i, j)));
    let differences: Vec<f32> = pairs
        .map(|(i, j)| (cosine(&got, 10, i, j) - cosine(&said, 12, i, j)).abs())
        .collect();
    let mean = differences.iter().sum::<f32>() / differences.len() as f32;
    assert!(mean < 0.08, "{mean}");
}

#[test]
fn the_seed_alone_decides() {
    let (one, _) = distilled(&DistillOptions::default(), 1);
    let (two, _) = distilled(&DistillOptions::default(), 3);
    assert_eq!(one, two);
    let other = DistillOptions {
        seed: 2,
        ..DistillOptions::default()
    };
    assert_ne!(distilled(&other, 1).0.embeddings, one.embeddings);
}

#[test]
fn the_folder_is_written_and_read_again() {
    let (made, _) = distilled(&DistillOptions::default(), 2);
    let home = tempfile::tempdir().expect("a folder");
    let folder = home.path().join("static");
    let provenance = Provenance {
        teacher: "org/teacher".into(),
        revision: "abc".into(),
        licence: "apache-2.0".into(),
        corpus: "Some abstracts.".into(),
        command: "make it".into(),
    };
    made.write(&folder, &provenance).expect("written");
    let read = StaticModel::load(&folder).expect("a model");
    let ids = [vec![5u32, 9, 60], vec![4]];
    assert_eq!(
        read.embed(&ids).expect("vectors"),
        model(&made).embed(&ids).expect("vectors")
    );
    let card = std::fs::read_to_string(folder.join("README.md")).expect("a card");
    for part in [
        "base_model: org/teacher",
        "revision abc",
        "apache-2.0",
        "Some abstracts.",
        "`make it`",
    ] {
        assert!(card.contains(part), "{card}");
    }
}

#[test]
fn what_cannot_be_distilled_is_said() {
    let words = words();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let tokenizer = tokenizer(&words);
    let attempt = |texts: &[String], options: DistillOptions, embed: &mut TeacherFn<'_>| {
        let teacher = Teacher {
            tokenizer: &tokenizer,
            embed,
        };
        distill(teacher, texts, &options, &mut |_| ControlFlow::Continue(()))
            .expect_err("an error")
            .to_string()
    };
    let good = &mut |texts: &[&str]| teach(texts);
    assert!(attempt(&[], options(), good).contains("no text to fit on"));
    assert!(
        attempt(
            &texts(9),
            DistillOptions {
                dim: 0,
                ..options()
            },
            good
        )
        .contains("dim is 0")
    );
    assert!(
        attempt(
            &texts(9),
            DistillOptions {
                dim: 13,
                ..options()
            },
            good
        )
        .contains("dim is 13, and the teacher")
    );
    assert!(
        attempt(
            &texts(9),
            DistillOptions {
                sif: f64::NAN,
                ..options()
            },
            good
        )
        .contains("sif is NaN")
    );
    assert!(
        attempt(&texts(9), options(), &mut |_| Ok(vec![1.0; 5])).contains("5 numbers for 9 texts")
    );
    let failing = &mut |_: &[&str]| Err(EmbedError::UnknownMode("broken".into()));
    assert!(attempt(&texts(9), options(), failing).contains("broken"));
    let teacher = Teacher {
        tokenizer: b"{}",
        embed: good,
    };
    let error = distill(teacher, &texts(9), &options(), &mut |_| {
        ControlFlow::Continue(())
    })
    .expect_err("an error");
    assert!(matches!(error, DistillError::Tokenizer(_)), "{error}");
    let teacher = Teacher {
        tokenizer: &tokenizer,
        embed: good,
    };
    let error = distill(teacher, &texts(9), &options(), &mut |_| {
        ControlFlow::Break(())
    })
    .expect_err("an error");
    assert!(matches!(error, DistillError::Cancelled), "{error}");
}

#[test]
fn the_embedded_model_is_small_and_tells_what_is_related() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models/embedded");
    let size: u64 = std::fs::read_dir(&folder)
        .expect("the folder")
        .map(|entry| entry.expect("an entry").metadata().expect("its size").len())
        .sum();
    assert!(size <= 8_000_000, "{size} bytes");
    let model = StaticModel::load(&folder).expect("a model");
    let tokenizer =
        tokenizers::Tokenizer::from_file(folder.join("tokenizer.json")).expect("a tokenizer");
    let texts = [
        "Transformers for machine translation of low-resource languages",
        "Neural translation models when little parallel text is at hand",
        "Bounds on the mass of the Higgs boson from proton collisions",
    ];
    let ids: Vec<Vec<u32>> = texts
        .iter()
        .map(|text| {
            tokenizer
                .encode_fast(*text, false)
                .expect("tokens")
                .get_ids()
                .to_vec()
        })
        .collect();
    let rows = model.embed(&ids).expect("vectors").vectors;
    let row = |i: usize| &rows[i * model.dim()..][..model.dim()];
    let near = syntopic_core::dot(row(0), row(1));
    let far = syntopic_core::dot(row(0), row(2)).max(syntopic_core::dot(row(1), row(2)));
    assert!(near > 0.4 && far < 0.2, "{near} {far}");
}
