//! The origin of a source whose files another process has fetched.

use serde::{Deserialize, Serialize};

use super::Fetched;
use crate::{facts::CommitFacts, stream::ArchiveStream};
use s2i_core::Times;

/// The origin of a source: the facts about it that its files don't have.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Origin {
    /// The location without credentials, for labels.
    pub location: String,
    /// The URL of the repository without credentials.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repository: Option<String>,
    /// The directory of it that is built.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context_dir: Option<String>,
    /// The commit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<CommitFacts>,
}

impl Fetched {
    /// Returns the origin, for a process that gets the [files](Self::archive).
    #[must_use]
    pub fn origin(&self) -> Origin {
        let facts = &self.facts;
        Origin {
            location: facts.location.clone(),
            repository: facts.repository.clone(),
            context_dir: facts.context_dir.clone(),
            commit: facts.commit.clone(),
        }
    }

    /// Sets the origin of files that another process has fetched.
    #[must_use]
    pub fn with_origin(mut self, origin: Origin) -> Self {
        let Origin {
            location,
            repository,
            context_dir,
            commit,
        } = origin;
        self.facts.location = location;
        self.facts.repository = repository;
        self.facts.context_dir = context_dir;
        self.facts.commit = commit;
        self
    }

    /// Returns the files as an archive, with what the plan of another process needs: their modes, and their times where
    /// they have times of their own.
    #[must_use]
    pub fn archive(&self) -> ArchiveStream<'static> {
        let commit = self.facts.commit.as_ref();
        let new = commit.and_then(|commit| commit.time).unwrap_or_default();
        self.tree(Times { new, latest: None }).into_archive()
    }
}
