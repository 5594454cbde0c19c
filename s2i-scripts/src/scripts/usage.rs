//! `usage`: prints how to use the image, with `--json` for programs.

use std::path::Path;

use s2i_core::Script;
use serde_json::json;

use crate::{
    Host, exit,
    variables::{Audience, GROUPS},
};

/// The kind of an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
enum Image {
    Go,
    Node,
    Binary,
    NodeRuntime,
    Runtime,
}

/// Prints the text for users.
pub(super) fn print(host: &mut Host<'_>) {
    let text = text(image(host));
    host.console.line(text);
}

/// Prints the same for programs.
pub(super) fn print_json(host: &mut Host<'_>) {
    let image = image(host);
    let codes = exit::MEANINGS.iter();
    let value = json!({
        "image": image,
        "scripts": Script::ALL.map(|script| json!({ "name": script, "summary": summary(script) })),
        "groups": GROUPS.map(|group| json!({
            "for": group.audience,
            "title": group.title,
            "is_read_here": image.reads(group.audience),
            "variables": group.variables,
        })),
        "exit_codes": codes
            .map(|(code, meaning)| json!({ "code": code, "meaning": meaning }))
            .collect::<Vec<_>>(),
    });
    host.console.line(format_args!("{value:#}"));
}

/// Returns the kind of this image, by the toolchains and the scripts that it has.
fn image(host: &Host<'_>) -> Image {
    let program = host.args().first().map(Path::new);
    let assemble = program.map(|path| path.with_file_name(Script::Assemble.file_name()));
    let is_builder = assemble.is_some_and(|path| path.exists());
    let has = |program| host.find(program).is_some();
    match (has("go"), has("node"), is_builder || has("npm")) {
        (true, ..) => Image::Go,
        (false, true, true) => Image::Node,
        (false, true, false) => Image::NodeRuntime,
        (false, false, true) => Image::Binary,
        (false, false, false) => Image::Runtime,
    }
}

impl Image {
    /// Returns whether variables for an audience matter in it.
    fn reads(self, audience: Audience) -> bool {
        match audience {
            Audience::Run => true,
            Audience::Build => !matches!(self, Self::NodeRuntime | Self::Runtime),
            Audience::Go => self == Self::Go,
            Audience::Node => self == Self::Node,
            Audience::Binary => self == Self::Binary,
        }
    }

    fn introduction(self) -> &'static str {
        match self {
            Self::Go => GO,
            Self::Node => NODE,
            Self::Binary => BINARY,
            Self::NodeRuntime => NODE_RUNTIME,
            Self::Runtime => RUNTIME,
        }
    }

    fn build_arguments(self) -> &'static str {
        match self {
            Self::Go | Self::Node => "https://git.example.com/you/app.git <this image> app",
            Self::Binary => "./bin <this image> app",
            Self::NodeRuntime | Self::Runtime => {
                "https://git.example.com/you/app.git <builder image> app --runtime-image <this image>"
            }
        }
    }
}

fn text(image: Image) -> String {
    let mut lines = vec![format!(
        "{}\n\nSample invocation:\n\n  s2i build {}\n  docker run --rm -p 8080:8080 app\n\nScripts:",
        image.introduction(),
        image.build_arguments()
    )];
    let entry = |name: &str, text: &str| format!("  {name:<21}{text}");
    lines.extend(Script::ALL.map(|script| entry(script.file_name(), summary(script))));
    for group in GROUPS.iter().filter(|group| image.reads(group.audience)) {
        let title = group.title;
        lines.push(format!(
            "\nEnvironment variables {title} (`-e NAME=VALUE`):"
        ));
        lines.extend(group.variables.iter().map(|variable| {
            let line = entry(variable.name, variable.meaning);
            match variable.default {
                "" => line,
                default => format!("{line} [default: {default}]"),
            }
        }));
    }
    lines.join("\n")
}

fn summary(script: Script) -> &'static str {
    match script {
        Script::Assemble => "builds the application; `--plan` prints the plan as JSON instead",
        Script::Run => "starts the application; every argument is the application's",
        Script::SaveArtifacts => "writes kept caches to the standard output as a tar archive",
        Script::Usage => "prints this text; `--json` prints it for programs",
        Script::AssembleRuntime => "checks the application that was copied into a runtime image",
    }
}

const GO: &str = "\
This is a source-to-image builder for Go: it turns source code into an image that runs it.
It builds modules, with or without a vendor directory, workspaces, sources from before there
were modules, and a plain main.go, with no network where the source has all it needs, and runs
as any user.";

const NODE: &str = "\
This is a source-to-image builder for Node.js: it turns source code into an image that runs it.
It installs the packages of the lock file of npm, pnpm or Yarn, runs the build script, removes
development dependencies, and starts the application without npm and without a shell. A site that
a build makes is served without Node.js.";

const BINARY: &str = "\
This is a source-to-image builder for programs that are built already: it checks one or several
files, or archives of them, and turns them into an image that runs them. Of files for several
processors it takes those for its own. A directory with an index.html and no program is a site,
which it serves.";

const NODE_RUNTIME: &str = "\
This is a source-to-image runtime image: it holds Node.js and an application that a builder
image made, and nothing to make one with.";

const RUNTIME: &str = "\
This is a source-to-image runtime image: it holds a program, or a site, that a builder image
made, and nothing to make one with.";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_has_every_script_and_every_variable_of_the_image() {
        for image in [
            Image::Go,
            Image::Node,
            Image::Binary,
            Image::NodeRuntime,
            Image::Runtime,
        ] {
            let text = text(image);
            assert!(text.contains("Sample invocation"), "{text}");
            for script in Script::ALL {
                assert!(text.contains(&format!("\n  {script} ")), "{script}");
            }
            for group in GROUPS {
                for variable in group.variables {
                    let lines = text
                        .lines()
                        .filter(|line| line.starts_with(&format!("  {} ", variable.name)));
                    let expected = usize::from(image.reads(group.audience));
                    assert_eq!(lines.count(), expected, "{} {image:?}", variable.name);
                }
            }
        }
    }
}
