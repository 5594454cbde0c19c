//! The schemas of other systems. Fields that they don't have are refused, as by a strict API server.

use std::{fs, path::Path};

use serde_json::{Value, json};

/// Fails if an object does not satisfy the schema of its kind, or if there is none. Objects of Kubernetes itself have
/// types, and need no schema.
#[track_caller]
pub(crate) fn assert_valid(objects: &[Value]) {
    for object in objects {
        let found = problems(object);
        assert!(found.is_empty(), "{found:#?}\n{object:#}");
    }
}

/// Returns the problems of an object.
pub(crate) fn problems(object: &Value) -> Vec<String> {
    let version = object["apiVersion"].as_str().unwrap();
    let kind = object["kind"].as_str().unwrap();
    let Some((group, version)) = version.split_once('/') else {
        return Vec::new();
    };
    if ["apps", "rbac.authorization.k8s.io"].contains(&group) {
        return Vec::new();
    }
    let file = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/crds")
        .join(format!("{group}_{version}_{kind}.json"));
    let text = fs::read_to_string(&file).unwrap_or_else(|err| panic!("{}: {err}", file.display()));
    let mut schema: Value = serde_json::from_str(&text).unwrap();
    close(&mut schema);
    schema["properties"]["metadata"] = metadata();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let errors = validator.iter_errors(object);
    errors
        .map(|err| format!("{}: {err}", err.instance_path()))
        .collect()
}

/// Makes a schema refuse unknown fields, and read a port or a quantity as the API does.
fn close(schema: &mut Value) {
    let Value::Object(map) = schema else {
        return;
    };
    if map.contains_key("x-kubernetes-int-or-string") {
        map.remove("anyOf");
        map.insert("type".into(), json!(["integer", "string"]));
    }
    let is_open = map.contains_key("x-kubernetes-preserve-unknown-fields")
        || map.contains_key("additionalProperties");
    if let Some(Value::Object(properties)) = map.get_mut("properties") {
        properties.values_mut().for_each(close);
        if !is_open {
            map.insert("additionalProperties".into(), json!(false));
        }
    }
    for key in ["items", "additionalProperties"] {
        if let Some(inner) = map.get_mut(key) {
            close(inner);
        }
    }
}

/// The schema of what the objects here have of the metadata.
fn metadata() -> Value {
    let texts =
        json!({"type": "object", "additionalProperties": {"type": "string", "maxLength": 63}});
    json!({
        "type": "object",
        "additionalProperties": false,
        "properties": {
            "name": {"type": "string", "maxLength": 63},
            "generateName": {"type": "string"},
            "namespace": {"type": "string"},
            "labels": texts,
            "annotations": {"type": "object", "additionalProperties": {"type": "string"}},
        },
    })
}

#[test]
fn unknown_fields_are_refused() {
    let mut stream = json!({
        "apiVersion": "image.openshift.io/v1",
        "kind": "ImageStream",
        "metadata": {"name": "app"},
        "spec": {"lookupPolicy": {"local": false}},
    });
    assert_valid(&[stream.clone()]);
    stream["spec"]["lookupPolicy"]["locale"] = json!(true);
    assert_eq!(problems(&stream).len(), 1);
}
