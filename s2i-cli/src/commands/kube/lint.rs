//! `s2i kube lint`.

use std::process::ExitCode;

use s2i_build::CancelToken;
use s2i_kube::lint::{Finding, Severity, lint};
use serde_json::{Value, json};

use crate::{args::kube::Lint, context::CommandContext, error::Error, exit};

/// Shows the findings. The exit code is 0 if the API would take the objects as they are.
pub(super) async fn run(
    args: &Lint,
    context: &CommandContext<'_>,
    cancel: &CancelToken,
) -> Result<ExitCode, Error> {
    let objects = super::read(&args.file, context, cancel).await?;
    let file = args.file.display().to_string();
    let mut found = lint(&objects);
    found.retain(|finding| !args.no_notes || finding.severity > Severity::Note);
    let count = found
        .iter()
        .filter(|finding| finding.severity == Severity::Error)
        .count();
    let object = json!({
        "event": "lint",
        "file": file,
        "objects": objects.len(),
        "findings": found.iter().map(to_json).collect::<Vec<_>>(),
    });
    let text: String = found.iter().map(to_text).collect();
    context.renderer().answer(&text, &object);
    Ok(if count == 0 {
        ExitCode::SUCCESS
    } else {
        exit::PLAN.into()
    })
}

fn to_text(finding: &Finding) -> String {
    let Finding {
        document,
        object,
        path,
        severity,
        rule,
        problem,
        remedy,
    } = finding;
    format!("{severity}: {object} (object {document}), {path}: {problem} [{rule}]\n  {remedy}\n")
}

fn to_json(finding: &Finding) -> Value {
    json!({
        "document": finding.document,
        "object": finding.object,
        "path": finding.path,
        "severity": finding.severity.as_str(),
        "rule": finding.rule,
        "problem": finding.problem,
        "remedy": finding.remedy,
    })
}
