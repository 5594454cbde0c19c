//! The recorded answers.

use serde_json::Value;

/// The changes of the pod of a build that succeeds.
pub(crate) fn pods() -> Vec<Value> {
    lines(include_str!("fixtures/pods.ndjson"))
}

/// The changes of its Job.
pub(crate) fn jobs() -> Vec<Value> {
    lines(include_str!("fixtures/job.ndjson"))
}

/// The events about the objects whose names begin so.
pub(crate) fn events(name: &str) -> Vec<Value> {
    let about = |event: &Value| {
        event["involvedObject"]["name"]
            .as_str()
            .is_some_and(|object| object.starts_with(name))
    };
    let events = lines(include_str!("fixtures/events.ndjson")).into_iter();
    events
        .map(|change| change["object"].clone())
        .filter(about)
        .collect()
}

/// The refusal of a request.
pub(crate) fn refusal(name: &str) -> Value {
    let text = match name {
        "400" => include_str!("fixtures/errors/400-strict.json"),
        "400-log" => include_str!("fixtures/errors/400-log.json"),
        "401" => include_str!("fixtures/errors/401.json"),
        "403" => include_str!("fixtures/errors/403-rbac.json"),
        "404" => include_str!("fixtures/errors/404.json"),
        "409" => include_str!("fixtures/errors/409-exists.json"),
        "422" => include_str!("fixtures/errors/422-invalid.json"),
        _ => panic!("no refusal {name} is recorded"),
    };
    serde_json::from_str(text).unwrap()
}

pub(crate) const WARNING: &str = include_str!("fixtures/psa-warning.txt");
pub(crate) const VERSION: &str = include_str!("fixtures/version.json");
pub(crate) const LOG_PREPARE: &str = include_str!("fixtures/log-prepare.txt");
pub(crate) const LOG_ASSEMBLE: &str = include_str!("fixtures/log-assemble.txt");
pub(crate) const LOG_PUSH: &str = include_str!("fixtures/log-push.txt");

fn lines(text: &str) -> Vec<Value> {
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}
