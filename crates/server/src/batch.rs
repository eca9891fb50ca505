//! One model, many callers: texts of all requests are run together, as many as are worth running at once, each request in turn.
//!
//! Not for: what requests look like (`openai.rs`, `tei.rs`), nor for papers, which the library embeds as it adds them.

use crate::errors::Failure;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use syntopic_library::{EmbedError, SharedModel, TokenText};
use tokio::sync::oneshot;

/// Tokens that each thread is given of one batch: several groups, so that none waits for the last.
const TOKENS_PER_THREAD: usize = 2_048;

/// Batches that run at once: while the last texts of one are run by fewer threads than there are, those of the next are run by the others.
const AT_ONCE: usize = 2;

/// So many batches may wait, a second's work or two; a request that finds more is refused, rather than answered when nobody waits any more.
const MOST_BATCHES_WAITING: usize = 4;

/// What is told of each batch.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ran {
    pub(crate) texts: usize,
    pub(crate) tokens: usize,
}

/// Vectors of one request, in the order of its texts.
#[derive(Default)]
pub(crate) struct Vectors {
    pub(crate) rows: Vec<Vec<f32>>,
    /// How long the first text waited.
    pub(crate) queued: Duration,
    /// From then until the last was done.
    pub(crate) running: Duration,
}

/// A request whose texts are not all done.
struct Waiting {
    id: u64,
    /// What its texts were read for, and are embedded with.
    model: SharedModel,
    texts: Vec<TokenText>,
    /// Texts given to a batch.
    begun: usize,
    /// Texts that have their row.
    done: usize,
    /// One a text, empty until it is done: batches end in any order.
    rows: Vec<Vec<f32>>,
    since: Instant,
    first: Option<Instant>,
    answer: oneshot::Sender<Result<Vectors, Failure>>,
}

impl Waiting {
    /// Tokens of the texts that wait.
    fn tokens(&self) -> usize {
        self.texts[self.begun..]
            .iter()
            .map(TokenText::n_tokens)
            .sum()
    }
}

#[derive(Default)]
struct Queue {
    requests: VecDeque<Waiting>,
    tokens: usize,
    ended: bool,
    /// Tokens a second, lately.
    rate: f64,
    /// When a batch last ended.
    last_end: Option<Instant>,
}

struct Shared {
    queue: Mutex<Queue>,
    more: Condvar,
    next: AtomicU64,
    ran: Box<dyn Fn(Ran) + Send + Sync>,
}

impl Shared {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The queue and the threads that run the model.
pub(crate) struct Batcher {
    shared: Arc<Shared>,
    budget: usize,
}

/// A place in the queue: whoever goes away frees it.
struct Place<'a>(&'a Shared, u64);

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut queue = self.0.queue();
        let of_us = |request: &Waiting| request.id == self.1;
        if let Some(at) = queue.requests.iter().position(of_us)
            && let Some(gone) = queue.requests.remove(at)
        {
            queue.tokens -= gone.tokens();
        }
    }
}

impl Drop for Batcher {
    fn drop(&mut self) {
        self.shared.queue().ended = true;
        self.shared.more.notify_all();
    }
}

impl Batcher {
    /// Begins the threads; `ran` is told of every batch.
    pub(crate) fn start(
        threads: usize,
        ran: impl Fn(Ran) + Send + Sync + 'static,
    ) -> std::io::Result<Self> {
        let budget = TOKENS_PER_THREAD * threads.max(1);
        let shared = Arc::new(Shared {
            queue: Mutex::default(),
            more: Condvar::new(),
            next: AtomicU64::new(0),
            ran: Box::new(ran),
        });
        // Made first, so that threads that were begun end where one cannot be.
        let batcher = Self { shared, budget };
        for at in 1..=AT_ONCE {
            let theirs = Arc::clone(&batcher.shared);
            std::thread::Builder::new()
                .name(format!("embedder-{at}"))
                .spawn(move || run(&theirs, budget))?;
        }
        Ok(batcher)
    }

    /// Most tokens of a batch.
    pub(crate) fn budget(&self) -> usize {
        self.budget
    }

    /// Texts that wait.
    pub(crate) fn waiting(&self) -> usize {
        let queue = self.shared.queue();
        let texts = |request: &Waiting| request.texts.len() - request.begun;
        queue.requests.iter().map(texts).sum()
    }

    /// # Errors
    /// When more is waiting than is taken in, with the seconds after which it may be done.
    pub(crate) fn check_room(&self) -> Result<(), Failure> {
        self.room(&self.shared.queue())
    }

    fn room(&self, queue: &Queue) -> Result<(), Failure> {
        if queue.tokens < MOST_BATCHES_WAITING * self.budget {
            return Ok(());
        }
        let seconds = queue.tokens as f64 / queue.rate.max(1.0);
        Err(Failure {
            retry_after: Some(seconds.ceil().clamp(1.0, 60.0) as u32),
            ..Failure::overloaded()
        })
    }

    /// Vectors of texts that were read for a model, when their turn has come. Who drops the future frees its place.
    ///
    /// # Errors
    /// When more is waiting than is taken in, or the model fails.
    pub(crate) async fn embed(
        &self,
        model: SharedModel,
        texts: Vec<TokenText>,
    ) -> Result<Vectors, Failure> {
        if texts.is_empty() {
            return Ok(Vectors::default());
        }
        let (answer, answered) = oneshot::channel();
        let id = self.shared.next.fetch_add(1, Ordering::Relaxed);
        let request = Waiting {
            id,
            model,
            rows: vec![Vec::new(); texts.len()],
            texts,
            begun: 0,
            done: 0,
            since: Instant::now(),
            first: None,
            answer,
        };
        {
            let mut queue = self.shared.queue();
            self.room(&queue)?;
            queue.tokens += request.tokens();
            queue.requests.push_back(request);
        }
        let _place = Place(&self.shared, id);
        self.shared.more.notify_one();
        answered.await.unwrap_or_else(|_| Err(Failure::panicked()))
    }
}

/// Texts of one batch, with the requests they are of. All are of one model, and go with one another.
#[derive(Default)]
struct Batch {
    model: Option<SharedModel>,
    texts: Vec<TokenText>,
    /// Of each, the request and which of its texts it is.
    of: Vec<(u64, usize)>,
}

/// The next batch: of each request a text in turn, until the budget is used up. Whose text did not fit is first in the next batch, so that
/// a long text is not overtaken by short ones again and again.
fn next_batch(queue: &mut Queue, budget: usize) -> Batch {
    let (mut batch, mut tokens) = (Batch::default(), 0);
    let (mut passed, mut begun) = (VecDeque::new(), Vec::new());
    while let Some(mut request) = queue.requests.pop_front() {
        let Some(text) = request.texts.get(request.begun) else {
            begun.push(request);
            continue;
        };
        let first = batch.texts.first();
        let alike = first.is_none_or(|first| first.goes_with(text));
        let model = batch.model.as_ref();
        let same = model.is_none_or(|model| model.is(&request.model));
        let fits = tokens + text.n_tokens() <= budget && alike && same;
        if !fits && !batch.texts.is_empty() {
            passed.push_back(request);
            continue;
        }
        tokens += text.n_tokens();
        queue.tokens -= text.n_tokens();
        batch.model.get_or_insert_with(|| request.model.clone());
        batch.texts.push(text.clone());
        batch.of.push((request.id, request.begun));
        request.begun += 1;
        request.first.get_or_insert_with(Instant::now);
        queue.requests.push_back(request);
    }
    passed.extend(begun);
    queue.requests = passed;
    batch
}

fn run(shared: &Shared, budget: usize) {
    loop {
        let batch = {
            let mut queue = shared.queue();
            loop {
                if queue.ended {
                    return;
                }
                if queue.tokens > 0 {
                    break next_batch(&mut queue, budget);
                }
                queue = shared
                    .more
                    .wait(queue)
                    .unwrap_or_else(PoisonError::into_inner);
            }
        };
        let begun = Instant::now();
        let model_ran = std::panic::AssertUnwindSafe(|| match &batch.model {
            Some(model) => model.embed(&batch.texts),
            None => Ok(Vec::new()),
        });
        let made = std::panic::catch_unwind(model_ran);
        let ran = Ran {
            texts: batch.texts.len(),
            tokens: batch.texts.iter().map(TokenText::n_tokens).sum(),
        };
        let made = match made {
            Ok(Ok(rows)) => Ok(rows),
            Ok(Err(error)) => Err(failed(error)),
            Err(_) => Err(Failure::panicked()),
        };
        (shared.ran)(ran);
        hand_out(shared, &batch, made, (begun, ran.tokens));
    }
}

fn failed(error: EmbedError) -> Failure {
    syntopic_library::LibraryError::from(error).into()
}

/// Gives each request its rows, and answers those that have all. `begun` and how many `tokens` are of the batch.
fn hand_out(
    shared: &Shared,
    batch: &Batch,
    made: Result<Vec<Vec<f32>>, Failure>,
    (begun, tokens): (Instant, usize),
) {
    let mut queue = shared.queue();
    // Since the batch before ended: what ran beside it was counted there.
    let alone_since = queue.last_end.map_or(begun, |end| end.max(begun));
    let rate = tokens as f64 / alone_since.elapsed().as_secs_f64().max(1e-3);
    queue.last_end = Some(Instant::now());
    queue.rate = if queue.rate == 0.0 {
        rate
    } else {
        0.8 * queue.rate + 0.2 * rate
    };
    match made {
        Ok(rows) => {
            for (row, (id, text)) in rows.into_iter().zip(&batch.of) {
                // Nobody waits any more where there is none.
                if let Some(request) = queue.requests.iter_mut().find(|r| r.id == *id) {
                    request.rows[*text] = row;
                    request.done += 1;
                }
            }
            take_where(
                &mut queue,
                |request| request.done == request.texts.len(),
                |request| {
                    let first = request.first.unwrap_or(request.since);
                    Ok(Vectors {
                        rows: std::mem::take(&mut request.rows),
                        queued: first - request.since,
                        running: first.elapsed(),
                    })
                },
            );
        }
        Err(failure) => {
            take_where(
                &mut queue,
                |request| batch.of.iter().any(|(id, _)| *id == request.id),
                |_| Err(failure.clone()),
            );
        }
    }
}

/// Takes out the requests that are done and answers them.
fn take_where(
    queue: &mut Queue,
    done: impl Fn(&Waiting) -> bool,
    answer: impl Fn(&mut Waiting) -> Result<Vectors, Failure>,
) {
    let requests = std::mem::take(&mut queue.requests);
    let (finished, left) = requests.into_iter().partition(done);
    queue.requests = left;
    let finished: VecDeque<Waiting> = finished;
    for mut request in finished {
        queue.tokens -= request.tokens();
        let answer = answer(&mut request);
        let _ = request.answer.send(answer);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model() -> SharedModel {
        let sources = syntopic_library::models::ModelSources::from_env();
        let options = syntopic_library::EmbedOptions::default();
        SharedModel::load(syntopic_library::EMBEDDED, &sources, options).unwrap()
    }

    /// One model for all.
    fn shared() -> SharedModel {
        static MODEL: std::sync::OnceLock<SharedModel> = std::sync::OnceLock::new();
        MODEL.get_or_init(model).clone()
    }

    fn request(id: u64, lengths: &[usize]) -> Waiting {
        let model = shared();
        let text = |n: &usize| model.read_ids(&vec![7; *n]).unwrap();
        Waiting {
            id,
            texts: lengths.iter().map(text).collect(),
            model: model.clone(),
            begun: 0,
            done: 0,
            rows: vec![Vec::new(); lengths.len()],
            since: Instant::now(),
            first: None,
            answer: oneshot::channel().0,
        }
    }

    /// Of each text of a batch, the request.
    fn requests(batch: &Batch) -> Vec<u64> {
        batch.of.iter().map(|(id, _)| *id).collect()
    }

    fn queue(requests: Vec<Waiting>) -> Queue {
        let tokens = requests.iter().map(Waiting::tokens).sum();
        Queue {
            requests: requests.into(),
            tokens,
            ..Queue::default()
        }
    }

    #[test]
    fn requests_take_turns_and_a_small_one_does_not_wait_for_a_large_one() {
        let mut queue = queue(vec![request(1, &[10; 8]), request(2, &[10])]);
        let batch = next_batch(&mut queue, 40);
        assert_eq!(requests(&batch), [1, 2, 1, 1]);
        assert_eq!(queue.tokens, 50);
        let batch = next_batch(&mut queue, 40);
        assert_eq!((requests(&batch), queue.tokens), (vec![1; 4], 10));
        assert_eq!(batch.of.last(), Some(&(1, 6)));
        assert_eq!(requests(&next_batch(&mut queue, 40)), [1]);
        assert_eq!((next_batch(&mut queue, 40).of.len(), queue.tokens), (0, 0));
    }

    #[test]
    fn texts_of_two_models_are_never_run_together() {
        let other = Waiting {
            model: model(),
            ..request(2, &[3, 3])
        };
        let mut queue = queue(vec![request(1, &[5, 5]), other, request(3, &[4])]);
        let batch = next_batch(&mut queue, 40);
        assert_eq!(requests(&batch), [1, 3, 1]);
        assert!(batch.model.is_some_and(|model| model.is(&shared())));
        let batch = next_batch(&mut queue, 40);
        assert_eq!(requests(&batch), [2, 2]);
        assert!(batch.model.is_some_and(|model| !model.is(&shared())));
        assert_eq!(queue.tokens, 0);
    }

    #[test]
    fn a_text_longer_than_the_budget_is_a_batch_of_its_own() {
        let mut queue = queue(vec![request(1, &[50, 1]), request(2, &[3])]);
        assert_eq!(requests(&next_batch(&mut queue, 40)), [1]);
        assert_eq!(requests(&next_batch(&mut queue, 40)), [2, 1]);
    }

    #[test]
    fn a_long_text_is_overtaken_once_at_most() {
        let lengths = [10, 10, 30, 10, 10, 10].map(|n| [n]);
        let waiting = (1..).zip(&lengths);
        let waiting = waiting.map(|(id, lengths)| request(id, lengths));
        let mut queue = queue(waiting.collect());
        assert_eq!(requests(&next_batch(&mut queue, 40)), [1, 2, 4, 5]);
        assert_eq!(requests(&next_batch(&mut queue, 40)), [3, 6]);
        assert_eq!((next_batch(&mut queue, 40).of.len(), queue.tokens), (0, 0));
    }

    /// One whose thread never begins.
    fn idle() -> Batcher {
        let shared = Shared {
            queue: Mutex::default(),
            more: Condvar::new(),
            next: AtomicU64::new(0),
            ran: Box::new(|_| ()),
        };
        Batcher {
            shared: Arc::new(shared),
            budget: 10,
        }
    }

    #[test]
    fn a_full_queue_refuses_and_whoever_goes_away_frees_their_place() {
        let batcher = idle();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build();
        runtime.unwrap().block_on(async {
            let texts = || request(0, &[40; 4]).texts;
            let waiting = batcher.embed(shared(), texts());
            let refused = async {
                assert_eq!(batcher.waiting(), 4);
                let failure = batcher.embed(shared(), texts()).await.err().unwrap();
                assert_eq!(failure.status.as_u16(), 429);
                assert!(
                    failure
                        .retry_after
                        .is_some_and(|seconds| (1..=60).contains(&seconds))
                );
            };
            // The first is polled first, and given up when the second is done.
            tokio::select! {
                biased;
                _ = waiting => panic!("nothing runs the model"),
                () = refused => {}
            }
            assert_eq!((batcher.waiting(), batcher.shared.queue().tokens), (0, 0));
            assert!(batcher.check_room().is_ok());
            assert!(
                batcher
                    .embed(shared(), Vec::new())
                    .await
                    .is_ok_and(|made| made.rows.is_empty())
            );
        });
    }

    #[test]
    fn batches_that_end_the_other_way_round_give_rows_in_the_order_of_the_texts() {
        let batcher = idle();
        let shared = &batcher.shared;
        let (answer, mut answered) = oneshot::channel();
        let waiting = Waiting {
            answer,
            ..request(1, &[10, 20, 30])
        };
        *shared.queue() = queue(vec![waiting]);
        let mut batches = [40, 40].map(|budget| next_batch(&mut shared.queue(), budget));
        assert_eq!(batches[0].of, [(1, 0), (1, 1)]);
        assert_eq!(batches[1].of, [(1, 2)]);
        batches.reverse();
        for batch in &batches {
            assert!(answered.try_recv().is_err(), "not before all are done");
            let rows = batch.texts.iter().map(|text| vec![text.n_tokens() as f32]);
            let begun = (Instant::now(), 40);
            hand_out(shared, batch, Ok(rows.collect()), begun);
        }
        let made = answered.try_recv().expect("an answer");
        let made = made.expect("vectors");
        assert_eq!(made.rows, [[10.0], [20.0], [30.0]]);
        assert!(shared.queue().requests.is_empty());
    }

    #[test]
    fn vectors_come_in_order_and_a_failure_is_told_to_all() {
        let model = shared();
        let kind = syntopic_library::TextKind::Document;
        let read = |text: &str| model.read(text, kind).unwrap();
        let texts = vec![read("graphs"), read("speech recognition"), read("graphs")];
        let alone = model.embed(&texts[..1]).unwrap();
        let batcher = Batcher::start(model.threads(), |_| ()).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        let made = runtime.block_on(batcher.embed(model, texts)).unwrap();
        assert_eq!(
            (made.rows.len(), &made.rows[0], &made.rows[2]),
            (3, &alone[0], &alone[0])
        );
        assert_ne!(made.rows[0], made.rows[1]);
        assert_eq!(batcher.waiting(), 0);
        let mut queue = queue(vec![request(1, &[5; 30]), request(2, &[5])]);
        let batch = next_batch(&mut queue, 40);
        let batcher = idle();
        let shared = &batcher.shared;
        *shared.queue() = queue;
        hand_out(
            shared,
            &batch,
            Err(Failure::panicked()),
            (Instant::now(), 40),
        );
        let left = shared.queue();
        assert_eq!((left.requests.len(), left.tokens), (0, 0));
    }
}
