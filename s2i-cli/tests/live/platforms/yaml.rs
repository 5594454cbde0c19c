//! YAML documents.

use saphyr::{LoadableYamlNode as _, Yaml};

/// Reads all documents of a text.
pub(super) fn documents(text: &str) -> Vec<Yaml<'_>> {
    Yaml::load_from_str(text).unwrap()
}

/// Reads the only document of a text.
pub(super) fn document(text: &str) -> Yaml<'_> {
    let mut documents = documents(text);
    assert_eq!(documents.len(), 1);
    documents.remove(0)
}

/// Returns the value of a key, which must be there.
pub(super) fn get<'a, 'y>(node: &'a Yaml<'y>, key: &str) -> &'a Yaml<'y> {
    let value = node.as_mapping_get(key);
    value.unwrap_or_else(|| panic!("there is no `{key}` in {node:?}"))
}

/// Returns the text of a scalar as a variable would have it.
pub(super) fn text(node: &Yaml<'_>) -> String {
    let text = node.as_str().map(str::to_owned);
    let text = text.or_else(|| Some(node.as_bool()?.to_string()));
    let text = text.or_else(|| Some(node.as_integer()?.to_string()));
    let text = text.or_else(|| Some(node.as_floating_point()?.to_string()));
    text.unwrap_or_else(|| panic!("no scalar: {node:?}"))
}

/// Returns the entries of a mapping; none where the key is missing.
pub(super) fn entries<'a, 'y>(node: &'a Yaml<'y>, key: &str) -> Vec<(String, &'a Yaml<'y>)> {
    let Some(node) = node.as_mapping_get(key) else {
        return Vec::new();
    };
    let mapping = node.as_mapping().expect("a mapping");
    let entries = mapping.iter();
    entries.map(|(key, value)| (text(key), value)).collect()
}

/// Returns the items of a sequence; none where the key is missing.
pub(super) fn items<'a, 'y>(node: &'a Yaml<'y>, key: &str) -> Vec<&'a Yaml<'y>> {
    let Some(node) = node.as_mapping_get(key) else {
        return Vec::new();
    };
    node.as_sequence().expect("a sequence").iter().collect()
}
