//! The message about the end of a build to the URL of `--callback-url`.

use std::time::Duration;

use reqwest::redirect::{Action, Attempt, Policy};
use s2i_build::{
    BuildFailure, Outcome,
    event::{Event, EventSink as _},
};
use s2i_core::{Diagnostic, ErrorChain};
use serde_json::{Value, json};

use crate::render::Renderer;

/// The number of tries if the server can't be reached.
const TRIES: usize = 3;
/// The time that a try may take, with the redirects.
const TIME_LIMIT: Duration = Duration::from_secs(10);
/// The number of redirects that are followed.
const REDIRECTS: usize = 3;

/// Sends the outcome of a build, unless it was interrupted. A failure is a warning.
pub(super) async fn send(url: &str, built: Result<&Outcome, &BuildFailure>, renderer: &Renderer) {
    if built.is_err_and(|failure| failure.error.interrupt().is_some()) {
        return;
    }
    let body = body(built);
    let mut sent = post(url, &body).await;
    for _ in 1..TRIES {
        if sent.as_ref().is_err_and(reqwest::Error::is_connect) {
            sent = post(url, &body).await;
        }
    }
    let problem = match sent {
        Ok(status) if status.is_success() => return,
        Ok(status) if status.is_redirection() => {
            format!(
                "the server answered {status}; redirects to other servers, and more than three, are not followed"
            )
        }
        Ok(status) => format!("the server answered {status}"),
        Err(err) => ErrorChain(&err.without_url()).to_string(),
    };
    let warning = Diagnostic::new("--callback-url", problem);
    renderer.event(Event::Warning(warning));
}

/// Returns the message: the labels of the image, if there are any, and whether there is an image.
fn body(built: Result<&Outcome, &BuildFailure>) -> String {
    let mut body = json!({"success": built.is_ok()});
    if let Ok(outcome) = built
        && !outcome.labels.is_empty()
    {
        body["labels"] = json!(outcome.labels);
    }
    format!("{}\n", Value::to_string(&body))
}

async fn post(url: &str, body: &str) -> reqwest::Result<reqwest::StatusCode> {
    // It fails only if there is a provider already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::builder()
        .timeout(TIME_LIMIT)
        .redirect(Policy::custom(follow))
        .build()?;
    let request = client
        .post(url)
        .header("Content-Type", "application/json")
        .body(body.to_owned());
    // The body of the answer is not read.
    Ok(request.send().await?.status())
}

/// Follows a redirect to the same server. Another one has no part in the build, so it does not get the labels.
fn follow(attempt: Attempt<'_>) -> Action {
    let first = attempt.previous().first();
    let is_same = first.is_some_and(|first| first.origin() == attempt.url().origin());
    if is_same && attempt.previous().len() <= REDIRECTS {
        attempt.follow()
    } else {
        attempt.stop()
    }
}
