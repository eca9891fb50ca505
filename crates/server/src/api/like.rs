//! What related papers are asked for by: a paper of the library or of elsewhere, a text, a topic.

use crate::errors::Failure;
use crate::input::{MOST_LETTERS, bounded_text, checked_text};
use crate::shape::object;
use serde::Deserialize;
use std::hash::{BuildHasher, RandomState};
use syntopic_library::{Paper, PaperError, PaperId, Query};
use utoipa::openapi::schema::{AdditionalProperties, ObjectBuilder, OneOfBuilder, Schema, Type};
use utoipa::openapi::{Ref, RefOr};
use utoipa::{PartialSchema, ToSchema};

/// Something that hits are to be like, or unlike.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Like {
    /// A paper of the library, by its id.
    Id(String),
    /// An abstract, a title, or words.
    Text(String),
    /// The centre of a topic: its number, or words in its name.
    Topic(String),
    /// A paper that need not be in the library.
    Paper(#[serde(deserialize_with = "object")] Box<GivenPaper>),
}

/// A paper that is asked with, and compared as if it were added. It is not.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct GivenPaper {
    #[schema(min_length = 1, max_length = 100000, pattern = "\\S")]
    title: String,
    #[serde(rename = "abstract")]
    #[schema(max_length = 100000)]
    abstract_text: Option<String>,
    /// Versions of the same paper, which have it too, are no hits.
    #[schema(max_length = 1000)]
    doi: Option<String>,
}

/// What ids of papers begin with that are asked with and have none.
pub(crate) const GIVEN: &str = "paper of a request:";

impl GivenPaper {
    fn query(self) -> Result<Query, Failure> {
        let title = checked_text("the title", self.title)?;
        let words = self
            .abstract_text
            .map(|text| checked_text("the abstract", text));
        let doi = self.doi.map(|doi| bounded_text("the DOI", doi, 1_000));
        if title.trim().is_empty() {
            return Err(Failure::invalid("the paper has no title"));
        }
        // An id that no paper of the library can have.
        let number = RandomState::new().hash_one(&title);
        let id = PaperId::new(format!("{GIVEN}{number:016x}"));
        let wrong = |error: PaperError| Failure::invalid(error.to_string());
        let paper = Paper::new(id.map_err(wrong)?, &title, words.transpose()?.as_deref());
        let paper = Paper {
            doi: doi.transpose()?,
            ..paper.map_err(wrong)?
        };
        Ok(Query::Given(Box::new(paper)))
    }
}

impl ToSchema for Like {
    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schemas.push((GivenPaper::name().into(), GivenPaper::schema()));
    }
}

// By hand, as the derive has no place for the lengths of texts within an enum.
impl PartialSchema for Like {
    fn schema() -> RefOr<Schema> {
        let text = |about: &str, most: usize| {
            let text = ObjectBuilder::new().schema_type(Type::String);
            text.description(Some(about))
                .min_length(Some(1))
                .max_length(Some(most))
        };
        let one = |name: &str, text: ObjectBuilder| {
            let object = ObjectBuilder::new().property(name, text).required(name);
            object.additional_properties(Some(AdditionalProperties::<Schema>::FreeForm(false)))
        };
        let words = text("An abstract, a title, or words", MOST_LETTERS).pattern(Some("\\S"));
        let paper = ObjectBuilder::new()
            .property("paper", Ref::from_schema_name("GivenPaper"))
            .required("paper")
            .description(Some("A paper that need not be in the library"))
            .additional_properties(Some(AdditionalProperties::<Schema>::FreeForm(false)));
        let kinds = OneOfBuilder::new()
            .description(Some("Something that hits are to be like, or unlike"))
            .item(one("id", text("A paper of the library, by its id", 512)))
            .item(one("text", words))
            .item(one(
                "topic",
                text("The number of a topic, or words in its name", 1_000),
            ))
            .item(paper);
        Schema::OneOf(kinds.build()).into()
    }
}

impl Like {
    pub(crate) fn query(self) -> Result<Query, Failure> {
        Ok(match self {
            Self::Id(id) => Query::Paper(bounded_text("the id", id, 512)?),
            Self::Text(text) => Query::Text(checked_text("the text", text)?),
            Self::Topic(topic) => Query::Topic(bounded_text("the topic", topic, 1_000)?),
            Self::Paper(paper) => return paper.query(),
        })
    }
}
