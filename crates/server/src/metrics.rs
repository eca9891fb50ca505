//! Counts and times of requests, in the text format of Prometheus.
//!
//! Not for: what is logged of a single request (`guard.rs`).

use crate::tei_metrics::TeiMetrics;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Upper ends of the buckets of times, in seconds.
const BUCKETS: [f64; 12] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0,
];

/// How long something took, or how large it was, many times.
#[derive(Default)]
pub(crate) struct Times {
    buckets: [u64; BUCKETS.len()],
    n: u64,
    sum: f64,
}

impl Times {
    pub(crate) fn add(&mut self, seconds: f64) {
        self.add_within(seconds, &BUCKETS);
    }

    /// The same with other buckets.
    pub(crate) fn add_within(&mut self, value: f64, ends: &[f64; BUCKETS.len()]) {
        self.n += 1;
        self.sum += value;
        for (count, end) in self.buckets.iter_mut().zip(ends) {
            *count += u64::from(value <= *end);
        }
    }

    /// As a histogram; `labels` is empty or ends with a comma.
    pub(crate) fn write(&self, text: &mut String, name: &str, labels: &str) {
        self.write_within(text, name, labels, &BUCKETS);
    }

    pub(crate) fn write_within(
        &self,
        text: &mut String,
        name: &str,
        labels: &str,
        ends: &[f64; BUCKETS.len()],
    ) {
        let (n, sum) = (self.n, self.sum);
        for (count, end) in self.buckets.iter().zip(ends) {
            let _ = writeln!(text, "{name}_bucket{{{labels}le=\"{end}\"}} {count}");
        }
        let _ = writeln!(text, "{name}_bucket{{{labels}le=\"+Inf\"}} {n}");
        let labels = labels.trim_end_matches(',');
        let labels = if labels.is_empty() {
            String::new()
        } else {
            format!("{{{labels}}}")
        };
        let _ = writeln!(text, "{name}_sum{labels} {sum}\n{name}_count{labels} {n}");
    }
}

/// What has been counted since the server began.
pub(crate) struct Metrics {
    begun: Instant,
    /// By method, route and status.
    requests: Mutex<BTreeMap<(String, String, u16), u64>>,
    times: Mutex<BTreeMap<(String, String), Times>>,
    pub(crate) in_flight: AtomicI64,
    pub(crate) refused: AtomicU64,
    pub(crate) tei: TeiMetrics,
}

impl Metrics {
    pub(crate) fn new() -> Self {
        Self {
            begun: Instant::now(),
            requests: Mutex::default(),
            times: Mutex::default(),
            in_flight: AtomicI64::new(0),
            refused: AtomicU64::new(0),
            tei: TeiMetrics::default(),
        }
    }

    /// Counts a request that was answered. `route` is the pattern, never the path.
    pub(crate) fn answered(&self, method: &str, route: &str, status: u16, time: Duration) {
        let method = known_method(method).to_owned();
        let mut requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        *requests
            .entry((method.clone(), route.to_owned(), status))
            .or_default() += 1;
        drop(requests);
        let mut times = self.times.lock().unwrap_or_else(PoisonError::into_inner);
        times
            .entry((method, route.to_owned()))
            .or_default()
            .add(time.as_secs_f64());
    }

    /// All of it, where so many texts wait to be embedded.
    pub(crate) fn text(&self, waiting: usize) -> String {
        let mut text = String::new();
        let uptime = self.begun.elapsed().as_secs_f64();
        head(
            &mut text,
            "syntopic_uptime_seconds",
            "gauge",
            "Since the server began",
        );
        let _ = writeln!(text, "syntopic_uptime_seconds {uptime:.3}");
        head(
            &mut text,
            "syntopic_requests_in_flight",
            "gauge",
            "Requests being answered",
        );
        let now = self.in_flight.load(Ordering::Relaxed);
        let _ = writeln!(text, "syntopic_requests_in_flight {now}");
        head(
            &mut text,
            "syntopic_refused_total",
            "counter",
            "Requests refused for load",
        );
        let refused = self.refused.load(Ordering::Relaxed);
        let _ = writeln!(text, "syntopic_refused_total {refused}");
        head(
            &mut text,
            "syntopic_requests_total",
            "counter",
            "Requests answered",
        );
        let requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        for ((method, route, status), n) in requests.iter() {
            let labels = format!("method=\"{method}\",route=\"{route}\",status=\"{status}\"");
            let _ = writeln!(text, "syntopic_requests_total{{{labels}}} {n}");
        }
        drop(requests);
        self.write_times(&mut text);
        self.tei.write(&mut text, waiting);
        text
    }

    fn write_times(&self, text: &mut String) {
        let name = "syntopic_request_duration_seconds";
        head(
            text,
            name,
            "histogram",
            "From the first byte read to the answer",
        );
        let times = self.times.lock().unwrap_or_else(PoisonError::into_inner);
        for ((method, route), times) in times.iter() {
            times.write(
                text,
                name,
                &format!("method=\"{method}\",route=\"{route}\","),
            );
        }
    }
}

/// A method that anybody may make up counts as one.
fn known_method(method: &str) -> &str {
    let known = ["GET", "HEAD", "POST", "DELETE", "PUT", "PATCH", "OPTIONS"];
    known
        .into_iter()
        .find(|known| *known == method)
        .unwrap_or("other")
}

/// What stands above the lines of a metric.
pub(crate) fn head(text: &mut String, name: &str, kind: &str, help: &str) {
    // To write into a string never fails.
    let _ = writeln!(text, "# HELP {name} {help}.\n# TYPE {name} {kind}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_counted_by_route_and_a_made_up_method_is_one_of_many() {
        let metrics = Metrics::new();
        metrics.answered("GET", "/health", 200, Duration::from_millis(3));
        metrics.answered("GET", "/health", 200, Duration::from_millis(300));
        metrics.answered("QUERY\"", "", 404, Duration::ZERO);
        let text = metrics.text(3);
        for line in [
            "syntopic_requests_total{method=\"GET\",route=\"/health\",status=\"200\"} 2",
            "syntopic_requests_total{method=\"other\",route=\"\",status=\"404\"} 1",
            "syntopic_request_duration_seconds_bucket{method=\"GET\",route=\"/health\",le=\"0.005\"} 1",
            "te_queue_size 3",
            "te_request_duration_count 0",
            "syntopic_request_duration_seconds_count{method=\"GET\",route=\"/health\"} 2",
        ] {
            assert!(text.lines().any(|l| l == line), "{line}\n{text}");
        }
    }
}
