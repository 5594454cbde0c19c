//! `s2i doctor`.

mod advisories;
mod api;
mod embedded;
mod machine;
mod text;

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use s2i_build::stream::blocking;
use s2i_core::ErrorChain;
use s2i_native::userns::Report;
use serde::Serialize;

use super::Setting;
use crate::{
    choice::{self, Choice, Chosen},
    error::Error,
    exit,
    native::Missing,
};

/// The complete report.
#[derive(Debug, Serialize)]
struct Findings {
    event: &'static str,
    s2i: &'static str,
    /// The configuration file.
    config: Option<String>,
    engines: Vec<Finding>,
    /// The version of Git, if it is installed.
    git: Option<String>,
    /// Remarks about that version.
    git_remarks: Vec<Missing>,
    store: Store,
    used: Used,
}

/// The report on one engine.
#[derive(Debug, Serialize)]
struct Finding {
    name: String,
    works: bool,
    version: Option<String>,
    place: Option<String>,
    /// The features of the engine.
    offers: Vec<Offer>,
    /// The missing features and other remarks.
    remarks: Vec<Missing>,
}

#[derive(Debug, PartialEq, Eq, Serialize)]
struct Offer {
    name: &'static str,
    what: String,
}

/// The store of the embedded engine.
#[derive(Debug, Serialize)]
struct Store {
    path: String,
    /// Disk usage in bytes; `None` if the store does not exist yet.
    bytes: Option<u64>,
    /// True if the store has directories that this user can't read, so that `bytes` is a lower bound.
    at_least: bool,
}

/// The engine that commands would use.
#[derive(Debug, Serialize)]
struct Used {
    engine: Option<String>,
    /// The reason for the choice, or for the lack of an engine.
    because: String,
}

/// The inputs for the embedded engine's part, collected before the asynchronous runtime starts.
pub(crate) struct Before {
    report: Report,
    choice: Result<Choice, String>,
    store: PathBuf,
}

impl Before {
    pub(crate) fn find(setting: &Setting<'_>) -> Self {
        let Setting {
            global,
            config,
            host,
        } = setting;
        let store = choice::store(global, config, host);
        let report = crate::native::probe(&store);
        let choice = choice::choose_with(global, config, host, |_| crate::native::verdict(&report));
        Self {
            choice: choice.map_err(|err| ErrorChain(&err).to_string()),
            report,
            store,
        }
    }
}

pub(crate) async fn run(before: Before, setting: &Setting<'_>) -> Result<ExitCode, Error> {
    let Before {
        report,
        choice,
        store,
    } = before;
    let mut engines = api::look(setting).await;
    engines.push(embedded::look(&report, &store));
    compare(&mut engines);
    let works = engines.iter().any(|engine| engine.works);
    let path = store.clone();
    let machine = blocking(move || (machine::git(), machine::store(&path))).await;
    let (git, store) = machine.map_err(Error::Runtime)?;
    let findings = Findings {
        event: "doctor",
        s2i: env!("CARGO_PKG_VERSION"),
        config: setting
            .config
            .file
            .as_deref()
            .map(|file| file.display().to_string()),
        git_remarks: git.as_deref().map(advisories::of_git).unwrap_or_default(),
        git,
        store,
        used: used(choice, &engines),
        engines,
    };
    let object = serde_json::to_value(&findings).expect("plain data");
    setting.renderer().answer(&text::of(&findings), &object);
    Ok(if works {
        ExitCode::SUCCESS
    } else {
        exit::NO_ENGINE.into()
    })
}

/// Adds a remark if two of the engines together are faster than one, as measured by `cargo xtask bench`.
fn compare(engines: &mut [Finding]) {
    let has_embedded = engines
        .iter()
        .any(|engine| engine.works && engine.name == embedded::NAME);
    let docker = engines
        .iter_mut()
        .find(|engine| engine.works && engine.name == "Docker");
    if let (true, Some(docker)) = (has_embedded, docker) {
        docker.remarks.push(remark(
            "builds are faster with the embedded engine, which can put the result here",
            Some("s2i build --engine native --load=docker …"),
        ));
    }
}

fn used(choice: Result<Choice, String>, engines: &[Finding]) -> Used {
    match choice {
        Ok(Choice {
            chosen, because, ..
        }) => {
            let at = |url: &str| {
                let is_it = |engine: &&Finding| engine.place.as_deref() == Some(url);
                engines.iter().find(is_it).map(|engine| engine.name.clone())
            };
            Used {
                engine: Some(match chosen {
                    Chosen::Native(_) => embedded::NAME.into(),
                    Chosen::Api(endpoint) => at(&endpoint.url).unwrap_or(endpoint.url),
                }),
                because,
            }
        }
        Err(because) => Used {
            engine: None,
            because,
        },
    }
}

fn remark(what: impl Into<String>, step: Option<&str>) -> Missing {
    Missing {
        what: what.into(),
        step: step.map(str::to_owned),
    }
}

/// Returns the words as one text, or `none`.
fn list(words: &[&str]) -> String {
    if words.is_empty() {
        "none".into()
    } else {
        words.join(", ")
    }
}

fn is_there(path: &Path) -> bool {
    path.symlink_metadata().is_ok()
}
