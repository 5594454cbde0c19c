//! The fields of a JSON object whose names differ in case alone between its writers.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::RunConfigError;

/// The fields of an object that have a value. One that is empty, `false`, 0 or `null` is as good as none: that is how Go
/// writes and reads them.
pub(super) struct Fields {
    /// The values by the name in lower case, with the name as it was written.
    values: BTreeMap<String, (String, Value)>,
    /// The path before the names, with a dot, for messages.
    path: String,
}

impl Fields {
    /// Reads the fields of an object.
    pub(super) fn new(object: Map<String, Value>, path: &str) -> Self {
        let given = object.into_iter().filter(|(_, value)| !is_empty(value));
        let values = given.map(|(name, value)| (name.to_lowercase(), (name, value)));
        Self {
            values: values.collect(),
            path: path.to_owned(),
        }
    }

    /// Takes a field out, whose name is in lower case.
    fn take(&mut self, name: &str) -> Option<(String, Value)> {
        let (written, value) = self.values.remove(name)?;
        Some((format!("{}{written}", self.path), value))
    }

    /// Takes a text out.
    pub(super) fn text(&mut self, name: &str) -> Result<Option<String>, RunConfigError> {
        match self.take(name) {
            None => Ok(None),
            Some((_, Value::String(text))) => Ok(Some(text)),
            Some((field, _)) => Err(RunConfigError::wrong(field, "a text")),
        }
    }

    /// Takes a text out that there has to be.
    pub(super) fn required(
        &mut self,
        name: &str,
        written: &'static str,
    ) -> Result<String, RunConfigError> {
        self.text(name)?.ok_or(RunConfigError::Missing(written))
    }

    /// Takes a flag out.
    pub(super) fn flag(&mut self, name: &str) -> Result<bool, RunConfigError> {
        match self.take(name) {
            None => Ok(false),
            Some((_, Value::Bool(flag))) => Ok(flag),
            Some((field, _)) => Err(RunConfigError::wrong(field, "true or false")),
        }
    }

    /// Takes a number out.
    pub(super) fn number(&mut self, name: &str) -> Result<Option<u64>, RunConfigError> {
        let Some((field, value)) = self.take(name) else {
            return Ok(None);
        };
        let number = value.as_u64();
        number
            .map(Some)
            .ok_or_else(|| RunConfigError::wrong(field, "a number from 0 on"))
    }

    /// Takes the fields of an object out.
    pub(super) fn object(&mut self, name: &str) -> Result<Option<Self>, RunConfigError> {
        match self.take(name) {
            None => Ok(None),
            Some((field, Value::Object(object))) => {
                Ok(Some(Self::new(object, &format!("{field}."))))
            }
            Some((field, _)) => Err(RunConfigError::wrong(field, "an object")),
        }
    }

    /// Takes a list of objects out.
    pub(super) fn objects(&mut self, name: &str) -> Result<Vec<Self>, RunConfigError> {
        let (field, values) = match self.take(name) {
            None => return Ok(Vec::new()),
            Some((field, Value::Array(values))) => (field, values),
            Some((field, _)) => return Err(RunConfigError::wrong(field, "a list")),
        };
        let objects = values.into_iter().map(|value| match value {
            Value::Object(object) => Ok(Self::new(object, &format!("{field}[]."))),
            _ => Err(RunConfigError::wrong(field.clone(), "a list of objects")),
        });
        objects.collect()
    }

    /// Takes an object of texts out, in the order of their names.
    pub(super) fn texts(&mut self, name: &str) -> Result<BTreeMap<String, String>, RunConfigError> {
        let (field, object) = match self.take(name) {
            None => return Ok(BTreeMap::new()),
            Some((field, Value::Object(object))) => (field, object),
            Some((field, _)) => return Err(RunConfigError::wrong(field, "an object")),
        };
        let texts = object.into_iter().map(|(key, value)| match value {
            Value::String(text) => Ok((key, text)),
            _ => Err(RunConfigError::wrong(format!("{field}.{key}"), "a text")),
        });
        texts.collect()
    }

    /// Returns what was not taken out: the names in lower case, and as they were written.
    pub(super) fn rest(&self) -> impl Iterator<Item = (&str, String)> {
        let rest = self.values.iter();
        rest.map(|(name, (written, _))| (name.as_str(), format!("{}{written}", self.path)))
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty(),
        Value::Array(values) => values.is_empty(),
        Value::Object(object) => object.is_empty() || object.values().all(is_empty),
        Value::Bool(true) => false,
    }
}
