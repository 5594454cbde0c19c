//! `cargo xtask engine list`.

use anyhow::{Context, Result};
use serde::Serialize;

use crate::{Kind, programs};

#[derive(Serialize)]
struct Line {
    kind: Kind,
    state: State,
    #[serde(flatten)]
    endpoint: Option<Address>,
    missing: Vec<&'static str>,
}

#[derive(Serialize)]
struct Address {
    url: String,
    user: Option<String>,
    version: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum State {
    Up,
    Down,
    /// The engine was started and does not respond; `up` and `down` clean up.
    Broken,
    MissingPrograms,
}

/// Prints one line for each kind.
pub fn print(json: bool) -> Result<()> {
    let lines: Vec<Line> = Kind::ALL.into_iter().map(line).collect();
    if json {
        let json = serde_json::to_string_pretty(&lines).context("can't encode the list")?;
        println!("{json}");
        return Ok(());
    }
    for line in lines {
        println!("{}", line.text());
    }
    Ok(())
}

fn line(kind: Kind) -> Line {
    let endpoint = super::endpoint(kind);
    let missing = if endpoint.is_some() {
        Vec::new()
    } else {
        programs::missing_names(kind)
    };
    let state = match &endpoint {
        Some(_) => State::Up,
        None if kind.dir().exists() => State::Broken,
        None if missing.is_empty() => State::Down,
        None => State::MissingPrograms,
    };
    Line {
        kind,
        state,
        endpoint: endpoint.map(|endpoint| Address {
            url: endpoint.url,
            user: endpoint.user,
            version: endpoint.version,
        }),
        missing,
    }
}

impl Line {
    fn text(&self) -> String {
        let head = format!("{:<14}", self.kind);
        match (&self.endpoint, self.state) {
            (Some(at), _) => {
                let user = at.user.as_ref().map(|user| format!(" as {user}"));
                let user = user.unwrap_or_default();
                format!("{head}up       {}  {}{user}", at.url, at.version)
            }
            (None, State::MissingPrograms) => format!("{head}missing  {}", self.missing.join(", ")),
            (None, State::Broken) => format!(
                "{head}broken   `cargo xtask engine down {}` removes it",
                self.kind
            ),
            (None, State::Down | State::Up) => {
                format!("{head}down     cargo xtask engine up {}", self.kind)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_shows_the_address_of_an_engine() {
        let at = Address {
            url: "unix:///s".into(),
            user: Some("u".into()),
            version: "1".into(),
        };
        let line = Line {
            kind: Kind::Podman,
            state: State::Up,
            endpoint: Some(at),
            missing: vec![],
        };
        assert_eq!(line.text(), "podman        up       unix:///s  1 as u");
        let json = serde_json::to_value(&line).unwrap();
        assert_eq!(json["url"], "unix:///s");
        assert_eq!(json["state"], "up");
    }

    #[test]
    fn line_shows_missing_programs() {
        let line = Line {
            kind: Kind::Docker,
            state: State::MissingPrograms,
            endpoint: None,
            missing: vec!["dockerd"],
        };
        assert_eq!(line.text(), "docker        missing  dockerd");
    }
}
