//! The objects of the model, and their changes.

use std::collections::BTreeMap;

use bytes::Bytes;
use futures_channel::mpsc::{UnboundedReceiver, UnboundedSender, unbounded};
use serde_json::{Value, json};

use super::attach::Receiver;

/// The kinds of objects that can be watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Job,
    Pod,
    Event,
}

/// An answer that a test has chosen.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) code: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: String,
    /// How many requests get it.
    pub(crate) times: usize,
}

impl Answer {
    pub(crate) fn new(code: u16, body: &Value) -> Self {
        Self {
            code,
            headers: Vec::new(),
            body: body.to_string(),
            times: 1,
        }
    }

    pub(crate) fn with_header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.trim().to_owned()));
        self
    }

    pub(crate) fn times(mut self, times: usize) -> Self {
        self.times = times;
        self
    }
}

#[derive(Default)]
pub(crate) struct World {
    version: u64,
    /// The objects of any kind that were applied, by path.
    pub(crate) applied: BTreeMap<String, Value>,
    /// Changes up to this version are forgotten.
    compacted: u64,
    objects: BTreeMap<(Kind, String), Value>,
    changes: Vec<(u64, Kind, Value)>,
    watchers: Vec<(Kind, String, UnboundedSender<Bytes>)>,
    logs: BTreeMap<(String, String), Log>,
    pub(crate) answers: Vec<(String, Answer)>,
    pub(crate) requests: Vec<String>,
    pub(crate) receiver: Receiver,
    pub(crate) received: Vec<(String, Vec<u8>)>,
    pub(crate) secrets: BTreeMap<String, Value>,
}

#[derive(Default)]
struct Log {
    text: String,
    ended: bool,
    readers: Vec<UnboundedSender<Bytes>>,
}

impl World {
    pub(crate) fn apply(&mut self, kind: Kind, mut object: Value) {
        let key = (kind, name(&object));
        let type_ = if self.objects.contains_key(&key) {
            "MODIFIED"
        } else {
            "ADDED"
        };
        self.version += 1;
        object["metadata"]["resourceVersion"] = self.version.to_string().into();
        self.objects.insert(key, object.clone());
        self.change(kind, type_, &object);
    }

    pub(crate) fn remove(&mut self, kind: Kind, name: &str) {
        let Some(mut object) = self.objects.remove(&(kind, name.to_owned())) else {
            return;
        };
        self.version += 1;
        object["metadata"]["resourceVersion"] = self.version.to_string().into();
        self.change(kind, "DELETED", &object);
    }

    pub(crate) fn get(&self, kind: Kind, name: &str) -> Option<&Value> {
        self.objects.get(&(kind, name.to_owned()))
    }

    pub(crate) fn list(&self, kind: Kind, query: &str) -> Value {
        let matching = self
            .objects
            .iter()
            .filter(|((of, _), object)| *of == kind && matches(object, query));
        let items: Vec<_> = matching.map(|(_, object)| object.clone()).collect();
        let api = if kind == Kind::Job { "batch/v1" } else { "v1" };
        json!({"apiVersion": api, "kind": format!("{kind:?}List"), "items": items,
            "metadata": {"resourceVersion": self.version.to_string()}})
    }

    pub(crate) fn watch(&mut self, kind: Kind, query: &str) -> UnboundedReceiver<Bytes> {
        let (sender, receiver) = unbounded();
        let since: u64 = parameter(query, "resourceVersion")
            .and_then(|version| version.parse().ok())
            .unwrap_or_default();
        if since < self.compacted {
            let gone = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "Expired",
                "message": "too old resource version", "code": 410});
            send(&sender, "ERROR", &gone);
            return receiver;
        }
        for (version, of, change) in &self.changes {
            if *version > since && *of == kind && matches(&change["object"], query) {
                let _ = sender.unbounded_send(line(change));
            }
        }
        self.watchers.push((kind, query.to_owned(), sender));
        receiver
    }

    pub(crate) fn end_streams(&mut self) {
        self.watchers.clear();
        self.logs.values_mut().for_each(|log| log.readers.clear());
    }

    pub(crate) fn compact(&mut self) {
        self.compacted = self.version;
    }

    pub(crate) fn log(&mut self, pod: &str, container: &str, text: &str) {
        let log = self
            .logs
            .entry((pod.to_owned(), container.to_owned()))
            .or_default();
        log.text.push_str(text);
        log.readers
            .retain(|reader| reader.unbounded_send(Bytes::from(text.to_owned())).is_ok());
    }

    pub(crate) fn end_log(&mut self, pod: &str, container: &str) {
        let log = self
            .logs
            .entry((pod.to_owned(), container.to_owned()))
            .or_default();
        log.ended = true;
        log.readers.clear();
    }

    pub(crate) fn read_log(&mut self, pod: &str, query: &str) -> UnboundedReceiver<Bytes> {
        let (sender, receiver) = unbounded();
        let container = parameter(query, "container").unwrap_or_default();
        let log = self.logs.entry((pod.to_owned(), container)).or_default();
        // A node filters by seconds, so a client meets lines that it has.
        let since = parameter(query, "sinceTime").map(|time| time[..19].to_owned());
        let new = |line: &&str| {
            since
                .as_ref()
                .is_none_or(|since| line.get(..19).is_some_and(|time| time >= since.as_str()))
        };
        let text: String = log.text.split_inclusive('\n').filter(new).collect();
        let _ = sender.unbounded_send(Bytes::from(text));
        if query.contains("follow=true") && !log.ended {
            log.readers.push(sender);
        }
        receiver
    }

    /// Returns the answer that a test has chosen for the request.
    pub(crate) fn chosen(&mut self, request: &str) -> Option<Answer> {
        let index = self
            .answers
            .iter()
            .position(|(start, _)| request.starts_with(start))?;
        let answer = &mut self.answers[index].1;
        answer.times -= 1;
        if answer.times > 0 {
            Some(answer.clone())
        } else {
            Some(self.answers.remove(index).1)
        }
    }

    fn change(&mut self, kind: Kind, type_: &str, object: &Value) {
        let change = json!({"type": type_, "object": object});
        self.changes.push((self.version, kind, change.clone()));
        self.watchers.retain(|(of, query, sender)| {
            *of != kind || !matches(object, query) || sender.unbounded_send(line(&change)).is_ok()
        });
    }
}

fn send(sender: &UnboundedSender<Bytes>, type_: &str, object: &Value) {
    let _ = sender.unbounded_send(line(&json!({"type": type_, "object": object})));
}

fn line(change: &Value) -> Bytes {
    Bytes::from(format!("{change}\n"))
}

fn name(object: &Value) -> String {
    object["metadata"]["name"].as_str().unwrap().to_owned()
}

/// Whether the selectors of the query fit.
fn matches(object: &Value, query: &str) -> bool {
    let pairs = |key: &str| {
        let selector = parameter(query, key).unwrap_or_default();
        let pairs = selector.split(',').filter_map(|pair| pair.split_once('='));
        pairs
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .collect::<Vec<_>>()
    };
    let field = |path: &str| path.split('.').fold(object, |value, key| &value[key]);
    let fields = pairs("fieldSelector")
        .into_iter()
        .all(|(path, value)| field(&path) == value.as_str());
    let labels = &object["metadata"]["labels"];
    fields
        && pairs("labelSelector")
            .into_iter()
            .all(|(key, value)| labels[key] == value.as_str())
}

/// Returns a parameter of a query.
pub(crate) fn parameter(query: &str, key: &str) -> Option<String> {
    let value = query
        .split('&')
        .find_map(|part| part.split_once('=').filter(|(name, _)| *name == key))?
        .1;
    let mut bytes = Vec::new();
    let mut rest = value.bytes();
    while let Some(byte) = rest.next() {
        match byte {
            b'%' => {
                let digits = [rest.next().unwrap(), rest.next().unwrap()];
                bytes.push(u8::from_str_radix(str::from_utf8(&digits).unwrap(), 16).unwrap());
            }
            b'+' => bytes.push(b' '),
            _ => bytes.push(byte),
        }
    }
    Some(String::from_utf8(bytes).unwrap())
}
