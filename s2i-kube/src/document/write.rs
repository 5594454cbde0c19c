//! The writer of objects.

use serde_json::{Value, json};

use super::{
    Format,
    order::{Ordered, without_fields_of_server},
};

/// Returns the text of objects, which ends with a newline; it is empty if there are none.
///
/// In YAML, each object is a document of its own, so that `kubectl apply -f -` reads the stream. In JSON, one object is
/// written as it is, and several as a List.
///
/// # Panics
/// Never: the values are JSON, which both formats can express.
#[must_use]
pub fn write(objects: &[Value], format: Format) -> String {
    let objects: Vec<Value> = objects.iter().map(without_fields_of_server).collect();
    match format {
        Format::Yaml => {
            let documents: Vec<String> = objects.iter().map(yaml).collect();
            documents.join("---\n")
        }
        Format::Json => match &objects[..] {
            [] => String::new(),
            [object] => pretty(object),
            objects => pretty(&json!({"apiVersion": "v1", "kind": "List", "items": objects})),
        },
    }
}

/// Returns one document of YAML. Only texts with several lines are blocks: those with one line keep it, whatever its
/// length.
fn yaml(object: &Value) -> String {
    let options = serde_saphyr::ser_options! { folded_wrap_chars: usize::MAX };
    serde_saphyr::to_string_with_options(&Ordered(object), options)
        .expect("YAML can express all of JSON")
}

fn pretty(value: &Value) -> String {
    let mut text = serde_json::to_string_pretty(&Ordered(value)).expect("all keys are strings");
    text.push('\n');
    text
}
