//! The report as text.

use std::fmt::Write as _;

use super::{Finding, Findings, Store};
use crate::{native::Missing, render::size};

/// The width of the column of names.
const NAMES: usize = 12;

pub(super) fn of(findings: &Findings) -> String {
    let mut text = String::new();
    let config = findings.config.as_deref().unwrap_or("none");
    line(&mut text, "", "s2i", findings.s2i);
    line(&mut text, "", "config", config);
    let git = "not there: sudo apt-get install git, to build from repositories";
    line(&mut text, "", "git", findings.git.as_deref().unwrap_or(git));
    remarks(&mut text, &findings.git_remarks);
    line(&mut text, "", "store", &store(&findings.store));
    for engine in &findings.engines {
        describe(&mut text, engine);
    }
    let used = &findings.used;
    let name = used.engine.as_deref().unwrap_or("none");
    let _ = writeln!(text, "\ncommands use: {name}, because {}", used.because);
    text
}

fn describe(text: &mut String, engine: &Finding) {
    let version = engine.version.iter().map(|version| format!(" {version}"));
    let works = if engine.works {
        "works"
    } else {
        "does not work"
    };
    let version: String = version.collect();
    let _ = writeln!(text, "\n{}{version}: {works}", engine.name);
    if let Some(place) = &engine.place {
        line(text, "  ", "place", place);
    }
    for offer in &engine.offers {
        line(text, "  ", offer.name, &offer.what);
    }
    remarks(text, &engine.remarks);
}

fn remarks(text: &mut String, remarks: &[Missing]) {
    for remark in remarks {
        let _ = writeln!(text, "  - {}", remark.what);
        if let Some(step) = &remark.step {
            let _ = writeln!(text, "    do: {step}");
        }
    }
}

fn line(text: &mut String, indent: &str, name: &str, what: &str) {
    let _ = writeln!(text, "{indent}{name:NAMES$}{what}");
}

fn store(store: &Store) -> String {
    let path = &store.path;
    match store.bytes {
        None => format!("{path}, not there yet"),
        Some(bytes) if store.at_least => format!("{path}, at least {}", size(bytes)),
        Some(bytes) => format!("{path}, {}", size(bytes)),
    }
}
