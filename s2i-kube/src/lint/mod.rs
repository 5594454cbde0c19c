//! A linter of objects that build and run images.
//!
//! It finds what an API server accepts without a word although it can't work, or refuses only when the object is there:
//! triggers that never start a build, logins that others can read, sockets of a container engine in pods.
//!
//! ```
//! use s2i_kube::{document, lint};
//!
//! let objects = document::read("
//! kind: BuildConfig
//! metadata: {name: builder}
//! spec:
//!   source: {git: {uri: 'https://git.example.org/builder.git'}}
//!   strategy: {dockerStrategy: {}}
//!   triggers: [{type: ImageChange, imageChange: {}}]
//! ")?;
//! let found = lint::lint(&objects);
//! assert_eq!(found[0].rule, "dead-trigger");
//! assert_eq!(found[0].path, "spec.triggers[0].imageChange");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod build_config;
mod finding;
mod images;
mod pods;
mod scalars;
mod secrets;
mod source;
mod triggers;
mod walk;

use serde_json::Value;

use finding::Findings;
pub use finding::{Finding, Severity};

/// Returns the problems of the objects, by object and then by place.
#[must_use]
pub fn lint(objects: &[Value]) -> Vec<Finding> {
    let objects = objects.iter().zip(1..);
    let found = objects.flat_map(|(object, document)| {
        let mut findings = Findings::new(document, object);
        if findings.kind() == "BuildConfig" {
            build_config::check(&mut findings);
        }
        pods::check(&mut findings);
        scalars::check(&mut findings);
        secrets::check(&mut findings);
        images::check(&mut findings);
        let mut found = findings.found;
        found.sort_by(|one, other| one.path.cmp(&other.path));
        found
    });
    found.collect()
}
