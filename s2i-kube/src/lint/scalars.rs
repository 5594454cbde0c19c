//! The rules for values that have to be texts.

use serde_json::Value;

use super::{
    Findings,
    walk::{self, items},
};

/// The keys of maps whose values have to be texts.
const MAPS: [&str; 5] = [
    "labels",
    "annotations",
    "matchLabels",
    "nodeSelector",
    "stringData",
];

pub(super) fn check(findings: &mut Findings<'_>) {
    let object = findings.object;
    let has_texts = matches!(findings.kind(), "ConfigMap" | "Secret");
    walk::entries(object, &mut |path, key, value| {
        let is_map = MAPS.contains(&key) || (has_texts && path == "data");
        if is_map && let Value::Object(map) = value {
            for (key, value) in map.iter().filter(|(_, value)| is_other(value)) {
                text(findings, &format!("{path}.{}", walk::segment(key)), value);
            }
        }
        if key == "env" {
            for (index, variable) in items(value).enumerate() {
                if is_other(&variable["value"]) {
                    let path = format!("{path}[{index}].value");
                    text(findings, &path, &variable["value"]);
                }
            }
        }
    });
}

/// Returns whether a value is a scalar other than a text.
fn is_other(value: &Value) -> bool {
    value.is_boolean() || value.is_number()
}

fn text(findings: &mut Findings<'_>, path: &str, value: &Value) {
    let kind = if value.is_boolean() {
        "boolean"
    } else {
        "number"
    };
    findings.error(
        "unquoted-text",
        path,
        &format!("without quotes, the value is the {kind} `{value}` and no text, so the API refuses the object"),
        "put it in quotes",
    );
}
