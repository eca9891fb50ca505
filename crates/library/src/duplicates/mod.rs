//! Which records of a library are versions of one paper.
//!
//! Two records are, when they have the same DOI (upper and lower case and URL alike), the same arXiv id without its version, or
//! nearly the same text: the same title, letter by letter without spaces and marks, over abstracts that share 60% of their words
//! (Dice); or titles that share 80% of their words and have the same numbers, over abstracts that share 90%; or, where one has
//! no abstract, the same title of four words or more, with years no more than one apart and a name in common where both are known.
//! Versions of versions are in one group. A DOI or an arXiv id that stands beside more than eight titles is not a paper's own, but
//! that of a volume, and is not counted.
//!
//! Not for: papers that are merely alike (`related.rs`).

pub(crate) mod keys;
mod near;
#[cfg(test)]
mod tests;
pub(crate) mod versions;

use crate::LibraryError;
use crate::engine::Library;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use syntopic_core::Paper;

/// Most titles that one identifier may stand beside.
const TITLES_OF_ONE: usize = 8;

/// Why two records are versions of one paper.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SameBy {
    /// They have the same DOI.
    Doi,
    /// They have the same arXiv id, whatever its version.
    Arxiv,
    /// Title and abstract are nearly the same.
    Text,
}

impl SameBy {
    /// As it is told to people.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Doi => "same DOI",
            Self::Arxiv => "same arXiv id",
            Self::Text => "near-identical text",
        }
    }
}

/// One record of a group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Version {
    /// Its id.
    pub id: String,
    /// Its title.
    pub title: String,
    /// Its year, if known.
    pub year: Option<i32>,
}

impl Version {
    /// What is told of a record.
    pub(crate) fn of(paper: &Paper) -> Self {
        Self {
            id: paper.id.to_string(),
            title: paper.title.clone(),
            year: paper.year,
        }
    }
}

/// Records of one paper, two or more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct VersionGroup {
    /// What holds the group together: each reason that links two of it.
    pub reasons: Vec<SameBy>,
    /// In the order of ids.
    pub papers: Vec<Version>,
}

/// The versions in a library.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DuplicatesReport {
    /// How many records were compared.
    pub papers: usize,
    /// How many of them would go if one of each group stayed.
    pub extra: usize,
    /// In the order of their first ids.
    pub groups: Vec<VersionGroup>,
    /// DOIs and arXiv ids that stand beside too many titles to be a paper's own, and so group nothing.
    pub of_volumes: Vec<String>,
}

impl Library {
    /// The groups of records that are versions of one paper. No model is needed.
    ///
    /// # Errors
    /// When the library cannot be read.
    pub fn duplicates(&self) -> Result<DuplicatesReport, LibraryError> {
        let papers = self.papers()?;
        let all: Vec<&Paper> = papers.iter().collect();
        let version = |&place: &usize| Version::of(&papers[place]);
        let (groups, of_volumes) = groups(&all, &BTreeSet::new());
        let groups = groups.into_iter().map(|group| VersionGroup {
            reasons: group.reasons.into_iter().collect(),
            papers: group.members.iter().map(version).collect(),
        });
        let groups: Vec<VersionGroup> = groups.collect();
        Ok(DuplicatesReport {
            papers: papers.len(),
            extra: groups.iter().map(|group| group.papers.len() - 1).sum(),
            groups,
            of_volumes: of_volumes.into_iter().collect(),
        })
    }

    /// The identifiers of the library that are a volume's; read once as long as the papers stay the same.
    pub(crate) fn volumes(&mut self) -> Result<&BTreeSet<String>, LibraryError> {
        let generation = self.catalogue()?.stamp().generation;
        self.volumes.take_if(|(known, _)| *known != generation);
        let volumes = match self.volumes.take() {
            Some((_, volumes)) => volumes,
            None => volumes(&self.store()?.identified()?),
        };
        Ok(&self.volumes.insert((generation, volumes)).1)
    }
}

/// Identifiers of `papers` that stand beside too many titles to be a paper's own.
fn volumes(papers: &[Paper]) -> BTreeSet<String> {
    let all: Vec<&Paper> = papers.iter().collect();
    let of = |&(identifier, _): &(Identifier, SameBy)| Bearers::of(&all, identifier);
    let bearers = IDENTIFIERS.iter().flat_map(of);
    let many = bearers.filter(|bearers| bearers.titles > TITLES_OF_ONE);
    many.map(|bearers| bearers.identifier).collect()
}

/// Places of records that are versions of one paper.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Group {
    /// Ascending, two or more.
    pub(crate) members: Vec<usize>,
    pub(crate) reasons: BTreeSet<SameBy>,
}

/// An identifier of a paper, where it has one.
type Identifier = fn(&Paper) -> Option<String>;

/// The identifiers that versions share.
const IDENTIFIERS: [(Identifier, SameBy); 2] =
    [(keys::doi, SameBy::Doi), (keys::arxiv, SameBy::Arxiv)];

/// The groups of `papers`, in the order of their first members, and the identifiers that group nothing: those of `volumes`, which are
/// known already, and those that stand beside too many titles here.
pub(crate) fn groups(
    papers: &[&Paper],
    volumes: &BTreeSet<String>,
) -> (Vec<Group>, BTreeSet<String>) {
    let (mut links, mut of_volumes) = (Vec::new(), BTreeSet::new());
    for (identifier, why) in IDENTIFIERS {
        for bearers in Bearers::of(papers, identifier) {
            if bearers.titles > TITLES_OF_ONE || volumes.contains(&bearers.identifier) {
                of_volumes.insert(bearers.identifier);
                continue;
            }
            let first = bearers.places[0];
            links.extend(bearers.places[1..].iter().map(|&place| (first, place, why)));
        }
    }
    let candidates = near::candidates(papers).into_iter();
    let near = candidates.filter(|&(a, b)| near::near_identical(papers[a], papers[b]));
    links.extend(near.map(|(a, b)| (a, b, SameBy::Text)));
    let mut sets = Sets((0..papers.len()).collect());
    links.iter().for_each(|&(a, b, _)| sets.join(a, b));
    let mut groups: BTreeMap<usize, Group> = BTreeMap::new();
    for &(a, _, why) in &links {
        let group = groups.entry(sets.root(a)).or_insert_with(|| Group {
            members: Vec::new(),
            reasons: BTreeSet::new(),
        });
        group.reasons.insert(why);
    }
    for place in 0..papers.len() {
        if let Some(group) = groups.get_mut(&sets.root(place)) {
            group.members.push(place);
        }
    }
    (groups.into_values().collect(), of_volumes)
}

/// Whether an identifier of `papers` stands beside two titles or more, so that only the whole library can say whether it is a volume's.
pub(crate) fn may_hold_volumes(papers: &[&Paper]) -> bool {
    let mut all = IDENTIFIERS.iter();
    all.any(|&(identifier, _)| {
        let mut bearers = Bearers::of(papers, identifier);
        bearers.any(|bearers| bearers.titles > 1)
    })
}

/// Who has an identifier.
struct Bearers {
    identifier: String,
    /// Ascending, one or more.
    places: Vec<usize>,
    /// How many different titles they have.
    titles: usize,
}

impl Bearers {
    /// Of each identifier of `papers`, in the order of identifiers.
    fn of(papers: &[&Paper], identifier: Identifier) -> impl Iterator<Item = Self> {
        let mut all: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for (place, paper) in papers.iter().enumerate() {
            if let Some(identifier) = identifier(paper) {
                all.entry(identifier).or_default().push(place);
            }
        }
        all.into_iter().map(|(identifier, places)| {
            let titles = places.iter().map(|&at| papers[at].title.to_lowercase());
            let titles = titles.collect::<BTreeSet<_>>().len();
            Self {
                identifier,
                places,
                titles,
            }
        })
    }
}

/// Disjoint sets, each known by its smallest member.
struct Sets(Vec<usize>);

impl Sets {
    fn root(&mut self, mut place: usize) -> usize {
        while self.0[place] != place {
            self.0[place] = self.0[self.0[place]];
            place = self.0[place];
        }
        place
    }

    fn join(&mut self, a: usize, b: usize) {
        let (a, b) = (self.root(a), self.root(b));
        self.0[a.max(b)] = a.min(b);
    }
}
