//! The report on the embedded engine.

use std::path::Path;

use s2i_native::userns::{Plan, Report};

use super::{EngineReport, Feature, list, yes_or_no};
use crate::native;

/// The name of the engine, also for `--engine`.
pub(super) const NAME: &str = "native";

pub(super) fn report(report: &Report, store: &Path) -> EngineReport {
    let verdict = native::verdict(report);
    let works = verdict.is_ok();
    let mut remarks = verdict.err().map_or_else(Vec::new, |reasons| reasons.0);
    remarks.extend(native::drawbacks(report));
    let limits = match &report.cgroup {
        Ok(_) => "memory, processors, processes",
        Err(_) => "none",
    };
    let is_rootless = report.euid != 0 || report.is_inside;
    let features = [
        ("isolation", isolation(report)),
        ("rootless", yes_or_no(is_rootless)),
        ("limits", limits.into()),
        ("networks", "host, none".into()),
        ("kernel", report.kernel.clone()),
    ];
    EngineReport {
        name: NAME.into(),
        works,
        version: Some(env!("CARGO_PKG_VERSION").into()),
        address: Some(store.display().to_string()),
        features: features.map(|(name, value)| Feature { name, value }).into(),
        remarks,
    }
}

fn isolation(report: &Report) -> String {
    let guards = [
        (report.has_seccomp, "seccomp"),
        (report.has_scopes, "landlock"),
    ];
    let guards = guards.iter().filter(|(has, _)| *has);
    let guards: Vec<_> = guards.map(|(_, name)| *name).collect();
    let guards = list(&guards);
    let users = match &report.plan {
        Plan::Nothing => "namespaces of its own".to_owned(),
        Plan::Single { .. } => "namespaces of its own, one user".into(),
        Plan::Ranges { uids, .. } => {
            let count: u32 = uids.iter().map(|range| range.count).sum();
            format!("namespaces of its own, {} users", count + 1)
        }
    };
    format!("{users}; guards: {guards}")
}
