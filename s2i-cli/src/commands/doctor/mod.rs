//! `s2i doctor`.

mod advisories;
mod api;
mod embedded;
mod machine;
mod text;

use std::{path::PathBuf, process::ExitCode};

use s2i_build::stream::blocking;
use s2i_core::ErrorChain;
use s2i_native::userns::{self, Report};
use serde::Serialize;

use crate::{
    choice::{self, Choice, EngineKind},
    context::CommandContext,
    error::Error,
    exit,
    finding::Finding,
    native,
};

/// The complete report.
#[derive(Debug, Serialize)]
struct MachineReport {
    event: &'static str,
    s2i: &'static str,
    /// The configuration file.
    config: Option<String>,
    engines: Vec<EngineReport>,
    /// The version of Git, if it is installed.
    git: Option<String>,
    /// Remarks about that version.
    git_remarks: Vec<Finding>,
    store: Store,
    used: EngineInUse,
}

/// The report on one engine.
#[derive(Debug, Serialize)]
struct EngineReport {
    name: String,
    works: bool,
    version: Option<String>,
    #[serde(rename = "place")]
    address: Option<String>,
    #[serde(rename = "offers")]
    features: Vec<Feature>,
    /// The missing features and other remarks.
    remarks: Vec<Finding>,
}

/// A feature of an engine.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Feature {
    name: &'static str,
    #[serde(rename = "what")]
    value: String,
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

/// The engine that commands use.
#[derive(Debug, Serialize)]
struct EngineInUse {
    engine: Option<String>,
    /// The reason for the choice, or for the lack of an engine.
    #[serde(rename = "because")]
    reason: String,
}

/// The inputs for the embedded engine's part, collected before the asynchronous runtime starts.
pub(crate) struct Probes {
    report: Report,
    choice: Result<Choice, String>,
    store: PathBuf,
}

impl Probes {
    pub(crate) fn new(context: &CommandContext<'_>) -> Self {
        let store = choice::store(context);
        let report = userns::probe(&store);
        let choice = choice::choose(context, |_| native::verdict(&report));
        Self {
            choice: choice.map_err(|err| ErrorChain(&err).to_string()),
            report,
            store,
        }
    }
}

pub(crate) async fn run(probes: Probes, context: &CommandContext<'_>) -> Result<ExitCode, Error> {
    let Probes {
        report,
        choice,
        store,
    } = probes;
    let mut engines = api::reports(context).await;
    engines.push(embedded::report(&report, &store));
    compare(&mut engines);
    let works = engines.iter().any(|engine| engine.works);
    let machine = blocking(move || (machine::git(), machine::store(&store))).await;
    let (git, store) = machine.map_err(Error::Runtime)?;
    let config = context.config.file.as_deref();
    let report = MachineReport {
        event: "doctor",
        s2i: env!("CARGO_PKG_VERSION"),
        config: config.map(|file| file.display().to_string()),
        git_remarks: git.as_deref().map(advisories::of_git).unwrap_or_default(),
        git,
        store,
        used: in_use(choice, &engines),
        engines,
    };
    let object = serde_json::to_value(&report).expect("plain data");
    context.renderer().answer(&text::of(&report), &object);
    Ok(if works {
        ExitCode::SUCCESS
    } else {
        exit::NO_ENGINE.into()
    })
}

/// Adds a remark if two of the engines together are faster than one, as measured by `cargo xtask bench`.
fn compare(engines: &mut [EngineReport]) {
    let working = |engine: &EngineReport, name| engine.works && engine.name == name;
    let has_embedded = engines.iter().any(|engine| working(engine, embedded::NAME));
    let docker = engines.iter_mut().find(|engine| working(engine, "Docker"));
    if let (true, Some(docker)) = (has_embedded, docker) {
        docker.remarks.push(Finding::new(
            "builds are faster with the embedded engine, which can put the result here",
            Some("s2i build --engine native --load=docker …"),
        ));
    }
}

fn in_use(choice: Result<Choice, String>, engines: &[EngineReport]) -> EngineInUse {
    match choice {
        Ok(Choice { engine, reason, .. }) => {
            let name = match engine {
                EngineKind::Native(_) => embedded::NAME.into(),
                EngineKind::Here => "the container of s2i".into(),
                EngineKind::Api(endpoint) => engines
                    .iter()
                    .find(|engine| engine.address.as_ref() == Some(&endpoint.url))
                    .map_or(endpoint.url, |engine| engine.name.clone()),
            };
            EngineInUse {
                engine: Some(name),
                reason,
            }
        }
        Err(reason) => EngineInUse {
            engine: None,
            reason,
        },
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

fn yes_or_no(value: bool) -> String {
    if value { "yes" } else { "no" }.into()
}
