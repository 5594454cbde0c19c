//! A look at a cluster for all that builds need, before there is one.

mod access;
mod namespace;
mod storage;
mod version;

use serde::Serialize;

use super::cluster::Cluster;

/// The needs of builds that not all builds have.
#[derive(Clone, Debug, Default)]
pub struct CheckRequest {
    /// Looks for a storage class too, for the claim of a cache.
    pub cache: bool,
    /// The storage class of that claim; without one the default of the cluster.
    pub storage_class: Option<String>,
}

/// A finding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The severity.
    pub level: Level,
    /// The thing that was looked at, as `version` or `create jobs.batch`.
    pub subject: String,
    /// The result of the look.
    pub text: String,
    /// The remedy.
    pub remedy: Option<String>,
}

/// The severity of a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    /// All is as builds need it.
    Fine,
    /// It can't be seen with these rights.
    Unknown,
    /// Builds fail because of it.
    Problem,
}

impl Cluster {
    /// Looks at the version of the cluster, the namespace and its level of Pod Security, the rights of this client, and
    /// the storage class. Needs no right itself: what can't be seen is a finding.
    ///
    /// Rights come one finding each if they are missing, and as one if they are there.
    pub async fn check(&self, request: &CheckRequest) -> Vec<Finding> {
        let version = version::check(self).await;
        let unreachable = version
            .iter()
            .any(|finding| finding.level == Level::Problem && finding.remedy.is_none());
        let mut findings = version;
        if unreachable {
            return findings;
        }
        findings.extend(namespace::check(self).await);
        findings.extend(access::check(self).await);
        if request.cache {
            findings.push(storage::check(self, request.storage_class.as_deref()).await);
        }
        findings
    }
}

impl Finding {
    fn fine(subject: impl Into<String>, text: impl Into<String>) -> Self {
        Self::new(Level::Fine, subject, text, None)
    }

    fn unknown(subject: impl Into<String>, text: impl Into<String>) -> Self {
        Self::new(Level::Unknown, subject, text, None)
    }

    fn problem(
        subject: impl Into<String>,
        text: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self::new(Level::Problem, subject, text, Some(remedy.into()))
    }

    fn new(
        level: Level,
        subject: impl Into<String>,
        text: impl Into<String>,
        remedy: Option<String>,
    ) -> Self {
        Self {
            level,
            subject: subject.into(),
            text: text.into(),
            remedy,
        }
    }
}
