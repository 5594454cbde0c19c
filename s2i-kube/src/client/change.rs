//! Requests that create or change objects.

use std::time::Duration;

use http::{Method, Request, StatusCode, header};
use kube::client::Body;
use serde_json::Value;
use tokio::time::sleep;

use super::{
    cluster::{Cluster, answer},
    error::{ApiError, Cause, Operation},
    warning::{Warning, warnings},
};

/// The name under which the server notes who has set which field.
pub(crate) const FIELD_MANAGER: &str = "s2i";

/// The number of times that an overloaded server is asked again.
const RETRIES: usize = 4;

/// The longest time that an overloaded server may want the client to wait.
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// A request that creates or changes an object. Fields that the server does not know are an error.
#[derive(Debug)]
pub(crate) struct ChangeRequest {
    method: Method,
    content_type: &'static str,
    uri: String,
    body: Vec<u8>,
}

/// The answer to it.
#[derive(Debug)]
pub(crate) struct Changed {
    /// True if the object did not exist before.
    pub(crate) is_new: bool,
    /// The object as the server has stored it, or would store it.
    pub(crate) object: Value,
    /// The warnings of the server.
    pub(crate) warnings: Vec<Warning>,
}

impl ChangeRequest {
    /// Returns a request for a new object in the collection at this path.
    pub(crate) fn create(path: &str, dry_run: bool, body: Vec<u8>) -> Self {
        Self {
            method: Method::POST,
            content_type: "application/json",
            uri: uri(path, "", dry_run),
            body,
        }
    }

    /// Returns a request for the fields of the object at this path, which need not exist. Fields that another client has
    /// set to another value are a conflict, unless they are taken over.
    pub(crate) fn apply(path: &str, take_over: bool, dry_run: bool, body: Vec<u8>) -> Self {
        let force = if take_over { "&force=true" } else { "" };
        Self {
            method: Method::PATCH,
            // JSON is YAML, and servers of all versions know this type.
            content_type: "application/apply-patch+yaml",
            uri: uri(path, force, dry_run),
            body,
        }
    }
}

fn uri(path: &str, parameter: &str, dry_run: bool) -> String {
    let dry = if dry_run { "&dryRun=All" } else { "" };
    format!("{path}?fieldManager={FIELD_MANAGER}&fieldValidation=Strict{parameter}{dry}")
}

impl Cluster {
    /// Sends a request. An overloaded server is asked again.
    pub(crate) async fn change(
        &self,
        operation: &Operation,
        request: &ChangeRequest,
    ) -> Result<Changed, ApiError> {
        let mut tries = 0;
        loop {
            let error = match self.change_once(operation, request).await {
                Err(error) if tries < RETRIES => error,
                done => return done,
            };
            // Only this code means that nothing was done. After any other one, there may be a new object.
            let Cause::Unavailable {
                code: 429,
                retry_after,
                ..
            } = error.cause
            else {
                return Err(error);
            };
            tries += 1;
            let wait = Duration::from_secs(retry_after.unwrap_or(1).into());
            sleep(wait.min(LONGEST_WAIT)).await;
        }
    }

    async fn change_once(
        &self,
        operation: &Operation,
        request: &ChangeRequest,
    ) -> Result<Changed, ApiError> {
        let unexpected = |words: String| operation.failed(Cause::Unexpected { words });
        let request = Request::builder()
            .method(&request.method)
            .uri(&request.uri)
            .header(header::CONTENT_TYPE, request.content_type)
            .body(Body::from(request.body.clone()))
            .map_err(|error| unexpected(error.to_string()))?;
        let exchange = async {
            let response = self.client.send(request).await?;
            let (head, body) = response.into_parts();
            Ok((head, body.collect_bytes().await?))
        };
        let (head, body) = answer(operation, exchange).await?;
        if !head.status.is_success() {
            return Err(operation.failed(refusal(head.status, &body)));
        }
        let object =
            serde_json::from_slice(&body).map_err(|error| unexpected(error.to_string()))?;
        Ok(Changed {
            is_new: head.status == StatusCode::CREATED,
            object,
            warnings: warnings(&head.headers),
        })
    }
}

/// Returns the cause of a refusal from the status object in it, or from its code if a proxy has answered.
fn refusal(code: StatusCode, body: &[u8]) -> Cause {
    let mut status: kube::core::Status = serde_json::from_slice(body).unwrap_or_default();
    status.code = code.as_u16();
    if status.message.is_empty() && status.reason.is_empty() {
        let reason = code.canonical_reason().unwrap_or("unknown code");
        reason.clone_into(&mut status.message);
    }
    status.into()
}
