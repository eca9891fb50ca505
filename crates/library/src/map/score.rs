//! How much of the neighbourhoods of vectors in a file our layout keeps, or another program's.

use crate::map::{MapError, MapOptions, place};
use crate::neighbors::neighbors;
use crate::{LibraryError, Progress, npy};
use serde::Serialize;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::time::Instant;
use syntopic_index::{Index, IndexOptions};
use syntopic_topics::map::{MapScore, score};

/// What is compared.
#[derive(Debug, Clone, PartialEq)]
pub struct MapScoreRequest {
    /// A `.npy` matrix of 32-bit floats, a row a vector.
    pub vectors: PathBuf,
    /// Another program's layout of them, a `.npy` matrix of two 32-bit floats a row; without it, ours is made.
    pub layout: Option<PathBuf>,
    /// Nearest of each row that are compared.
    pub k: usize,
    /// How ours is made.
    pub options: MapOptions,
}

/// What a layout keeps, and how long it took.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct MapScoreReport {
    /// Whose layout: "syntopic" or the file.
    pub layout: String,
    /// The figures.
    #[serde(flatten)]
    pub score: MapScore,
    /// Seconds for index and neighbours, of our own.
    pub neighbors_s: Option<f64>,
    /// Seconds for the layout, of our own.
    pub layout_s: Option<f64>,
}

/// Makes a layout, or reads another's, and says how much of the neighbourhoods it keeps.
///
/// # Errors
/// When a file cannot be read or is no such matrix, layout and vectors differ in number, an option is wrong, or `progress` asked to
/// stop.
pub fn score_map(
    request: &MapScoreRequest,
    progress: &mut Progress<'_>,
) -> Result<MapScoreReport, LibraryError> {
    request.options.check()?;
    let vectors = npy::read_unit_rows(&request.vectors)?;
    if let Some(path) = &request.layout {
        let (numbers, dim) = npy::read_rows(path)?;
        if dim != 2 {
            return Err(LibraryError::Matrix {
                path: path.clone(),
                why: format!("its rows have {dim} numbers: a layout has 2, right and up"),
            });
        }
        return Ok(MapScoreReport {
            layout: path.display().to_string(),
            score: score(&vectors, numbers.as_chunks::<2>().0, request.k)?,
            neighbors_s: None,
            layout_s: None,
        });
    }
    if vectors.n_rows() < 2 {
        return Err(LibraryError::Map(MapError::Option {
            name: "k",
            got: request.k.to_string(),
            rule: "below half the number of rows",
        }));
    }
    let start = Instant::now();
    let index = Index::build(&vectors, &IndexOptions::default(), &mut |_| {
        ControlFlow::Continue(())
    })?;
    let near = neighbors(&index, (&vectors).into(), super::NEIGHBORS, progress)?;
    let neighbors_s = start.elapsed().as_secs_f64();
    let start = Instant::now();
    let positions = place(&vectors, &near, &request.options, progress)?;
    let layout_s = start.elapsed().as_secs_f64();
    Ok(MapScoreReport {
        layout: String::from("syntopic"),
        score: score(&vectors, &positions, request.k)?,
        neighbors_s: Some(neighbors_s),
        layout_s: Some(layout_s),
    })
}
