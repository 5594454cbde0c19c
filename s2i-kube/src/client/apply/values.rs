//! The values of a Secret, which no message may show.

use k8s_openapi::ByteString;
use serde_json::Value;

/// The shortest value that is masked: shorter ones would mask parts of words.
const SHORTEST: usize = 3;

/// The key of a login with the name of its user, which is no secret.
const USER: &str = "username";

/// The values of an object that messages must not have.
#[derive(Default)]
pub(super) struct Values(Vec<String>);

impl Values {
    /// Returns the values of a Secret, in their forms; other objects have none.
    pub(super) fn of(object: &Value) -> Self {
        if object["kind"] != "Secret" {
            return Self::default();
        }
        let entries = |field: &str| {
            let entries = object[field].as_object().into_iter().flatten();
            let entries = entries.filter(|(key, _)| *key != USER);
            entries.map(|(_, value)| value.clone()).collect::<Vec<_>>()
        };
        let mut values = Vec::new();
        for value in entries("data") {
            if let Ok(bytes) = serde_json::from_value::<ByteString>(value.clone()) {
                values.push(String::from_utf8_lossy(&bytes.0).into_owned());
            }
            values.extend(value.as_str().map(str::to_owned));
        }
        let plain = entries("stringData").into_iter();
        values.extend(plain.filter_map(|value| value.as_str().map(str::to_owned)));
        // A message may have a single line of a key.
        let lines = values.iter().flat_map(|value| value.lines());
        let lines: Vec<_> = lines.map(|line| line.trim().to_owned()).collect();
        values.extend(lines);
        values.retain(|value| value.len() >= SHORTEST);
        // A value that has another one in it goes first.
        values.sort_by_key(|value| std::cmp::Reverse(value.len()));
        values.dedup();
        Self(values)
    }

    /// Returns the text without the values.
    pub(super) fn mask(&self, text: &str) -> String {
        let values = self.0.iter();
        values.fold(text.to_owned(), |text, value| text.replace(value, "…"))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_of_secrets_are_masked_in_all_forms() {
        let secret = json!({
            "kind": "Secret",
            // `correct`, `ci` and `line one` with `line two`.
            "data": {"password": "Y29ycmVjdA==", "username": "Y2k=", "key": "bGluZSBvbmUKbGluZSB0d28K"},
            "stringData": {"token": "horse"},
        });
        let values = Values::of(&secret);
        for (text, expected) in [
            ("`correct` of ci", "`…` of ci"),
            ("Y29ycmVjdA== is bad", "… is bad"),
            ("a line two", "a …"),
            ("horses", "…s"),
        ] {
            assert_eq!(values.mask(text), expected);
        }
    }

    #[test]
    fn other_objects_have_no_values() {
        let object = json!({"kind": "ConfigMap", "data": {"a": "correct"}});
        assert_eq!(Values::of(&object).mask("correct"), "correct");
    }
}
