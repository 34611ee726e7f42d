//! Clients that send or take bytes too slowly hold a place that others wait for: they are let go.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use futures_util::StreamExt;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

use crate::state::AppState;

/// A body came too slowly.
#[derive(Debug, thiserror::Error)]
#[error("the body came too slowly")]
pub(crate) struct TooSlow;

/// Bounds the time of a request's body.
pub(crate) async fn bounded_body(
    State(state): State<AppState>,
    request: Request,
    next: Next,
) -> Response {
    let (parts, body) = request.into_parts();
    let (idle, rate) = (state.limits.idle_time, state.limits.min_body_rate);
    let bytes = state.metrics.clone();
    let began = Instant::now();
    let mut size = 0u64;
    let chunks = body.into_data_stream();
    let chunks = futures_util::stream::unfold(chunks, move |mut chunks| {
        let bytes = bytes.clone();
        async move {
            let chunk: io::Result<Bytes> = match tokio::time::timeout(idle, chunks.next()).await {
                Err(_) => Err(io::Error::new(io::ErrorKind::TimedOut, TooSlow)),
                Ok(None) => return None,
                Ok(Some(Err(e))) => Err(io::Error::other(e)),
                Ok(Some(Ok(chunk))) => {
                    bytes.received(chunk.len());
                    Ok(chunk)
                }
            };
            Some((chunk, chunks))
        }
    });
    let chunks = chunks.map(move |chunk| {
        let chunk = chunk?;
        size += chunk.len() as u64;
        let since = began.elapsed();
        let expected = since.saturating_sub(idle).as_secs_f64() * rate as f64;
        if (size as f64) < expected {
            return Err(io::Error::new(io::ErrorKind::TimedOut, TooSlow));
        }
        Ok(chunk)
    });
    next.run(Request::from_parts(parts, Body::from_stream(chunks)))
        .await
}

/// A connection whose peer must take what is written within a time.
#[derive(Debug)]
pub(crate) struct Timed<S> {
    stream: S,
    idle: Duration,
    /// Runs while a write waits.
    waiting: Option<Pin<Box<Sleep>>>,
}

impl<S> Timed<S> {
    pub fn new(stream: S, idle: Duration) -> Self {
        Self {
            stream,
            idle,
            waiting: None,
        }
    }

    /// Passes on what is done; what waits, waits no longer than allowed.
    fn bound<T>(&mut self, cx: &mut Context<'_>, done: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if done.is_ready() {
            self.waiting = None;
            return done;
        }
        let idle = self.idle;
        let sleep = self
            .waiting
            .get_or_insert_with(|| Box::pin(tokio::time::sleep(idle)));
        ready!(sleep.as_mut().poll(cx));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Timed<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Timed<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let done = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.bound(cx, done)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let done = Pin::new(&mut self.stream).poll_flush(cx);
        self.bound(cx, done)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let done = Pin::new(&mut self.stream).poll_shutdown(cx);
        self.bound(cx, done)
    }
}
