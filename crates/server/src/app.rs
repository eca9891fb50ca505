//! What every request has at hand: the library, what was made of it, and what the user asked of the server.

use crate::api::map::{Layout, SentMap};
use crate::api::topics::TopicIndex;
use crate::batch::Batcher;
use crate::errors::Failure;
use crate::jobs::Job;
use crate::metrics::Metrics;
use crate::pool::Pool;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use syntopic_library::{Scorecard, TopicsReport, WeightsReport};
use tokio::sync::Semaphore;

/// How long topics that were read are taken for the present ones.
const TOPICS_HOLD: Duration = Duration::from_secs(1);

/// Requests whose texts are tokenized at once.
pub(crate) const READERS: usize = 2;

/// Shared by all requests.
pub(crate) struct App {
    pub(crate) pool: Arc<Pool>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) batcher: Batcher,
    /// Places of requests whose texts are or will be tokenized, and of those that are.
    pub(crate) admitted: Semaphore,
    pub(crate) reading: Semaphore,
    pub(crate) guard: GuardOptions,
    pub(crate) stopping: AtomicBool,
    pub(crate) map: Arc<Job<Layout>>,
    /// The map as it was sent last; held by whoever makes it.
    pub(crate) sent_map: Arc<tokio::sync::Mutex<Option<Arc<SentMap>>>>,
    pub(crate) making_topics: Arc<Job<TopicsReport>>,
    pub(crate) weights: Arc<Job<WeightsReport>>,
    pub(crate) scorecard: Arc<Job<Scorecard>>,
    topics: Mutex<Option<(Instant, Arc<TopicIndex>)>>,
}

/// Who may ask.
#[derive(Debug, Clone, Default)]
pub(crate) struct GuardOptions {
    pub(crate) api_key: Option<String>,
    /// Names that the server may be called by, beside `localhost` and addresses.
    pub(crate) hosts: Vec<String>,
}

/// What handlers take.
pub(crate) type Shared = axum::extract::State<Arc<App>>;

impl App {
    /// # Errors
    /// When no thread can be started for the model.
    pub(crate) fn new(pool: Pool, guard: GuardOptions) -> std::io::Result<Self> {
        let metrics = Arc::new(Metrics::new());
        let told = Arc::clone(&metrics);
        let batcher = Batcher::start(pool.known_model().threads(), move |ran| told.tei.ran(ran))?;
        Ok(Self {
            pool: Arc::new(pool),
            metrics,
            batcher,
            admitted: Semaphore::new(crate::pool::MOST_WAITING),
            reading: Semaphore::new(READERS),
            guard,
            stopping: AtomicBool::new(false),
            map: Arc::default(),
            sent_map: Arc::default(),
            making_topics: Arc::default(),
            weights: Arc::default(),
            scorecard: Arc::default(),
            topics: Mutex::default(),
        })
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }

    /// The library's topics and which papers are in which, read at most once a second.
    pub(crate) async fn topics(&self) -> Result<Arc<TopicIndex>, Failure> {
        let known = self
            .topics
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        if let Some((read, topics)) = known
            && read.elapsed() < TOPICS_HOLD
        {
            return Ok(topics);
        }
        let topics = self
            .pool
            .read(|library, _| TopicIndex::read(library))
            .await?;
        let topics = Arc::new(topics);
        *self.topics.lock().unwrap_or_else(PoisonError::into_inner) =
            Some((Instant::now(), Arc::clone(&topics)));
        Ok(topics)
    }

    /// After something changed: the next request reads the topics again.
    pub(crate) fn forget_topics(&self) {
        *self.topics.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}
