//! The walk through the values of an object.

use std::fmt::Write as _;

use serde_json::Value;

/// Calls a function for each entry of a map in the value, with its path, its key and its value. Parents come before
/// children.
pub(super) fn entries<'a>(value: &'a Value, visit: &mut impl FnMut(&str, &'a str, &'a Value)) {
    walk(value, &mut String::new(), visit);
}

fn walk<'a>(value: &'a Value, path: &mut String, visit: &mut impl FnMut(&str, &'a str, &'a Value)) {
    let length = path.len();
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                if !path.is_empty() {
                    path.push('.');
                }
                path.push_str(&segment(key));
                visit(path, key, value);
                walk(value, path, visit);
                path.truncate(length);
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                let _ = write!(path, "[{index}]");
                walk(item, path, visit);
                path.truncate(length);
            }
        }
        _ => {}
    }
}

/// Returns a key as a part of a path: in quotes if it has a `.`, as keys of labels do.
pub(super) fn segment(key: &str) -> String {
    if key.contains('.') {
        format!("\"{key}\"")
    } else {
        key.to_owned()
    }
}

/// Returns the items of a list; none for other values.
pub(super) fn items(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn paths_name_keys_and_indices() {
        let value = json!({"a": [{"b": 1}, {"c.d": {"e": 2}}]});
        let mut paths = Vec::new();
        entries(&value, &mut |path, _, _| paths.push(path.to_owned()));
        assert_eq!(paths, ["a", "a[0].b", "a[1].\"c.d\"", "a[1].\"c.d\".e"]);
    }
}
