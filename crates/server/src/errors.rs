//! What goes wrong with a request, and the one table that says with which status each error of the library is answered.
//!
//! Not for: the shapes of other services' errors, which their modules make of a [`Failure`].

use axum::Json;
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use syntopic_library::{EmbedError, IndexError, LibraryError, TopicsError};
use utoipa::ToSchema;

/// Why a request was not answered.
#[derive(Debug, Clone)]
pub(crate) struct Failure {
    pub(crate) status: StatusCode,
    /// A word for programs.
    pub(crate) code: &'static str,
    /// What happened and what to do, for people.
    pub(crate) message: String,
    /// What may have been meant.
    pub(crate) nearest: Vec<String>,
    /// Seconds after which to try again.
    pub(crate) retry_after: Option<u32>,
    /// The field of the request that is wrong, for those who tell it.
    pub(crate) parameter: Option<&'static str>,
    /// For the log alone: what the server's files and model have to do with it.
    pub(crate) cause: Option<String>,
}

/// Whose errors an answer has to look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    Ours,
    OpenAi,
    Tei,
    Scholar,
}

impl Shape {
    /// By what was asked.
    pub(crate) fn of(method: &Method, path: &str) -> Self {
        let tei = ["/embed", "/embed_sparse", "/similarity", "/rerank", "/info"];
        if path.starts_with("/v1/") {
            Self::OpenAi
        } else if path.starts_with("/recommendations/") {
            Self::Scholar
        } else if tei.contains(&path) || (path == "/" && *method == Method::POST) {
            Self::Tei
        } else {
            Self::Ours
        }
    }
}

impl Failure {
    pub(crate) fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            code,
            message: message.into(),
            nearest: Vec::new(),
            retry_after: None,
            parameter: None,
            cause: None,
        }
    }

    /// A value that is not what it has to be.
    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid", message)
    }

    /// Parts of a request that cannot both be meant.
    pub(crate) fn contradiction(message: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, "contradiction", message)
    }

    /// More is waiting than is taken in.
    pub(crate) fn overloaded() -> Self {
        let message = "the server has more to do than it takes in: try again in a second";
        Self {
            retry_after: Some(1),
            ..Self::new(StatusCode::TOO_MANY_REQUESTS, "overloaded", message)
        }
    }

    /// The server was too slow.
    pub(crate) fn timed_out() -> Self {
        let message = "this took too long and was given up: ask for less at once";
        Self::new(StatusCode::GATEWAY_TIMEOUT, "timed_out", message)
    }

    /// A mistake of ours.
    pub(crate) fn panicked() -> Self {
        let message = "the server failed: its log says more, under the id of this request";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "failed", message)
    }

    /// The library was given another model, which cannot be used here.
    pub(crate) fn of_other_model(error: LibraryError) -> Self {
        let message = "the library was embedded anew with another model, which this server cannot load: its log says why";
        Self {
            retry_after: Some(60),
            cause: Some(error.to_string()),
            ..Self::new(StatusCode::SERVICE_UNAVAILABLE, "other_model", message)
        }
    }

    /// The same, of a field of the request.
    pub(crate) fn of(self, parameter: &'static str) -> Self {
        Self {
            parameter: Some(parameter),
            ..self
        }
    }

    pub(crate) fn is_ours(&self) -> bool {
        self.status.is_server_error()
    }
}

impl From<LibraryError> for Failure {
    fn from(error: LibraryError) -> Self {
        let (status, code) = status_of(&error);
        let mut failure = Self::new(status, code, error.to_string());
        if let LibraryError::UnknownId { nearest, .. }
        | LibraryError::UnknownAuthor { nearest, .. } = &error
        {
            failure.nearest.clone_from(nearest);
        }
        if status == StatusCode::SERVICE_UNAVAILABLE {
            failure.retry_after = Some(1);
        }
        if code == "library_empty" {
            // Its message names the folder, too.
            failure.message = "the library has no papers with vectors yet: add some".to_owned();
        }
        if failure.is_ours() {
            // Its message names files of this machine.
            failure.cause = Some(failure.message);
            failure.message = match code {
                "library_busy" => "another process is writing to the library: try again".to_owned(),
                "disk_full" => "the server's disk is full: what was finished is kept".to_owned(),
                "stopped" => "the server is stopping: what was finished is kept".to_owned(),
                _ => Failure::panicked().message,
            };
        }
        failure
    }
}

/// The one table from errors of the library to statuses and the words for programs.
fn status_of(error: &LibraryError) -> (StatusCode, &'static str) {
    use LibraryError as E;
    match error {
        E::UnknownId { .. } => (StatusCode::NOT_FOUND, "unknown_paper"),
        E::UnknownTopic { .. } => (StatusCode::NOT_FOUND, "unknown_topic"),
        E::UnknownAuthor { .. } => (StatusCode::NOT_FOUND, "unknown_author"),
        E::NoTopics => (StatusCode::CONFLICT, "no_topics"),
        E::Empty(_) | E::NoVectors { .. } => (StatusCode::CONFLICT, "library_empty"),
        E::NoVector(_) => (StatusCode::CONFLICT, "no_vector"),
        E::EmptyQuery => (StatusCode::UNPROCESSABLE_ENTITY, "empty_text"),
        E::ZeroK
        | E::Format(_)
        | E::Map(_)
        | E::Index(IndexError::WantedRecall { .. })
        | E::OutlierShare(_)
        | E::Topics(
            TopicsError::ZeroTopics | TopicsError::ZeroOption(_) | TopicsError::Levels(_),
        )
        | E::Embed(EmbedError::UnitLengthOnly) => (StatusCode::UNPROCESSABLE_ENTITY, "invalid"),
        E::Embed(EmbedError::Tokenize { .. }) => (StatusCode::UNPROCESSABLE_ENTITY, "no_tokens"),
        E::Topics(
            TopicsError::TooManyTopics { .. }
            | TopicsError::TooLargeTopics { .. }
            | TopicsError::SeedsAndTopics { .. },
        ) => (StatusCode::CONFLICT, "too_many_topics"),
        E::Index(IndexError::NoDirection) => (StatusCode::CONFLICT, "no_direction"),
        E::TopicNameTaken(_) => (StatusCode::CONFLICT, "name_taken"),
        E::NotNamedByUser(_) => (StatusCode::CONFLICT, "not_named"),
        E::OneToMerge => (StatusCode::CONFLICT, "one_topic"),
        E::ReadOnly(_) => (StatusCode::FORBIDDEN, "read_only"),
        E::DiskFull(_) => (StatusCode::INSUFFICIENT_STORAGE, "disk_full"),
        E::Busy(_) | E::AtWork { .. } => (StatusCode::SERVICE_UNAVAILABLE, "library_busy"),
        E::Cancelled { .. } => (StatusCode::SERVICE_UNAVAILABLE, "stopped"),
        E::NotFound(_) => (StatusCode::INTERNAL_SERVER_ERROR, "library_gone"),
        E::Corrupt { .. } | E::NewerFormat { .. } | E::OtherRecipe { .. } => {
            (StatusCode::INTERNAL_SERVER_ERROR, "library_damaged")
        }
        E::Embed(_) | E::ModelMoved { .. } | E::OtherModel { .. } => {
            (StatusCode::INTERNAL_SERVER_ERROR, "model_failed")
        }
        _ => (StatusCode::INTERNAL_SERVER_ERROR, "failed"),
    }
}

/// Every answer that is no success.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ErrorBody {
    error: ErrorDetail,
}

/// What went wrong.
#[derive(Debug, Serialize, ToSchema)]
struct ErrorDetail {
    /// A word for programs, such as `unknown_paper`.
    code: &'static str,
    /// What happened and what to do, for people.
    message: String,
    /// What may have been meant: ids, or names of authors.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    nearest: Vec<String>,
}

impl IntoResponse for Failure {
    /// In our own shape; the guard gives those of other services theirs.
    fn into_response(self) -> Response {
        self.shaped(Shape::Ours)
    }
}

impl Failure {
    /// The answer as clients of a service expect it, the failure with it for the log.
    pub(crate) fn shaped(mut self, shape: Shape) -> Response {
        // Those services tell of every wrong value by the same status.
        if self.status == StatusCode::UNPROCESSABLE_ENTITY
            && matches!(shape, Shape::OpenAi | Shape::Scholar)
        {
            self.status = StatusCode::BAD_REQUEST;
        }
        let body = match shape {
            Shape::Ours => Json(ErrorBody::of(&self)).into_response(),
            Shape::OpenAi => Json(crate::openai::error_body(&self)).into_response(),
            Shape::Tei => Json(crate::tei::error_body(&self)).into_response(),
            Shape::Scholar => Json(crate::scholar::error_body(&self)).into_response(),
        };
        let mut response = (self.status, body).into_response();
        let headers = response.headers_mut();
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response.extensions_mut().insert(self);
        response
    }
}

impl ErrorBody {
    fn of(failure: &Failure) -> Self {
        Self {
            error: ErrorDetail {
                code: failure.code,
                message: failure.message.clone(),
                nearest: failure.nearest.clone(),
            },
        }
    }
}
