//! Where the papers lie on a map, kept as a file of the library: laying out 50,000 takes minutes.
//!
//! A layout of the default options alone is kept, and of [`KEPT_FROM`] papers or more: fewer are laid out in a moment. Not for: what
//! else is on a map, which is read anew.

use crate::engine::Library;
use crate::map::MapOptions;
use crate::rows::Sha;
use crate::{Event, Progress, derived};
use sha2::{Digest, Sha256};

/// Name of the file in the library's folder.
pub(crate) const FILE: &str = "map.bin";

/// Papers from which on a layout is kept.
#[cfg(not(test))]
const KEPT_FROM: usize = 2_000;
#[cfg(test)]
const KEPT_FROM: usize = 50;

/// Another one where the same vectors and options are laid out otherwise than before.
const METHOD: &str = "syntopic map 1";

/// Bytes of a SHA-256.
const HASH: usize = 32;

/// Why a file is no layout of these vectors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unusable {
    /// Its bytes are not those that were written.
    Damaged,
    /// It is of other papers, vectors or options.
    Stale,
}

/// What a layout is made from: the vectors and their ids, the options, and how we lay out.
fn made_from(rows: &Sha, options: &MapOptions) -> Sha {
    let mut hash = Sha256::new();
    hash.update(METHOD);
    hash.update(rows);
    hash.update(format!("{options:?}"));
    hash.finalize().into()
}

/// A checksum of what follows; what it was made from; two little-endian f32 a paper.
fn to_bytes(positions: &[[f32; 2]], made_from: &Sha) -> Vec<u8> {
    let mut bytes = vec![0; HASH];
    bytes.extend_from_slice(made_from);
    let numbers = positions.iter().flatten();
    bytes.extend(numbers.flat_map(|number| number.to_le_bytes()));
    let checksum: Sha = Sha256::digest(&bytes[HASH..]).into();
    bytes[..HASH].copy_from_slice(&checksum);
    bytes
}

/// The positions of so many papers, if nothing was altered and they were made from `made_from`.
fn of_bytes(bytes: &[u8], made_from: &Sha, papers: usize) -> Result<Vec<[f32; 2]>, Unusable> {
    let (checksum, rest) = bytes.split_at_checked(HASH).ok_or(Unusable::Damaged)?;
    let actual: Sha = Sha256::digest(rest).into();
    if checksum != actual {
        return Err(Unusable::Damaged);
    }
    let (source, numbers) = rest.split_at_checked(HASH).ok_or(Unusable::Damaged)?;
    let (pairs, odd) = numbers.as_chunks::<8>();
    if source != made_from || pairs.len() != papers || !odd.is_empty() {
        return Err(Unusable::Stale);
    }
    let position =
        |[a, b, c, d, e, f, g, h]: [u8; 8]| [[a, b, c, d], [e, f, g, h]].map(f32::from_le_bytes);
    Ok(pairs.iter().copied().map(position).collect())
}

/// Whether a layout of so many papers is kept.
fn is_kept(options: &MapOptions, papers: usize) -> bool {
    *options == MapOptions::default() && papers >= KEPT_FROM
}

impl Library {
    /// The layout of the rows with this SHA-256, where it is at hand.
    pub(super) fn kept_layout(
        &self,
        (rows, papers): (&Sha, usize),
        options: &MapOptions,
        progress: &mut Progress<'_>,
    ) -> Option<Vec<[f32; 2]>> {
        if !is_kept(options, papers) {
            return None;
        }
        let bytes = std::fs::read(self.folder.join(FILE)).ok()?;
        let read = of_bytes(&bytes, &made_from(rows, options), papers);
        if read == Err(Unusable::Damaged) {
            let note = format!("{FILE} is made again: it is damaged");
            let _ = progress(Event::Note(&note));
        }
        read.ok()
    }

    /// Keeps it for the next time.
    pub(super) fn keep_layout(
        &self,
        rows: &Sha,
        positions: &[[f32; 2]],
        options: &MapOptions,
        progress: &mut Progress<'_>,
    ) {
        if is_kept(options, positions.len()) {
            let bytes = to_bytes(positions, &made_from(rows, options));
            derived::keep(&self.folder.join(FILE), &bytes, progress);
        }
    }
}

/// What is wrong with the file at this path, if it is there and its bytes are not those that were written.
pub(crate) fn file_problem(path: &std::path::Path) -> Option<&'static str> {
    let bytes = std::fs::read(path).ok()?;
    let read = of_bytes(&bytes, &[0; HASH], 0);
    (read == Err(Unusable::Damaged)).then_some("its bytes are not those that were written")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::map::{MapData, MapRequest};
    use crate::{AddOptions, LibraryError, Source};
    use std::ops::ControlFlow;
    use std::path::Path;

    #[test]
    fn what_is_kept_comes_back_and_nothing_else() {
        let positions = [[0.25, -1.0], [f32::MIN_POSITIVE, 0.1]];
        let bytes = to_bytes(&positions, &[7; 32]);
        assert_eq!(of_bytes(&bytes, &[7; 32], 2).unwrap(), positions);
        assert_eq!(of_bytes(&bytes, &[8; 32], 2), Err(Unusable::Stale));
        assert_eq!(of_bytes(&bytes, &[7; 32], 3), Err(Unusable::Stale));
        for index in 0..bytes.len() {
            let mut flipped = bytes.clone();
            flipped[index] ^= 1;
            assert_eq!(
                of_bytes(&flipped, &[7; 32], 2),
                Err(Unusable::Damaged),
                "byte {index} flipped"
            );
            assert!(of_bytes(&bytes[..index], &[7; 32], 2).is_err());
        }
        let other = MapOptions {
            exaggeration: 4.0,
            ..MapOptions::default()
        };
        assert!(is_kept(&MapOptions::default(), KEPT_FROM));
        assert!(!is_kept(&MapOptions::default(), KEPT_FROM - 1));
        assert!(!is_kept(&other, KEPT_FROM));
        let of = |options| made_from(&[1; 32], options);
        assert_ne!(of(&other), of(&MapOptions::default()));
    }

    fn add(library: &mut Library, from: usize, n: usize) {
        let lines = (from..from + n).map(|i| {
            let subject = ["graphs", "images", "proteins", "markets"][i % 4];
            format!("{{\"id\":\"p{i}\",\"title\":\"On {subject} {i}\"}}\n")
        });
        let text: &'static str = String::leak(lines.collect());
        let model = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../tests/reference/tiny/bert-cls"
        );
        let options = AddOptions {
            model: Some(model.to_owned()),
            ..AddOptions::default()
        };
        let name = String::from("p.jsonl");
        let go_on = &mut |_: Event<'_>| ControlFlow::Continue(());
        library
            .add(&[Source::Text { name, text }], &options, go_on)
            .unwrap();
    }

    /// The map, what was noted, and whether anything was laid out.
    fn map(folder: &Path, related: usize) -> (MapData, Vec<String>, bool) {
        let (mut notes, mut laid_out) = (Vec::new(), false);
        let request = MapRequest {
            related,
            make_topics: false,
            ..MapRequest::default()
        };
        let mut library = Library::open(folder).unwrap();
        let made: Result<MapData, LibraryError> = library.map(&request, &mut |event| {
            match event {
                Event::Note(note) => notes.push(note.to_owned()),
                Event::Topics { step, .. } => laid_out |= step == "laying out the map",
                _ => {}
            }
            ControlFlow::Continue(())
        });
        (made.unwrap(), notes, laid_out)
    }

    #[test]
    fn a_layout_is_made_once_for_the_papers_and_again_where_they_or_the_file_change() {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path().join("library");
        let mut library = Library::open_or_create(&folder).unwrap();
        add(&mut library, 0, KEPT_FROM);
        let (first, _, laid_out) = map(&folder, 8);
        assert!(laid_out);
        // By another process, with or without related papers.
        for related in [8, 0] {
            let (again, notes, laid_out) = map(&folder, related);
            assert_eq!((laid_out, notes.len()), (false, 0), "{notes:?}");
            assert_eq!(again.positions, first.positions);
            assert_eq!(again.papers, first.papers);
            assert_eq!(again.n_related, related);
            assert_eq!(again.related.len(), related * KEPT_FROM);
        }
        assert_eq!(map(&folder, 8).0, first);
        assert!(library.derived_paths().contains(&folder.join(FILE)));

        // A damaged file is named, and made again as it was.
        let whole = std::fs::read(folder.join(FILE)).unwrap();
        let mut flipped = whole.clone();
        flipped[HASH + HASH + 3] ^= 0x40;
        std::fs::write(folder.join(FILE), &flipped).unwrap();
        assert!(file_problem(&folder.join(FILE)).is_some());
        let (again, notes, laid_out) = map(&folder, 8);
        assert!(
            laid_out && notes.iter().any(|note| note.contains(FILE)),
            "{notes:?}"
        );
        assert_eq!(again.positions, first.positions);
        assert_eq!(std::fs::read(folder.join(FILE)).unwrap(), whole);
        assert_eq!(file_problem(&folder.join(FILE)), None);

        // So is one of other papers, which is no damage.
        add(&mut library, KEPT_FROM, 1);
        let (other, notes, laid_out) = map(&folder, 0);
        assert!(laid_out && notes.is_empty(), "{notes:?}");
        assert_eq!(other.positions.len(), KEPT_FROM + 1);
        assert_ne!(std::fs::read(folder.join(FILE)).unwrap(), whole);
        assert!(!map(&folder, 0).2);
    }
}
