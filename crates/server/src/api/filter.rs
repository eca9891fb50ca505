//! Which papers are meant: the same conditions in a query and in a body.

use crate::errors::Failure;
use crate::input::{MOST_VALUES, Parameters, bounded_text, checked_text, maybe_whole};
use serde::Deserialize;
use syntopic_library::Filter;
use utoipa::{IntoParams, ToSchema};

/// What a paper must be. Every condition that is given must hold; of several values any one will do.
#[derive(Debug, Clone, Default, Deserialize, ToSchema, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub(crate) struct FilterBody {
    /// Of this year or a later one.
    #[schema(minimum = -10000, maximum = 10000)]
    #[param(minimum = -10000, maximum = 10000, nullable = false)]
    #[serde(deserialize_with = "maybe_whole")]
    from_year: Option<i32>,
    /// Of this year or an earlier one.
    #[schema(minimum = -10000, maximum = 10000)]
    #[param(minimum = -10000, maximum = 10000, nullable = false)]
    #[serde(deserialize_with = "maybe_whole")]
    to_year: Option<i32>,
    /// Words in the name of the venue.
    #[schema(max_items = 100)]
    #[param(max_items = 100)]
    venue: Vec<String>,
    /// Whole words of one author's name, in any order.
    #[schema(max_items = 100)]
    #[param(max_items = 100)]
    author: Vec<String>,
    /// A category, or the part of one before a dot.
    #[schema(max_items = 100)]
    #[param(max_items = 100)]
    category: Vec<String>,
    /// The number of a topic, or words in its name.
    #[schema(max_items = 100)]
    #[param(max_items = 100)]
    topic: Vec<String>,
    /// One of these papers, by their ids.
    #[schema(max_items = 10000)]
    #[param(max_items = 100)]
    among: Vec<String>,
}

/// Most ids of papers that a filter names.
const MOST_AMONG: usize = 10_000;

const YEARS: std::ops::RangeInclusive<i32> = -10_000..=10_000;

/// That a year can be one.
pub(crate) fn checked_year(year: i32) -> Result<(), Failure> {
    if YEARS.contains(&year) {
        return Ok(());
    }
    Err(Failure::invalid(format!("{year} is no year")))
}

impl FilterBody {
    /// Those of a query.
    pub(crate) fn take(from: &mut Parameters) -> Result<Filter, Failure> {
        let given = Self {
            from_year: from.parsed("from_year")?,
            to_year: from.parsed("to_year")?,
            venue: from.all("venue")?,
            author: from.all("author")?,
            category: from.all("category")?,
            topic: from.all("topic")?,
            among: from.all("among")?,
        };
        given.checked()
    }

    /// As the library takes it.
    pub(crate) fn checked(self) -> Result<Filter, Failure> {
        for year in [self.from_year, self.to_year].into_iter().flatten() {
            checked_year(year)?;
        }
        let lists = [&self.venue, &self.author, &self.category, &self.topic];
        if lists.iter().any(|list| list.len() > MOST_VALUES) {
            let message = format!("a list of the filter has more than {MOST_VALUES} values");
            return Err(Failure::invalid(message));
        }
        for text in lists.into_iter().flatten() {
            checked_text("the filter", text.clone())?;
        }
        if self.among.len() > MOST_AMONG {
            let message = format!("among has more than {MOST_AMONG} ids");
            return Err(Failure::invalid(message));
        }
        let among = self.among.into_iter();
        let among = among.map(|id| bounded_text("an id", id, 512));
        Ok(Filter {
            from_year: self.from_year,
            to_year: self.to_year,
            venues: self.venue,
            authors: self.author,
            categories: self.category,
            topics: self.topic,
            ids: among.collect::<Result<_, _>>()?,
        })
    }
}
