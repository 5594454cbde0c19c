//! The files of the source that a trigger copies, by the rules of Docker.

use std::collections::BTreeMap;

use s2i_core::{ContainerPath, instruction::InstructionError};

use super::{Copying, Triggers};
use crate::{
    facts::{Facts, SourceMatch},
    plan::{Copy, CopySource, PlanError, SourcePath},
};

/// The endings of archives that `ADD` would unpack.
const ARCHIVES: [&str; 8] = [
    ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz", ".tar.zst",
];

impl Triggers {
    /// Returns the copies of one instruction: one of all files, and one for each directory.
    pub(super) fn copies(
        &self,
        Copying { name, copy, cwd }: &Copying,
        facts: &Facts,
    ) -> Result<Vec<Copy>, PlanError> {
        let none = |path: &str| PlanError::TriggerSource {
            trigger: name.to_string(),
            image: self.image.name.clone(),
            path: path.into(),
        };
        let mut matches = Vec::new();
        for source in &copy.sources {
            let found = facts.trigger_files.get(source);
            let found = found.filter(|found| !found.is_empty());
            matches.extend(found.ok_or_else(|| none(source))?);
        }
        let unsupported = |what: &str| PlanError::Trigger {
            trigger: name.to_string(),
            image: self.image.name.clone(),
            source: InstructionError::Unsupported(what.into()),
        };
        let bad = |source| PlanError::TriggerPath {
            trigger: name.to_string(),
            image: self.image.name.clone(),
            source,
        };
        let into = cwd.join(&copy.destination).map_err(bad)?;
        let is_dir =
            copy.destination.ends_with('/') || copy.destination.rsplit('/').next() == Some(".");
        let owner = Some(copy.owner.clone().unwrap_or_default());
        let copy_of = |paths: Vec<SourcePath>, into: &ContainerPath| Copy {
            from: CopySource::Paths(paths),
            into: into.clone(),
            owner: owner.clone(),
        };
        let files: Vec<_> = matches.iter().filter(|found| !found.is_dir).collect();
        if copy.unpacks && files.iter().any(|file| is_archive(&file.path)) {
            return Err(unsupported("`ADD` of an archive, which it would unpack"));
        }
        let mut copies = Vec::new();
        for SourceMatch { path, .. } in matches.iter().filter(|found| found.is_dir) {
            let path = SourcePath {
                path: path.clone(),
                name: ".".into(),
            };
            copies.push(copy_of(vec![path], &into));
        }
        match (&files[..], into.split()) {
            ([], _) => {}
            ([file], Some((parent, name))) if !is_dir && matches.len() == 1 => {
                let path = SourcePath {
                    path: file.path.clone(),
                    name: name.into(),
                };
                copies.push(copy_of(vec![path], &parent));
            }
            _ if !is_dir && matches.len() > 1 => {
                return Err(unsupported(
                    "a copy of several files to a destination without a `/` at its end",
                ));
            }
            (files, _) => {
                // The last file of a name counts.
                let named = files.iter().map(|file| {
                    let name = file.path.rsplit('/').next().unwrap_or_default();
                    (name.to_owned(), file.path.clone())
                });
                let named: BTreeMap<_, _> = named.collect();
                let paths = named.into_iter();
                let paths = paths.map(|(name, path)| SourcePath { path, name });
                copies.push(copy_of(paths.collect(), &into));
            }
        }
        Ok(copies)
    }
}

fn is_archive(path: &str) -> bool {
    let path = path.to_ascii_lowercase();
    ARCHIVES.iter().any(|ending| path.ends_with(ending))
}
