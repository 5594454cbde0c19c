//! Webhooks that start builds.

use std::str::FromStr;

use serde_json::{Value, json};
use thiserror::Error;

use crate::{NameError, Reference};

/// A webhook that starts a build.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Webhook {
    /// The service that calls it.
    pub kind: WebhookKind,
    /// The Secret whose key `WebHookSecretKey` has the secret part of the URL. The part itself is not in the object: more
    /// users may read builds than secrets.
    pub secret: Reference,
}

/// A service that calls a webhook.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WebhookKind {
    /// Any client.
    Generic,
    /// GitHub.
    GitHub,
    /// GitLab.
    GitLab,
    /// Bitbucket.
    Bitbucket,
}

/// An error for text that is no [`Webhook`].
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum WebhookError {
    /// The kind is not known.
    #[error(
        "`{0}` is no webhook, which is KIND=SECRET with generic, github, gitlab or bitbucket as its kind"
    )]
    Kind(String),
    /// The secret can't exist.
    #[error("the webhook has no valid secret")]
    Secret(#[from] NameError),
}

impl WebhookKind {
    /// The kinds with their names in text and in objects.
    const NAMES: [(Self, &str, &str); 4] = [
        (Self::Generic, "generic", "Generic"),
        (Self::GitHub, "github", "GitHub"),
        (Self::GitLab, "gitlab", "GitLab"),
        (Self::Bitbucket, "bitbucket", "Bitbucket"),
    ];
}

impl Webhook {
    pub(super) fn to_trigger(&self) -> Value {
        let mut names = WebhookKind::NAMES.iter();
        let (_, field, kind) = names
            .find(|(kind, ..)| *kind == self.kind)
            .expect("the list has every kind");
        json!({"type": kind, *field: {"secretReference": {"name": self.secret}}})
    }
}

impl FromStr for Webhook {
    type Err = WebhookError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let kind = |name: &str| {
            let mut names = WebhookKind::NAMES.iter();
            names.find(|(_, known, _)| *known == name)
        };
        let unknown = || WebhookError::Kind(text.into());
        let (name, secret) = text.split_once('=').ok_or_else(unknown)?;
        let (kind, ..) = kind(name).ok_or_else(unknown)?;
        Ok(Self {
            kind: *kind,
            secret: secret.parse()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_its_own_field() {
        for (text, kind) in [
            ("generic=hook", "Generic"),
            ("github=hook", "GitHub"),
            ("gitlab=hook", "GitLab"),
            ("bitbucket=hook", "Bitbucket"),
        ] {
            let trigger = text.parse::<Webhook>().unwrap().to_trigger();
            let field = kind.to_lowercase();
            assert_eq!(
                trigger,
                json!({"type": kind, field: {"secretReference": {"name": "hook"}}})
            );
        }
    }

    #[test]
    fn other_texts_are_no_webhooks() {
        for text in ["", "github", "gitea=hook", "github=", "github=A"] {
            assert!(text.parse::<Webhook>().is_err(), "{text}");
        }
    }
}
