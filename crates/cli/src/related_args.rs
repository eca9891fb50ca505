//! What `related` and `duplicates` take on the command line.

use crate::args::DeviceArgument;
use anyhow::{Context, ensure};
use clap::{ArgGroup, Args};
use std::path::{Path, PathBuf};
use syntopic_library::{Filter, RelatedMode};

const RELATED_EXAMPLES: &str = "\
Examples:
  syntopic related 2103.03230 -k 5
  syntopic related --text \"self-supervised learning for medical images\"
  syntopic related --file abstract.txt --json
  syntopic related --file my-papers.jsonl              like all papers of the file
  syntopic related --like-topic \"graph\" -k 20        near the centre of a topic
  pbpaste | syntopic related -
  syntopic related 2103.03230 2006.07733 --not 1911.05722
                                           like both of the first, and unlike the last
  syntopic related --text \"graph networks\" --year 2019.. --category cs.LG --topic recommend
  syntopic related 2103.03230 --author lecun --explain
  syntopic related 2103.03230 --among reading-list.txt   only among the papers of these ids
  syntopic related --text \"graph networks\" --diverse
  syntopic related --like 2103.03230 --like 2006.07733 --unlike 1911.05722";

#[derive(Debug, Args)]
#[command(after_help = RELATED_EXAMPLES)]
#[command(group(ArgGroup::new("query").required(true).multiple(true).args(["ids", "like", "text", "file", "like_topic"])))]
pub(crate) struct RelatedArguments {
    /// Ids of papers of the library; `-` reads a text or papers from the standard input. With several, and with several texts, the
    /// hits are like all of them
    #[arg(value_name = "ID")]
    pub(crate) ids: Vec<String>,

    /// Id of a paper that the hits are to be like: the same as an ID without a switch
    #[arg(long, value_name = "ID")]
    pub(crate) like: Vec<String>,

    /// A text: an abstract, a title, or words
    #[arg(long, visible_alias = "like-text", value_name = "TEXT")]
    pub(crate) text: Vec<String>,

    /// A file that holds a text, or papers in any format that `add` reads: the hits are like all of them
    #[arg(long, value_name = "FILE")]
    pub(crate) file: Vec<PathBuf>,

    /// A topic of this number, or with these words in its name, whose centre the hits are to be near (--topic lets only its papers
    /// be hits); where several have the words, the centre of all their papers
    #[arg(long, value_name = "TOPIC")]
    pub(crate) like_topic: Vec<String>,

    /// Id of a paper that the hits are to be unlike
    #[arg(long, visible_alias = "unlike", value_name = "ID")]
    pub(crate) not: Vec<String>,

    /// A text that the hits are to be unlike
    #[arg(long, visible_alias = "unlike-text", value_name = "TEXT")]
    pub(crate) not_text: Vec<String>,

    #[command(flatten)]
    pub(crate) only: FilterArguments,

    /// Choose hits that are unlike each other too: one of several near-copies, and more sides of the subject
    #[arg(long)]
    pub(crate) diverse: bool,

    /// Show every version of a paper (same DOI, same arXiv id, or nearly the same text, as `duplicates` has it), those of the asked
    /// paper too; without it the best one is shown and the others are named
    #[arg(long)]
    pub(crate) all_versions: bool,

    /// What makes papers alike: hybrid (meaning and rare words), semantic (meaning alone) or lexical (words alone)
    #[arg(long, default_value = "hybrid", value_name = "MODE", value_parser = mode)]
    pub(crate) mode: Mode,

    /// Say of each hit what its score is made of, how many random pairs of the library are less alike, which rare words it
    /// shares with the query, whether both are in one topic, and which sentences of the two are nearest
    #[arg(long)]
    pub(crate) explain: bool,

    /// Share of the true hits that the search of a large library is to find, 0.5 to 0.9999 [default: 0.99, or what was asked
    /// for last]; 1 compares all papers this once
    #[arg(long, value_name = "SHARE")]
    pub(crate) recall: Option<f64>,

    /// How many papers
    #[arg(short, long, default_value_t = 10, value_name = "N")]
    pub(crate) k: usize,

    /// Must be the library's own model, which is the default
    #[arg(long, value_name = "NAME")]
    pub(crate) model: Option<String>,

    #[command(flatten)]
    pub(crate) on: DeviceArgument,
}

/// What makes papers alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Mode(pub(crate) RelatedMode);

/// Reads "hybrid", "semantic" or "lexical".
pub(crate) fn mode(text: &str) -> Result<Mode, String> {
    let found = RelatedMode::ALL
        .into_iter()
        .find(|mode| mode.name() == text);
    found.map(Mode).ok_or_else(|| {
        format!(
            "the modes are {}",
            RelatedMode::ALL.map(RelatedMode::name).join(", ")
        )
    })
}

/// The earliest and the latest year.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Years(pub(crate) Option<i32>, pub(crate) Option<i32>);

/// Reads "2020", "2018..2021", "2018.." or "..2021".
pub(crate) fn years(text: &str) -> Result<Years, String> {
    let year = |text: &str| match text.trim() {
        "" => Ok(None),
        year => year
            .parse()
            .map(Some)
            .map_err(|_| format!("{year:?} is no year; write 2020, 2018..2021, 2018.. or ..2021")),
    };
    let years = match text.split_once("..") {
        None => Years(year(text)?, year(text)?),
        Some((from, to)) => Years(year(from)?, year(to)?),
    };
    match years {
        Years(None, None) => Err(String::from("no year is given")),
        Years(Some(from), Some(to)) if from > to => Err(format!(
            "{from} is later than {to}: write the earlier year first"
        )),
        years => Ok(years),
    }
}

const DUPLICATES_EXAMPLES: &str = "\
Examples:
  syntopic duplicates
  syntopic duplicates --json
  syntopic duplicates --csv > duplicates.csv      one line a record: group, reasons, id, year, title

Two records are versions of one paper when they have the same DOI (however it is written), the same arXiv id whatever its version, or
nearly the same title and abstract. Nothing is removed.";

#[derive(Debug, Args)]
#[command(after_help = DUPLICATES_EXAMPLES)]
pub(crate) struct DuplicatesArguments {
    /// Print one line a record as CSV: group, reasons, id, year, title
    #[arg(long, conflicts_with = "json")]
    pub(crate) csv: bool,
}

/// Which papers are meant.
#[derive(Debug, Args)]
pub(crate) struct FilterArguments {
    /// Only papers of these years: 2020, 2018..2021, 2018.. or ..2021
    #[arg(long, value_name = "YEARS", value_parser = years)]
    pub(crate) year: Option<Years>,

    /// Only papers whose venue has these words; more than one: any of them
    #[arg(long, value_name = "WORDS")]
    pub(crate) venue: Vec<String>,

    /// Only papers of this category; `cs` stands for `cs.LG` and all of its like; more than one: any of them
    #[arg(long, value_name = "CATEGORY")]
    pub(crate) category: Vec<String>,

    /// Only papers under the topic of this number, or with these words in its name; more than one: any of them
    #[arg(long, value_name = "TOPIC")]
    pub(crate) topic: Vec<String>,

    /// Only papers of an author whose name has these whole words, in any order (`lecun`); more than one: any of them
    #[arg(long, value_name = "NAME")]
    pub(crate) author: Vec<String>,

    /// Only papers whose ids are in this file, one a line, as `list --ids` prints them; `-` is standard input
    #[arg(long, value_name = "FILE")]
    pub(crate) among: Option<PathBuf>,
}

impl FilterArguments {
    /// What they ask for.
    pub(crate) fn filter(&self) -> anyhow::Result<Filter> {
        Ok(Filter {
            from_year: self.year.and_then(|years| years.0),
            to_year: self.year.and_then(|years| years.1),
            venues: self.venue.clone(),
            categories: self.category.clone(),
            topics: self.topic.clone(),
            authors: self.author.clone(),
            ids: self.among.as_deref().map_or(Ok(Vec::new()), ids_of)?,
        })
    }
}

/// The ids in a file, one a line.
fn ids_of(file: &Path) -> anyhow::Result<Vec<String>> {
    let stdin = file == Path::new("-");
    let name = if stdin {
        "standard input".into()
    } else {
        file.to_string_lossy()
    };
    let text = if stdin {
        std::io::read_to_string(std::io::stdin())
    } else {
        std::fs::read_to_string(file)
    };
    let text = text.with_context(|| format!("{name} cannot be read as ids, one a line"))?;
    let lines = text.trim_start_matches('\u{feff}').lines().map(str::trim);
    let ids: Vec<String> = (lines.filter(|id| !id.is_empty()))
        .map(str::to_owned)
        .collect();
    ensure!(!ids.is_empty(), "{name} has no ids: write one a line");
    Ok(ids)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn years_are_read_with_one_end_or_both() {
        let wrong = |text| years(text).is_err();
        assert_eq!(years("2020"), Ok(Years(Some(2020), Some(2020))));
        assert_eq!(years("2018..2021"), Ok(Years(Some(2018), Some(2021))));
        assert_eq!(years("2018.."), Ok(Years(Some(2018), None)));
        assert_eq!(years("..2021"), Ok(Years(None, Some(2021))));
        assert!(wrong("") && wrong("..") && wrong("2021..2018") && wrong("2018..x"));
    }
}
