//! The library as tools of the Model Context Protocol, over the standard streams or at `/mcp`.
//!
//! Every tool gives structured output beside its text. None of them changes the library.

use crate::app::App;
use crate::errors::Failure;
use rmcp::handler::server::wrapper::Parameters;
use rmcp::model::{Implementation, ServerCapabilities, ServerConfig};
use rmcp::transport::streamable_http_server::session::never::NeverSessionManager;
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};
use rmcp::{Json, ServerHandler, tool, tool_handler, tool_router};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use syntopic_library::{Filter, Paper, Query, RelatedMode, RelatedOptions};

/// Most papers of one answer.
const MOST: usize = 50;

/// Letters of an abstract that lists show.
const SHOWN: usize = 400;

/// What a model is told of the server.
const ABOUT: &str = "A library of scientific papers on this machine. search_papers finds papers by words or a description, \
    find_related_papers those like papers of the library or a whole abstract, list_topics says what the library is about, and \
    get_paper gives one paper with its abstract. Ids of papers come from these tools.";

/// The tools, over one library.
#[derive(Clone)]
pub(crate) struct Tools(pub(crate) Arc<App>);

/// Which papers may be found.
#[derive(Debug, Default, Deserialize, JsonSchema)]
struct Only {
    /// Of this year or a later one.
    #[serde(default)]
    from_year: Option<i32>,
    /// Of this year or an earlier one.
    #[serde(default)]
    to_year: Option<i32>,
    /// Of an author whose name has these whole words.
    #[serde(default)]
    author: Option<String>,
    /// In a topic of this number, or with these words in its name.
    #[serde(default)]
    topic: Option<String>,
}

impl Only {
    fn filter(self) -> Filter {
        Filter {
            from_year: self.from_year,
            to_year: self.to_year,
            authors: self.author.into_iter().collect(),
            topics: self.topic.into_iter().collect(),
            ..Filter::default()
        }
    }
}

#[derive(Debug, Deserialize, JsonSchema)]
struct FindRelated {
    /// Ids of papers of the library that the answer is to be like.
    #[serde(default)]
    ids: Vec<String>,
    /// An abstract or a description that the answer is to be like.
    #[serde(default)]
    text: Option<String>,
    /// Ids of papers that the answer is to be unlike.
    #[serde(default)]
    unlike_ids: Vec<String>,
    #[serde(flatten)]
    only: Only,
    /// How many papers, 1 to 50; 10 if not given.
    #[serde(default)]
    limit: Option<usize>,
}

#[derive(Debug, Deserialize, JsonSchema)]
struct Search {
    /// Words, a title or a description.
    query: String,
    #[serde(flatten)]
    only: Only,
    /// How many papers, 1 to 50; 10 if not given.
    #[serde(default)]
    limit: Option<usize>,
}

#[derive(Debug, Deserialize, JsonSchema)]
struct GetPaper {
    /// Id of the paper, or an identifier such as DOI:10.1000/x or ARXIV:2103.03230.
    id: String,
}

/// A paper that was found.
#[derive(Debug, Serialize, JsonSchema)]
struct Found {
    id: String,
    title: String,
    year: Option<i32>,
    authors: Vec<String>,
    venue: Option<String>,
    /// Name of its topic, where it has one.
    topic: Option<String>,
    /// Larger is more alike.
    score: f32,
    /// Rare words that it shares with what was asked.
    shared_words: Vec<String>,
    /// The beginning of its abstract.
    summary: Option<String>,
}

/// Papers, most alike first.
#[derive(Debug, Serialize, JsonSchema)]
struct FoundList {
    papers: Vec<Found>,
    /// How it was searched, and anything else to know.
    notes: Vec<String>,
}

/// A topic of the library.
#[derive(Debug, Serialize, JsonSchema)]
struct Topic {
    /// Its number.
    id: u32,
    name: String,
    /// How many papers it has.
    papers: usize,
    /// Phrases that tell it from the others.
    terms: Vec<String>,
    /// Titles of its most central papers.
    examples: Vec<String>,
}

/// The topics of the library.
#[derive(Debug, Serialize, JsonSchema)]
struct TopicList {
    topics: Vec<Topic>,
    /// What to do where there are none.
    note: Option<String>,
}

/// One paper.
#[derive(Debug, Serialize, JsonSchema)]
struct WholePaper {
    id: String,
    title: String,
    #[serde(rename = "abstract")]
    abstract_text: Option<String>,
    authors: Vec<String>,
    year: Option<i32>,
    venue: Option<String>,
    url: Option<String>,
    doi: Option<String>,
    categories: Vec<String>,
    /// Name of its topic, where it has one.
    topic: Option<String>,
}

/// What a model is told of a failure.
fn told(failure: Failure) -> String {
    match failure.nearest.as_slice() {
        [] => failure.message,
        _ if failure.message.contains("did you mean") => failure.message,
        nearest => format!(
            "{}; the nearest are {}",
            failure.message,
            nearest.join(", ")
        ),
    }
}

#[tool_router]
impl Tools {
    /// Papers of the library that are like the given papers or the given text, most alike first.
    #[tool(annotations(
        title = "Find related papers",
        read_only_hint = true,
        open_world_hint = false
    ))]
    async fn find_related_papers(
        &self,
        Parameters(asked): Parameters<FindRelated>,
    ) -> Result<Json<FoundList>, String> {
        let text = asked.text.filter(|text| !text.trim().is_empty());
        let liked = asked.ids.into_iter().map(Query::Paper);
        let liked = liked.chain(text.map(Query::Text)).collect();
        let unlike = asked.unlike_ids.into_iter().map(Query::Paper).collect();
        self.find((liked, unlike), asked.only, asked.limit).await
    }

    /// Papers of the library found by words, a title or a description, best first.
    #[tool(annotations(
        title = "Search papers",
        read_only_hint = true,
        open_world_hint = false
    ))]
    async fn search_papers(
        &self,
        Parameters(asked): Parameters<Search>,
    ) -> Result<Json<FoundList>, String> {
        let liked = vec![Query::Text(asked.query)];
        self.find((liked, Vec::new()), asked.only, asked.limit)
            .await
    }

    /// The named topics of the library, with how many papers each has.
    #[tool(annotations(title = "List topics", read_only_hint = true, open_world_hint = false))]
    async fn list_topics(&self) -> Result<Json<TopicList>, String> {
        let index = self.0.topics().await.map_err(told)?;
        let topics = index.all().iter().map(|topic| Topic {
            id: topic.id,
            name: topic.name.clone(),
            papers: topic.size,
            terms: topic.terms.clone(),
            examples: topic.titles.iter().take(3).cloned().collect(),
        });
        let none = "there are no topics of the present papers: `syntopic topics` makes them";
        Ok(Json(TopicList {
            topics: topics.collect(),
            note: index.report.is_none().then(|| none.to_owned()),
        }))
    }

    /// One paper of the library with its abstract and all that is known of it.
    #[tool(annotations(title = "Get a paper", read_only_hint = true, open_world_hint = false))]
    async fn get_paper(
        &self,
        Parameters(asked): Parameters<GetPaper>,
    ) -> Result<Json<WholePaper>, String> {
        let topics = self.0.topics().await.map_err(told)?;
        let paper = self.0.pool.read(move |library, _| {
            let ids = library.ids_of(&[&asked.id])?;
            library.paper(ids.first().map_or(asked.id.as_str(), String::as_str))
        });
        let paper = paper.await.map_err(told)?;
        let id = paper.id.to_string();
        Ok(Json(WholePaper {
            topic: topics.name_of(&id).map(|topic| topic.name),
            id,
            title: paper.title,
            abstract_text: paper.abstract_text,
            authors: paper.authors,
            year: paper.year,
            venue: paper.venue,
            url: paper.url,
            doi: paper.doi,
            categories: paper.categories,
        }))
    }
}

impl Tools {
    async fn find(
        &self,
        (liked, unlike): (Vec<Query>, Vec<Query>),
        only: Only,
        limit: Option<usize>,
    ) -> Result<Json<FoundList>, String> {
        let k = limit.unwrap_or(10);
        if !(1..=MOST).contains(&k) {
            return Err(format!("limit is {k}: it must be 1 to {MOST}"));
        }
        let mut liked = liked.into_iter();
        let Some(first) = liked.next() else {
            return Err(String::from("give ids of papers or a text"));
        };
        let options = RelatedOptions {
            k,
            and: liked.collect(),
            not: unlike,
            filter: only.filter(),
            mode: RelatedMode::Hybrid,
            ..RelatedOptions::default()
        };
        let found = self.0.pool.read(move |library, progress| {
            let related = library.related(&first, &options, progress)?;
            let ids: Vec<&str> = related.hits.iter().map(|hit| hit.id.as_str()).collect();
            let papers = library.papers_called(&ids)?;
            Ok((related, papers))
        });
        let (related, papers) = found.await.map_err(told)?;
        let hits = related.hits.into_iter().zip(papers);
        let papers = hits.filter_map(|(hit, paper)| {
            let paper: Paper = paper?;
            Some(Found {
                id: hit.id,
                title: paper.title,
                year: paper.year,
                authors: paper.authors,
                venue: paper.venue,
                topic: hit.topic,
                score: hit.score,
                shared_words: hit.shared_words,
                summary: paper.abstract_text.map(|text| beginning(&text)),
            })
        });
        Ok(Json(FoundList {
            papers: papers.collect(),
            notes: related.notes,
        }))
    }
}

/// The first letters of a text.
fn beginning(text: &str) -> String {
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[tool_handler]
impl ServerHandler for Tools {
    fn get_info(&self) -> ServerConfig {
        let tools = ServerCapabilities::builder().enable_tools().build();
        ServerConfig::new(tools)
            .with_server_info(Implementation::new("syntopic", env!("CARGO_PKG_VERSION")))
            .with_instructions(ABOUT)
    }
}

/// The service behind `/mcp`: each request stands for itself. Hosts and origins were checked before it.
pub(crate) fn service(app: &Arc<App>) -> StreamableHttpService<Tools, NeverSessionManager> {
    let tools = Tools(Arc::clone(app));
    let config = StreamableHttpServerConfig::default()
        .with_legacy_session_mode(false)
        .with_json_response(true)
        .disable_allowed_hosts()
        .disable_allowed_origins()
        .with_max_request_body_bytes(crate::input::MOST_BYTES);
    StreamableHttpService::new(move || Ok(tools.clone()), Arc::default(), config)
}
