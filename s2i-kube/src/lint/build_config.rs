//! The rules for strategies and outputs of builds.

use serde_json::Value;

use super::{Findings, source, triggers};

/// The fields of strategies.
const STRATEGIES: [&str; 4] = [
    "sourceStrategy",
    "dockerStrategy",
    "customStrategy",
    "jenkinsPipelineStrategy",
];

pub(super) fn check(findings: &mut Findings<'_>) {
    let spec = &findings.object["spec"];
    strategies(findings, &spec["strategy"]);
    source::check(findings, spec);
    triggers::check(findings, spec);
    output(findings, spec);
}

/// Returns the image that the strategy starts from, with its place.
pub(super) fn base(spec: &Value) -> Option<(&'static str, &Value)> {
    let strategy = &spec["strategy"];
    STRATEGIES.iter().find_map(|field| {
        let from = &strategy[*field]["from"];
        (!from.is_null()).then_some((*field, from))
    })
}

fn strategies(findings: &mut Findings<'_>, strategy: &Value) {
    let fields = STRATEGIES.iter();
    let present: Vec<&str> = fields
        .copied()
        .filter(|field| strategy[*field].is_object())
        .collect();
    if present.len() > 1 {
        let problem = format!("the build has several strategies: {}", present.join(", "));
        findings.error(
            "one-strategy",
            "spec.strategy",
            &problem,
            "keep one of them",
        );
    }
    if present.is_empty() {
        findings.error(
            "one-strategy",
            "spec.strategy",
            "the build has no strategy",
            "add `sourceStrategy` or `dockerStrategy`, which may be `{}`",
        );
    }
    if strategy["customStrategy"]["exposeDockerSocket"] == true {
        findings.warning(
            "docker-socket",
            "spec.strategy.customStrategy.exposeDockerSocket",
            "the build gets the socket of the node's Docker daemon, which is root on the node",
            "remove the field; s2i and the other strategies need no socket",
        );
    }
    if strategy["jenkinsPipelineStrategy"].is_object() {
        findings.warning(
            "deprecated-strategy",
            "spec.strategy.jenkinsPipelineStrategy",
            "the strategy is deprecated",
            "move the pipeline to Tekton: `s2i kube tekton` writes its task",
        );
    }
}

/// Checks that a build does not start itself.
fn output(findings: &mut Findings<'_>, spec: &Value) {
    let to = &spec["output"]["to"];
    let Some((field, from)) = base(spec) else {
        return;
    };
    if to["kind"] == "ImageStreamTag" && same_tag(to, from) {
        findings.warning(
            "endless-builds",
            "spec.output.to.name",
            "the build replaces the image that it starts from, so each one starts the next and adds a layer",
            &format!("name another tag here or in spec.strategy.{field}.from"),
        );
    }
}

/// Returns whether two references name the same tag.
pub(super) fn same_tag(one: &Value, other: &Value) -> bool {
    ["kind", "name", "namespace"]
        .iter()
        .all(|key| one[*key] == other[*key])
}
