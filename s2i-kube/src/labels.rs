//! The labels and annotations of the objects.

use std::collections::BTreeMap;

use crate::Name;

/// The label with the name of the application.
pub const NAME: &str = "app.kubernetes.io/name";
/// The label with the program that made an object.
pub const MANAGED_BY: &str = "app.kubernetes.io/managed-by";
/// The label with the part that an object has in its application.
pub const COMPONENT: &str = "app.kubernetes.io/component";

/// The value of [`COMPONENT`] for objects that build.
pub const BUILD: &str = "build";

/// Returns the labels that select the pods of an application.
pub(crate) fn selector(name: &Name) -> BTreeMap<String, String> {
    [(NAME.to_owned(), name.to_string())].into()
}

/// Returns the labels of an object of an application.
pub(crate) fn of_application(name: &Name) -> BTreeMap<String, String> {
    let mut labels = selector(name);
    labels.insert(MANAGED_BY.into(), "s2i".into());
    labels
}

/// Returns the labels of an object that builds an application.
pub(crate) fn of_build(name: &Name) -> BTreeMap<String, String> {
    let mut labels = of_application(name);
    labels.insert(COMPONENT.into(), BUILD.into());
    labels
}
