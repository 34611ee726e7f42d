//! Counters for Prometheus, in its text format.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::extract::State as Extract;
use axum::http::{Method, header};
use axum::response::{IntoResponse, Response};

use crate::jobs::State;
use crate::reply::Refusal;
use crate::state::{AppState, blocking};

/// Upper bounds of the buckets of latencies, in seconds.
const BOUNDS: [f64; 9] = [0.005, 0.02, 0.05, 0.1, 0.25, 1.0, 5.0, 30.0, 120.0];

/// What is counted; cheap to clone.
#[derive(Debug, Clone, Default)]
pub(crate) struct Metrics(Arc<Counters>);

#[derive(Debug, Default)]
struct Counters {
    /// By route, method and status.
    requests: Mutex<BTreeMap<(String, String, u16), u64>>,
    buckets: [AtomicU64; BOUNDS.len()],
    answered: AtomicU64,
    micros: AtomicU64,
    received: AtomicU64,
    streams: AtomicI64,
    connections: AtomicI64,
}

/// Counts as long as it lives.
#[derive(Debug)]
pub(crate) struct Gauge(Arc<Counters>, fn(&Counters) -> &AtomicI64);

impl Drop for Gauge {
    fn drop(&mut self) {
        self.1(&self.0).fetch_sub(1, Ordering::Relaxed);
    }
}

impl Metrics {
    /// A request was answered.
    pub fn answered(&self, route: &str, method: &Method, status: u16, took: Duration) {
        // Other methods than the known could be any text.
        let method = match method.as_str() {
            known @ ("GET" | "HEAD" | "POST" | "PATCH" | "DELETE" | "OPTIONS" | "PUT") => known,
            _ => "other",
        };
        let key = (route.to_owned(), method.to_owned(), status);
        let requests = &self.0.requests;
        let mut requests = requests.lock().unwrap_or_else(PoisonError::into_inner);
        *requests.entry(key).or_insert(0) += 1;
        drop(requests);
        let seconds = took.as_secs_f64();
        for (bound, bucket) in BOUNDS.iter().zip(&self.0.buckets) {
            if seconds <= *bound {
                bucket.fetch_add(1, Ordering::Relaxed);
            }
        }
        self.0.answered.fetch_add(1, Ordering::Relaxed);
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.0.micros.fetch_add(micros, Ordering::Relaxed);
    }

    /// Bytes of a body came in.
    pub fn received(&self, bytes: usize) {
        self.0.received.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// An event stream is open until the gauge is dropped.
    pub fn stream(&self) -> Gauge {
        self.gauge(|c| &c.streams)
    }

    /// A connection is open until the gauge is dropped.
    pub fn connection(&self) -> Gauge {
        self.gauge(|c| &c.connections)
    }

    fn gauge(&self, of: fn(&Counters) -> &AtomicI64) -> Gauge {
        of(&self.0).fetch_add(1, Ordering::Relaxed);
        Gauge(self.0.clone(), of)
    }

    fn text(&self, jobs: &[usize; 5], resident: Option<u64>) -> String {
        let mut out = String::new();
        let c = &self.0;
        let mut family = |name: &str, kind: &str, help: &str, lines: &[(String, String)]| {
            // Writing to a string cannot fail.
            let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}");
            for (labels, value) in lines {
                let _ = writeln!(out, "{name}{labels} {value}");
            }
        };
        let requests = c.requests.lock().unwrap_or_else(PoisonError::into_inner);
        let lines: Vec<_> = requests
            .iter()
            .map(|((route, method, status), n)| {
                let labels =
                    format!("{{route=\"{route}\",method=\"{method}\",status=\"{status}\"}}");
                (labels, n.to_string())
            })
            .collect();
        drop(requests);
        family(
            "omnimri_requests_total",
            "counter",
            "Requests answered.",
            &lines,
        );
        let states: Vec<_> = State::ALL
            .iter()
            .zip(jobs)
            .map(|(s, n)| (format!("{{state=\"{}\"}}", s.name()), n.to_string()))
            .collect();
        family(
            "omnimri_jobs",
            "gauge",
            "Jobs in the store, by state.",
            &states,
        );
        let load = |a: &AtomicU64| a.load(Ordering::Relaxed).to_string();
        let plain = |value: String| vec![(String::new(), value)];
        family(
            "omnimri_received_bytes_total",
            "counter",
            "Bytes of bodies received.",
            &plain(load(&c.received)),
        );
        family(
            "omnimri_event_streams",
            "gauge",
            "Event streams open.",
            &plain(c.streams.load(Ordering::Relaxed).to_string()),
        );
        family(
            "omnimri_connections",
            "gauge",
            "Connections open.",
            &plain(c.connections.load(Ordering::Relaxed).to_string()),
        );
        if let Some(resident) = resident {
            family(
                "process_resident_memory_bytes",
                "gauge",
                "Memory of the process.",
                &plain(resident.to_string()),
            );
        }
        let name = "omnimri_request_seconds";
        let _ = writeln!(
            out,
            "# HELP {name} Seconds until an answer began.\n# TYPE {name} histogram"
        );
        for (bound, bucket) in BOUNDS.iter().zip(&c.buckets) {
            let _ = writeln!(out, "{name}_bucket{{le=\"{bound}\"}} {}", load(bucket));
        }
        let count = load(&c.answered);
        let sum = c.micros.load(Ordering::Relaxed) as f64 / 1e6;
        let _ = writeln!(
            out,
            "{name}_bucket{{le=\"+Inf\"}} {count}\n{name}_sum {sum}\n{name}_count {count}"
        );
        out
    }
}

/// Memory of this process in bytes, where the system says.
fn resident() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|l| l.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kib * 1024)
}

/// `GET /metrics`
pub(crate) async fn metrics(Extract(state): Extract<AppState>) -> Result<Response, Refusal> {
    let jobs = state.jobs.clone();
    let counts = blocking(move || jobs.store().counts().map_err(|e| Refusal::of_store(&e)));
    let text = state.metrics.text(&counts.await?, resident());
    let kind = "text/plain; version=0.0.4; charset=utf-8";
    Ok(([(header::CONTENT_TYPE, kind)], text).into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_in_the_text_format() {
        let metrics = Metrics::default();
        let open = metrics.stream();
        metrics.answered("/health", &Method::GET, 200, Duration::from_millis(30));
        metrics.received(5);
        let text = metrics.text(&[1, 2, 3, 4, 5], Some(7));
        for line in [
            "omnimri_requests_total{route=\"/health\",method=\"GET\",status=\"200\"} 1",
            "omnimri_jobs{state=\"cancelled\"} 5",
            "omnimri_received_bytes_total 5",
            "omnimri_event_streams 1",
            "omnimri_request_seconds_bucket{le=\"0.02\"} 0",
            "omnimri_request_seconds_bucket{le=\"0.05\"} 1",
            "omnimri_request_seconds_count 1",
            "process_resident_memory_bytes 7",
        ] {
            assert!(text.lines().any(|l| l == line), "{line} in\n{text}");
        }
        drop(open);
        assert!(
            metrics
                .text(&[0; 5], None)
                .contains("omnimri_event_streams 0")
        );
    }
}
