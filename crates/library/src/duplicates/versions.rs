//! Which of several versions of one paper is a hit, and how the others are told of beside it.
//!
//! Not for: what makes two records versions of one paper (`duplicates/`), nor for finding all versions in a library: only those are
//! seen that are among the candidates of a query.

use super::{Version, groups, may_hold_volumes};
use crate::LibraryError;
use crate::engine::Library;
use crate::hybrid::Ranked;
use std::collections::BTreeSet;
use syntopic_core::Paper;

/// Candidates that are looked at beyond the hits that are to be shown, as some of them may be versions of others.
pub(crate) const BESIDE: usize = 10;

/// A candidate that may be shown.
pub(crate) struct Shown {
    pub(crate) ranked: Ranked,
    pub(crate) paper: Paper,
    /// Other versions of the paper, best first, which are not shown.
    pub(crate) versions: Vec<Version>,
}

/// Candidates of which each paper is there once.
pub(crate) struct Once {
    /// Best first.
    pub(crate) shown: Vec<Shown>,
    /// Ids of candidates that are versions of a paper that was asked with.
    pub(crate) of_queries: Vec<String>,
}

impl Library {
    /// The papers of candidates, each with no other version.
    pub(crate) fn all_versions(&self, found: Vec<Ranked>) -> Result<Vec<Shown>, LibraryError> {
        let catalogue = self.catalogue()?;
        let shown = found.into_iter().map(|ranked| {
            Ok(Shown {
                ranked,
                paper: self.confirmed_paper(ranked.row, &catalogue.id(ranked.row)?)?,
                versions: Vec::new(),
            })
        });
        shown.collect()
    }

    /// Of each paper the best of its versions among the candidates, and none of the papers that were asked with.
    pub(crate) fn one_version(
        &mut self,
        found: Vec<Ranked>,
        queries: &[&Paper],
    ) -> Result<Once, LibraryError> {
        let candidates = self.all_versions(found)?;
        let papers = candidates.iter().map(|candidate| &candidate.paper);
        let papers: Vec<&Paper> = queries.iter().copied().chain(papers).collect();
        // Few of a volume's papers may be here: the library knows them all.
        let none = BTreeSet::new();
        let volumes = match may_hold_volumes(&papers) {
            true => self.volumes()?,
            false => &none,
        };
        let first = first_of_each(&papers, volumes);
        Ok(once(candidates, &first, queries.len()))
    }
}

/// For each paper the place of the first one that it is a version of: its own where it is that.
fn first_of_each(papers: &[&Paper], volumes: &BTreeSet<String>) -> Vec<usize> {
    let mut first: Vec<usize> = (0..papers.len()).collect();
    for group in groups(papers, volumes).0 {
        for member in group.members.iter() {
            first[*member] = group.members[0];
        }
    }
    first
}

/// Leaves of each group its first; `first` says which that is, of `n` queries and then of the candidates.
fn once(candidates: Vec<Shown>, first: &[usize], n: usize) -> Once {
    let mut shown: Vec<Shown> = Vec::new();
    let mut of_queries = Vec::new();
    let mut place = vec![usize::MAX; first.len()];
    for (candidate, &first) in candidates.into_iter().zip(&first[n..]) {
        if first < n {
            of_queries.push(candidate.paper.id.to_string());
        } else if let Some(known) = shown.get_mut(place[first]) {
            known.versions.push(Version::of(&candidate.paper));
        } else {
            place[first] = shown.len();
            shown.push(candidate);
        }
    }
    Once { shown, of_queries }
}

#[cfg(test)]
mod tests {
    use crate::{AddOptions, Filter, Library, Query, Related, RelatedOptions, Source};
    use std::ops::ControlFlow;

    fn line(id: &str, title: &str, year: usize, doi: &str) -> String {
        format!(
            "{{\"id\":\"{id}\",\"title\":\"{title}\",\"abstract\":\"We write on {title} and of {id}.\",\"year\":{year},\"doi\":\"{doi}\"}}\n"
        )
    }

    /// A library of these lines, in a folder that goes with the first of the two.
    fn library(lines: String) -> (tempfile::TempDir, Library) {
        let place = tempfile::tempdir().unwrap();
        let mut library = Library::open_or_create(place.path().join("library")).unwrap();
        let options = AddOptions {
            model: Some(String::from(crate::EMBEDDED)),
            ..AddOptions::default()
        };
        let (name, text) = (String::from("papers"), &*String::leak(lines));
        let source = Source::Text { name, text };
        let mut go_on = |_: crate::Event<'_>| ControlFlow::Continue(());
        library.add(&[source], &options, &mut go_on).unwrap();
        (place, library)
    }

    fn ask(library: &mut Library, id: &str, options: &RelatedOptions) -> Related {
        let query = Query::Paper(id.to_owned());
        let mut go_on = |_: crate::Event<'_>| ControlFlow::Continue(());
        library.related(&query, options, &mut go_on).unwrap()
    }

    fn ids(related: &Related) -> Vec<&str> {
        related.hits.iter().map(|hit| hit.id.as_str()).collect()
    }

    fn first(k: usize) -> RelatedOptions {
        RelatedOptions {
            k,
            ..RelatedOptions::default()
        }
    }

    /// Thirty versions of one paper, two of another, and three papers.
    fn with_versions() -> String {
        let mut lines = String::new();
        for version in 1..=30 {
            let id = format!("2103.00001v{version}");
            lines += &line(&id, "masked graph autoencoders", 1990 + version, "");
        }
        lines += &line("q", "masked autoencoders of graphs", 2020, "10.1/q");
        lines += &line(
            "q-late",
            "autoencoders with masks",
            2021,
            "https://doi.org/10.1/Q",
        );
        for (id, title) in [
            ("a", "graphs of molecules"),
            ("b", "prices of power"),
            ("c", "masks"),
        ] {
            lines += &line(id, title, 2020, "");
        }
        lines
    }

    #[test]
    fn hits_show_one_version_and_name_the_others() {
        let (_place, mut library) = library(with_versions());
        let found = ask(&mut library, "q", &first(3));
        let hit = found
            .hits
            .iter()
            .find(|hit| hit.id.starts_with("2103."))
            .unwrap();
        assert_eq!(
            (found.hits.len(), hit.versions.len()),
            (3, 29),
            "{:?}",
            ids(&found)
        );
        assert!(
            found
                .hits
                .iter()
                .all(|hit| hit.rank == 1 || hit.id != "q-late")
        );
        assert!(found.notes.contains(&String::from(
            "versions of what was asked are no hits: q-late"
        )));
        assert_eq!(
            ids(&ask(&mut library, "q", &first(9))).len(),
            4,
            "no more papers are there"
        );
        let all = RelatedOptions {
            all_versions: true,
            ..first(40)
        };
        let all = ask(&mut library, "q", &all);
        assert_eq!(all.hits.len(), 34);
        assert!(all.hits.iter().all(|hit| hit.versions.is_empty()));
        // The version that is shown is the best of them, with the score that it has among all.
        let best = all
            .hits
            .iter()
            .find(|other| other.id.starts_with("2103."))
            .unwrap();
        assert_eq!(hit.id, best.id);
        let own = ask(&mut library, "2103.00001v7", &first(9));
        assert_eq!(own.hits.len(), 4);
        assert!(
            own.notes
                .iter()
                .any(|note| note.matches("2103.00001v").count() == 5
                    && note.ends_with(" and 24 more"))
        );
    }

    #[test]
    fn a_filter_and_diversity_see_each_paper_once_too() {
        let (_place, mut library) = library(with_versions());
        let options = RelatedOptions {
            filter: Filter {
                from_year: Some(2000),
                to_year: Some(2011),
                ..Filter::default()
            },
            ..first(5)
        };
        let found = ask(&mut library, "q", &options);
        assert_eq!((found.hits.len(), found.hits[0].versions.len()), (1, 11));
        let options = RelatedOptions {
            diverse: true,
            ..first(4)
        };
        let found = ask(&mut library, "q", &options);
        let versions = ids(&found).into_iter().filter(|id| id.starts_with("2103."));
        assert_eq!((found.hits.len(), versions.count()), (4, 1));
    }

    #[test]
    fn papers_of_one_volume_are_all_shown() {
        let of_volume = |n: usize| {
            let mut lines = line("q", "graphs of images", 2020, "");
            for at in 0..n {
                let year = if at < 3 { 2020 } else { 1999 };
                let title = format!("graphs of kind {at}");
                lines += &line(&format!("v{at}"), &title, year, "10.1/Volume");
            }
            lines
        };
        // Three of them pass: they alone look like versions of one paper.
        let options = RelatedOptions {
            filter: Filter {
                from_year: Some(2020),
                ..Filter::default()
            },
            ..first(5)
        };
        let (_place, mut of_one) = library(of_volume(8));
        assert_eq!(ask(&mut of_one, "q", &options).hits.len(), 1);
        let (_place, mut volume) = library(of_volume(9));
        assert_eq!(ask(&mut volume, "q", &options).hits.len(), 3);
        assert_eq!(ask(&mut volume, "v0", &options).hits.len(), 3);
    }

    #[test]
    fn few_papers_are_no_trouble() {
        let (_place, mut one) = library(line("a", "graphs", 2020, ""));
        assert!(ask(&mut one, "a", &first(3)).hits.is_empty());
        let two = line("a", "graphs", 2020, "10.1/x") + &line("b", "graphs", 2020, "10.1/x");
        let (_place, mut two) = library(two);
        let found = ask(&mut two, "a", &first(3));
        assert!(found.hits.is_empty() && found.notes.iter().any(|note| note.ends_with(": b")));
    }
}
