//! The bounds of answers: the client of `kube` reads bodies and lines of any length.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use futures_util::{FutureExt as _, TryFutureExt as _, future::BoxFuture};
use http::{Request, Response};
use http_body::{Body as HttpBody, Frame};
use kube::client::Body;
use thiserror::Error;
use tower_layer::Layer;
use tower_service::Service;

/// The most bytes of an answer: a page of 500 Jobs has about 8 MiB.
const ANSWER: usize = 64 << 20;

/// The most bytes of an object in a stream of changes: no server stores more than 1.5 MiB.
const LINE: usize = 8 << 20;

/// An answer that is longer than any of Kubernetes.
#[derive(Debug, Error)]
#[error("the answer is longer than {0} bytes")]
struct TooLong(usize);

/// Adds the bounds to a stack of services.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BoundedLayer;

impl<S> Layer<S> for BoundedLayer {
    type Service = Bounded<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Bounded(inner)
    }
}

/// A service whose answers have bounds.
#[derive(Clone, Debug)]
pub(crate) struct Bounded<S>(S);

impl<S, B> Service<Request<Body>> for Bounded<S>
where
    S: Service<Request<Body>, Response = Response<B>>,
    S::Future: Send + 'static,
    S::Error: 'static,
    B: 'static,
{
    type Response = Response<BoundedBody<B>>;
    type Error = S::Error;
    type Future = BoxFuture<'static, Result<Self::Response, Self::Error>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let bound = Bound::of(&request);
        let bounded = move |answer: Response<B>| {
            answer.map(|body| BoundedBody {
                body,
                bound,
                length: 0,
            })
        };
        self.0.call(request).map_ok(bounded).boxed()
    }
}

/// The bounded part of an answer.
#[derive(Clone, Copy, Debug)]
enum Bound {
    /// All of it.
    Answer,
    /// Each line.
    Line,
    /// Nothing: a log is read in pieces.
    None,
}

impl Bound {
    fn of(request: &Request<Body>) -> Self {
        let uri = request.uri();
        let query = uri.query().unwrap_or_default();
        if uri.path().ends_with("/log") {
            Self::None
        } else if query.split('&').any(|part| part == "watch=true") {
            Self::Line
        } else {
            Self::Answer
        }
    }
}

/// A body with bounds.
#[derive(Debug)]
pub(crate) struct BoundedBody<B> {
    body: B,
    bound: Bound,
    /// The bytes of the answer, or of the line, so far.
    length: usize,
}

impl<B> BoundedBody<B> {
    fn check(&mut self, bytes: &[u8]) -> Result<(), TooLong> {
        match self.bound {
            Bound::None => Ok(()),
            Bound::Answer => {
                self.length = self.length.saturating_add(bytes.len());
                below(self.length, ANSWER)
            }
            Bound::Line => {
                for line in bytes.split_inclusive(|byte| *byte == b'\n') {
                    self.length = self.length.saturating_add(line.len());
                    below(self.length, LINE)?;
                    if line.ends_with(b"\n") {
                        self.length = 0;
                    }
                }
                Ok(())
            }
        }
    }
}

fn below(length: usize, bound: usize) -> Result<(), TooLong> {
    if length > bound {
        Err(TooLong(bound))
    } else {
        Ok(())
    }
}

impl<B> HttpBody for BoundedBody<B>
where
    B: HttpBody<Data = Bytes> + Unpin,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    type Data = Bytes;
    type Error = Box<dyn std::error::Error + Send + Sync>;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        let this = self.get_mut();
        let frame = Pin::new(&mut this.body).poll_frame(context);
        frame.map(|frame| {
            frame.map(|frame| {
                let frame = frame.map_err(Into::into)?;
                if let Some(bytes) = frame.data_ref() {
                    this.check(bytes)?;
                }
                Ok(frame)
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(bound: Bound) -> BoundedBody<()> {
        BoundedBody {
            body: (),
            bound,
            length: 0,
        }
    }

    #[test]
    fn answers_are_bounded_as_a_whole() {
        let mut answer = body(Bound::Answer);
        let half = vec![b'\n'; ANSWER / 2];
        assert!(answer.check(&half).is_ok() && answer.check(&half).is_ok());
        assert!(answer.check(b"x").is_err());
    }

    #[test]
    fn streams_are_bounded_by_line() {
        let mut stream = body(Bound::Line);
        let mut line = vec![b'x'; LINE - 1];
        line.push(b'\n');
        assert!(stream.check(&line).is_ok() && stream.check(&line).is_ok());
        assert!(stream.check(&line[1..LINE - 1]).is_ok() && stream.check(b"xx").is_ok());
        assert!(stream.check(b"x").is_err());
    }

    #[test]
    fn request_decides_what_is_bounded() {
        let bound = |uri: &str| Bound::of(&Request::get(uri).body(Body::empty()).unwrap());
        assert!(matches!(bound("/api/v1/pods?watch=true&x=1"), Bound::Line));
        assert!(matches!(
            bound("/api/v1/namespaces/a/pods/b/log?follow=true"),
            Bound::None
        ));
        assert!(matches!(bound("/api/v1/pods"), Bound::Answer));
    }
}
