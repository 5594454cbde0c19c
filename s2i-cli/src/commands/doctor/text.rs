//! The report as text.

use std::fmt::Write as _;

use super::{EngineReport, MachineReport, Store};
use crate::{finding::Finding, render::size};

/// The width of the column of names.
const NAMES: usize = 12;

pub(super) fn of(report: &MachineReport) -> String {
    let mut text = String::new();
    let config = report.config.as_deref().unwrap_or("none");
    line(&mut text, "", "s2i", report.s2i);
    line(&mut text, "", "config", config);
    let git = "not installed: sudo apt-get install git, to build from repositories";
    line(&mut text, "", "git", report.git.as_deref().unwrap_or(git));
    remarks(&mut text, &report.git_remarks);
    line(&mut text, "", "store", &store(&report.store));
    for engine in &report.engines {
        describe(&mut text, engine);
    }
    let used = &report.used;
    let name = used.engine.as_deref().unwrap_or("none");
    let _ = writeln!(text, "\ncommands use: {name}, because {}", used.reason);
    text
}

fn describe(text: &mut String, engine: &EngineReport) {
    let version = engine.version.iter().map(|version| format!(" {version}"));
    let works = if engine.works {
        "works"
    } else {
        "does not work"
    };
    let version: String = version.collect();
    let _ = writeln!(text, "\n{}{version}: {works}", engine.name);
    if let Some(address) = &engine.address {
        line(text, "  ", "place", address);
    }
    for feature in &engine.features {
        line(text, "  ", feature.name, &feature.value);
    }
    remarks(text, &engine.remarks);
}

fn remarks(text: &mut String, remarks: &[Finding]) {
    for remark in remarks {
        let _ = writeln!(text, "  - {}", remark.text);
        if let Some(step) = &remark.step {
            let _ = writeln!(text, "    do: {step}");
        }
    }
}

fn line(text: &mut String, indent: &str, name: &str, value: &str) {
    let _ = writeln!(text, "{indent}{name:NAMES$}{value}");
}

fn store(store: &Store) -> String {
    let path = &store.path;
    match store.bytes {
        None => format!("{path}, does not exist yet"),
        Some(bytes) if store.at_least => format!("{path}, at least {}", size(bytes)),
        Some(bytes) => format!("{path}, {}", size(bytes)),
    }
}
