//! `s2i usage`.

use s2i_build::{
    CancelToken,
    event::{Event, EventSink},
    ports::{ImageResolver, Runner},
    request::UsageRequest,
};
use serde_json::{Value, json};

use crate::{args::Usage, context::CommandContext, error::Error, render::Renderer};

pub(crate) async fn run(
    engine: &(impl ImageResolver + Runner),
    args: &Usage,
    context: &CommandContext<'_>,
    cancel: &CancelToken,
) -> Result<(), Error> {
    let request = UsageRequest {
        image: args.image.clone(),
        pull: args.pull_policy,
        env: args.env.clone(),
        allowed_uids: args.allowed.or(&context.config.allowed_uids),
        json: args.json,
    };
    let renderer = context.renderer();
    let events = WithoutHeadings(&renderer);
    let answer = s2i_build::usage(engine, &request, &events, cancel).await?;
    let answer = String::from_utf8_lossy(&answer);
    let usage = if args.json {
        object(&answer)
    } else {
        Value::from(&*answer)
    };
    let text = match &usage {
        Value::String(text) => text.clone(),
        object => format!("{object:#}\n"),
    };
    let object = json!({"event": "usage", "image": args.image.to_string(), "usage": usage});
    renderer.answer(&text, &object);
    Ok(())
}

/// Returns the answer if it is a JSON object, or else an object with the answer in it.
fn object(answer: &str) -> Value {
    match serde_json::from_str(answer) {
        Ok(value @ Value::Object(_)) => value,
        _ => json!({"text": answer}),
    }
}

/// A renderer that hides the phases from people, who asked for the text only.
struct WithoutHeadings<'a>(&'a Renderer);

impl EventSink for WithoutHeadings<'_> {
    fn event(&self, event: Event) {
        if self.0.is_json() || !matches!(event, Event::PhaseStarted(_) | Event::PhaseEnded(..)) {
            self.0.event(event);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answer_is_always_an_object() {
        assert_eq!(object("{\"a\": [1]}\n"), json!({"a": [1]}));
        for text in ["", "[1]", "3", "How to use it\n", "{\"a\": 1} more"] {
            assert_eq!(object(text), json!({"text": text}));
        }
    }
}
