//! Applying objects: all are checked by the server before the first is created.

mod error;
mod kind;
mod values;

use std::fmt;

use s2i_build::CancelToken;
use serde::Serialize;
use serde_json::Value;

pub use self::error::ApplyError;
use self::{
    kind::{Kind, Kinds},
    values::Values,
};
use super::{
    change::{ChangeRequest, Changed},
    cluster::Cluster,
    error::{ApiError, Operation},
    warning::Warning,
};

/// Objects that the server has accepted, and of which nothing is stored yet.
#[derive(Debug)]
pub struct Checked {
    cluster: Cluster,
    entries: Vec<Entry>,
    take_over: bool,
    warnings: Vec<Warning>,
}

/// An object that was applied.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Applied {
    /// The kind.
    pub kind: String,
    /// The name, which the server may have chosen.
    pub name: String,
    /// The namespace, if the object is in one.
    pub namespace: Option<String>,
    /// The effect.
    pub change: Change,
}

/// The effect of an object that was applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Change {
    /// It is new.
    Created,
    /// It was there with other fields, or another client has changed it meanwhile.
    Changed,
    /// It was there as it is.
    Unchanged,
}

/// An object with its place.
struct Entry {
    object: Value,
    kind: String,
    name: Option<String>,
    namespace: Option<String>,
    path: String,
    operation: Operation,
    /// The version of the object before, from the check.
    version: Value,
}

impl Cluster {
    /// Lets the server check objects in their order without storing them. Those that name no namespace are for that of
    /// this client. With `take_over`, fields that other clients have set are replaced.
    ///
    /// Objects that only have `metadata.generateName` are new ones each time.
    ///
    /// # Errors
    /// [`ApplyError`], except for those of changes.
    pub async fn check_objects(
        &self,
        objects: &[Value],
        take_over: bool,
    ) -> Result<Checked, ApplyError> {
        let mut kinds = Kinds::of(self);
        let mut entries = Vec::new();
        for (index, object) in objects.iter().enumerate() {
            let number = index + 1;
            let api = text(object, "/apiVersion", "apiVersion", number)?;
            let name = text(object, "/kind", "kind", number)?;
            let kind = kinds.find(&api, &name).await?;
            entries.push(Entry::new(object, name, &kind, self.namespace(), number)?);
        }
        let mut checked = Checked {
            cluster: self.clone(),
            entries,
            take_over,
            warnings: Vec::new(),
        };
        checked.check().await?;
        Ok(checked)
    }
}

impl Checked {
    /// Returns the warnings of the server, each once.
    #[must_use]
    pub fn warnings(&self) -> &[Warning] {
        &self.warnings
    }

    async fn check(&mut self) -> Result<(), ApplyError> {
        for index in 0..self.entries.len() {
            match self.send(index, true).await {
                Ok(changed) => {
                    // A new object has no version before.
                    if !changed.is_new {
                        self.entries[index].version = version(&changed.object);
                    }
                    for warning in changed.warnings {
                        if !self.warnings.contains(&warning) {
                            self.warnings.push(warning);
                        }
                    }
                }
                Err(error) if error.is_not_found() && self.waits_for_role(index) => {}
                Err(error) => return Err(ApplyError::Refused(error)),
            }
        }
        Ok(())
    }

    /// Returns whether the object is a binding of a role that is an earlier one of these objects. The server compares
    /// the rights of a client that is no administrator with those of the role, which does not exist in the check.
    fn waits_for_role(&self, index: usize) -> bool {
        let binding = &self.entries[index];
        let role = &binding.object["roleRef"];
        let mut earlier = self.entries[..index].iter();
        binding.kind == "RoleBinding"
            && earlier.any(|entry| {
                role["kind"] == *entry.kind && role["name"] == entry.object["metadata"]["name"]
            })
    }

    /// Applies the objects in their order. A signal ends it between two objects.
    ///
    /// # Errors
    /// [`ApplyError::Partial`] and [`ApplyError::Interrupted`], which have the objects that were applied.
    pub async fn apply(self, cancel: &CancelToken) -> Result<Vec<Applied>, ApplyError> {
        let mut done = Vec::new();
        for (index, entry) in self.entries.iter().enumerate() {
            if let Some(reason) = cancel.reason() {
                return Err(ApplyError::Interrupted { done, reason });
            }
            match self.send(index, false).await {
                Ok(changed) => done.push(entry.applied(&changed)),
                Err(error) => return Err(ApplyError::Partial { done, error }),
            }
        }
        Ok(done)
    }

    async fn send(&self, index: usize, dry_run: bool) -> Result<Changed, ApiError> {
        let entry = &self.entries[index];
        let values = Values::of(&entry.object);
        let body = entry.object.to_string().into_bytes();
        let request = if entry.name.is_some() {
            ChangeRequest::apply(&entry.path, self.take_over, dry_run, body)
        } else {
            ChangeRequest::create(&entry.path, dry_run, body)
        };
        let sent = self.cluster.change(&entry.operation, &request).await;
        let mask = |text: &str| values.mask(text);
        match sent {
            Ok(mut changed) => {
                for warning in &mut changed.warnings {
                    warning.words = mask(&warning.words);
                }
                Ok(changed)
            }
            Err(error) => Err(ApiError {
                cause: error.cause.with_words(mask),
                ..error
            }),
        }
    }
}

impl Entry {
    fn new(
        object: &Value,
        name_of_kind: String,
        kind: &Kind,
        default_namespace: &str,
        number: usize,
    ) -> Result<Self, ApplyError> {
        let metadata = &object["metadata"];
        let name = match &metadata["name"] {
            Value::Null => None,
            _ => Some(text(object, "/metadata/name", "metadata.name", number)?),
        };
        if name.is_none() {
            let field = "metadata.generateName";
            text(object, "/metadata/generateName", field, number)?;
        }
        let namespace = match &metadata["namespace"] {
            _ if !kind.is_namespaced() => None,
            Value::Null => Some(default_namespace.to_owned()),
            _ => {
                let field = "metadata.namespace";
                Some(text(object, "/metadata/namespace", field, number)?)
            }
        };
        let collection = kind.path(namespace.as_deref());
        let path = match &name {
            Some(name) => format!("{collection}/{name}"),
            None => collection,
        };
        let operation = Operation {
            verb: if name.is_some() { "patch" } else { "create" },
            resource: kind.name().into(),
            name: name.clone(),
            namespace: namespace.clone().unwrap_or_default(),
        };
        Ok(Self {
            object: object.clone(),
            kind: name_of_kind,
            name,
            namespace,
            path,
            operation,
            version: Value::Null,
        })
    }

    fn applied(&self, changed: &Changed) -> Applied {
        let change = if changed.is_new {
            Change::Created
        } else if !self.version.is_null() && version(&changed.object) == self.version {
            Change::Unchanged
        } else {
            Change::Changed
        };
        let chosen = changed.object["metadata"]["name"].as_str();
        let name = chosen.or(self.name.as_deref());
        Applied {
            kind: self.kind.clone(),
            name: name.unwrap_or_default().to_owned(),
            namespace: self.namespace.clone(),
            change,
        }
    }
}

/// Returns the version of a stored object. A check returns that of the object before.
fn version(object: &Value) -> Value {
    object["metadata"]["resourceVersion"].clone()
}

/// Returns a text of an object that becomes a part of a path.
fn text(
    object: &Value,
    pointer: &str,
    field: &'static str,
    number: usize,
) -> Result<String, ApplyError> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | ':' | '/' | '_');
    let text = object.pointer(pointer).and_then(Value::as_str);
    let is_path = field == "apiVersion";
    let fits = |text: &&str| {
        !text.is_empty()
            && text.chars().all(is_part)
            && !text.contains("..")
            && (is_path || !text.contains('/'))
    };
    let text = text.filter(fits);
    text.map(str::to_owned)
        .ok_or(ApplyError::Malformed { number, field })
}

impl fmt::Display for Applied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.kind, self.name)
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Created => "created",
            Self::Changed => "changed",
            Self::Unchanged => "unchanged",
        })
    }
}

// The object may be a Secret.
impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Entry({})", self.operation)
    }
}
