//! The Dockerfiles beside the definitions, which build the same images with other tools.

use std::{fmt::Write as _, path::Path};

use anyhow::{Context, Result};

use super::{definition::Definition, folder};

/// Writes the Dockerfile of an image, if it has one.
pub(super) fn write(definition: &Definition) -> Result<()> {
    let Some(path) = definition.dockerfile() else {
        return Ok(());
    };
    std::fs::write(&path, render(definition, &path))
        .with_context(|| format!("can't write {}", path.display()))
}

fn render(definition: &Definition, file: &Path) -> String {
    let Definition { name, names, .. } = definition;
    let tags: Vec<_> = names.iter().map(|name| format!("-t {name}")).collect();
    let tags = tags.join(" ");
    let file = file.strip_prefix(folder()).unwrap_or(file).display();
    let mut text = format!(
        "# The image that image.toml describes, as a Dockerfile; `cargo xtask images --update` writes it.\n\
         # The layers come from xtask too, as archives, which keep owners and modes:\n\
         #\n\
         #     cargo xtask images --rootfs DIR {name}\n\
         #     docker build {tags} -f builder-images/{file} DIR\n\
         #\n\
         # To add to the image, start from it instead: see README.md.\n\
         FROM scratch\n\n"
    );
    for part in &definition.contents {
        let _ = writeln!(text, "ADD {}.tar /", part.name());
    }
    text.push('\n');
    for variable in &definition.env {
        let (name, value) = variable.split_once('=').unwrap_or((variable, ""));
        let _ = writeln!(text, "ENV {name}={value:?}");
    }
    text.push('\n');
    for (name, value) in &definition.labels {
        let _ = writeln!(text, "LABEL {name}={value:?}");
    }
    text.push('\n');
    for port in &definition.ports {
        let _ = writeln!(text, "EXPOSE {port}");
    }
    let _ = writeln!(
        text,
        "WORKDIR {}\nUSER {}\nCMD {:?}",
        definition.working_dir, definition.user, definition.cmd
    );
    text
}

#[cfg(test)]
mod tests {
    use super::{
        super::{definition, lock::Lock},
        *,
    };

    #[test]
    fn dockerfiles_say_what_the_definitions_say() {
        let lock = Lock::read().unwrap();
        for name in definition::all() {
            let definition = Definition::read(name, &lock).unwrap();
            let Some(path) = definition.dockerfile() else {
                continue;
            };
            let text = std::fs::read_to_string(&path).unwrap();
            assert!(
                text == render(&definition, &path),
                "{name}: renew it with `cargo xtask images --update`"
            );
        }
    }
}
