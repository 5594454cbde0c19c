//! Fixtures for tests of plans.

use std::fs;

use super::Plan;
use crate::Directories;

/// Returns the directories of a build.
pub(crate) fn directories() -> Directories {
    let path = |text: &str| text.parse().expect("a path");
    Directories {
        source: path("/tmp/src"),
        artifacts: path("/tmp/artifacts"),
        app_root: path("/opt/app-root"),
        scratch: path("/tmp/s2i-scratch"),
    }
}

/// Returns a directory with these files.
pub(crate) fn tree(files: &[(&str, &str)]) -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = root.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    root
}

/// Returns a plan as lines: reasons, warnings, and the steps of every phase.
pub(crate) fn render(plan: &Plan) -> String {
    let mut lines = plan.reasons.clone();
    lines.extend(plan.warnings.iter().map(|text| format!("! {text}")));
    for phase in &plan.phases {
        lines.push(format!("# {}", phase.title));
        lines.extend(phase.steps.iter().map(ToString::to_string));
    }
    lines.join("\n")
}
