//! No text of a user or of a label leads something that is put into a container out of its directory
//! (CVE-2024-7387).

use proptest::prelude::*;
use s2i_build::plan::{CopySource, Stage, StageName, plan};
use s2i_core::{ContainerPath, label, mapping::MappingList};

use crate::plans::{facts, image, request, with_runtime};

/// Whether it is a path below the root of an archive that stays there.
fn is_below(name: &str) -> bool {
    name.split('/').all(|part| !matches!(part, "" | "." | ".."))
}

fn is_normalised(path: &ContainerPath) -> bool {
    path.as_str().starts_with('/') && (path.relative().is_empty() || is_below(path.relative()))
}

/// Few letters, so that `..` and `//` are frequent.
const PATH: &str = "[/.ab\\\\ ]{0,10}";

proptest! {
    #[test]
    fn an_artifact_goes_below_the_working_directory(
        source in PATH, destination in PATH, other in "(;/[ab]{1,3}(:[/.ab]{0,6})?)?", dir in "/[/.ab]{0,8}",
    ) {
        let text = format!("/{source}:{destination}{other}");
        prop_assume!(text.parse::<MappingList>().is_ok());
        for by_label in [false, true] {
            let (request, mut facts) = if by_label {
                with_runtime("", Some(&text))
            } else {
                with_runtime(&text, None)
            };
            facts.runtime.as_mut().unwrap().config.working_dir.clone_from(&dir);
            let Ok(planned) = plan(&request, &facts) else { continue };
            let stage = planned.plan.stage(StageName::Runtime).unwrap();
            let copy = stage.copies().next().unwrap();
            let CopySource::Stage(artifacts) = &copy.from else { panic!("{copy:?}") };
            let root = &copy.into;
            prop_assert!(is_normalised(root), "{}", root);
            for item in &artifacts.paths {
                prop_assert!(is_normalised(&item.path), "{:?}", item);
                prop_assert!(is_below(&item.name), "{:?}", item);
                prop_assert!(root.contains(&root.join(&item.name).unwrap()), "{:?}", item);
            }
        }
    }

    #[test]
    fn uploads_and_removals_are_below_the_destination(text in PATH) {
        let mut facts = facts();
        facts.builder = image("s2i/go", |config| {
            config.labels.insert(label::DESTINATION.into(), text.clone());
        });
        let Ok(planned) = plan(&request(), &facts) else { return Ok(()) };
        let plan = planned.plan;
        let destination: ContainerPath = if text.is_empty() { "/tmp" } else { &text }.parse().unwrap();
        prop_assert!(is_normalised(&destination));
        let copies = plan.stages.iter().flat_map(Stage::copies).map(|copy| &copy.into);
        for path in copies.chain(plan.outputs[0].remove.iter().map(|removal| &removal.path)) {
            prop_assert!(is_normalised(path), "{}", path);
            prop_assert!(destination.contains(path) && *path != destination, "{} {}", destination, path);
        }
    }
}
