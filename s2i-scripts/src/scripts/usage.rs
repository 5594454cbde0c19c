//! `usage`: prints how to use the image, with `--json` for programs.

use std::{fmt::Write as _, path::Path};

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
    host.console.line(text.trim_end());
}

/// Prints the same for programs.
pub(super) fn print_json(host: &mut Host<'_>) {
    let scripts = Script::ALL.map(|script| json!({ "name": script, "summary": summary(script) }));
    let codes = exit::MEANINGS.map(|(code, meaning)| json!({ "code": code, "meaning": meaning }));
    let image = image(host);
    let groups = GROUPS.map(|group| {
        json!({
            "for": group.audience,
            "title": group.title,
            "is_read_here": image.reads(group.audience),
            "variables": group.variables,
        })
    });
    let value =
        json!({ "image": image, "scripts": scripts, "groups": groups, "exit_codes": codes });
    host.console.line(format_args!("{value:#}"));
}

/// Returns the kind of this image, by the toolchains and the scripts that it has.
fn image(host: &Host<'_>) -> Image {
    let started = host.args().first().map(Path::new);
    let assemble = started.map(|path| path.with_file_name(Script::Assemble.file_name()));
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
            Audience::Build => self.introduction().1,
            Audience::Go => self == Self::Go,
            Audience::Node => self == Self::Node,
            Audience::Binary => self == Self::Binary,
        }
    }

    /// Returns the introduction, and whether the image builds.
    fn introduction(self) -> (&'static str, bool) {
        match self {
            Self::Go => (GO, true),
            Self::Node => (NODE, true),
            Self::Binary => (BINARY, true),
            Self::NodeRuntime => (NODE_RUNTIME, false),
            Self::Runtime => (RUNTIME, false),
        }
    }
}

fn text(image: Image) -> String {
    let mut text = String::from(image.introduction().0);
    let mut add =
        |line: std::fmt::Arguments<'_>| text.write_fmt(line).expect("a String takes everything");
    add(format_args!("\nScripts:\n"));
    for script in Script::ALL {
        add(format_args!(
            "  {:<21}{}\n",
            script.file_name(),
            summary(script)
        ));
    }
    for group in GROUPS.iter().filter(|group| image.reads(group.audience)) {
        add(format_args!(
            "\nEnvironment variables {} (`-e NAME=VALUE`):\n",
            group.title
        ));
        for variable in group.variables {
            let default = match variable.default {
                "" => String::new(),
                default => format!(" [default: {default}]"),
            };
            add(format_args!(
                "  {:<21}{}{default}\n",
                variable.name, variable.meaning
            ));
        }
    }
    text
}

fn summary(script: Script) -> &'static str {
    match script {
        Script::Assemble => "builds the application; `--plan` shows as JSON what would be done",
        Script::Run => "starts the application; every argument is the application's",
        Script::SaveArtifacts => "writes kept caches to the standard output as a tar archive",
        Script::Usage => "prints this text; `--json` prints it for programs",
        Script::AssembleRuntime => "checks what was copied into a runtime image",
    }
}

const GO: &str = "\
This is a source-to-image builder for Go: it turns source code into an image that runs it.
It builds modules, with or without a vendor directory, workspaces, sources from before there
were modules, and a plain main.go, with no network where the source has all it needs, and runs
as any user.

Sample invocation:

  s2i build https://git.example.com/you/app.git <this image> app
  docker run --rm -p 8080:8080 app
";

const NODE: &str = "\
This is a source-to-image builder for Node.js: it turns source code into an image that runs it.
It installs what the lock file of npm, pnpm or Yarn says, runs the build script, takes away what
only development needs, and starts the application without npm and without a shell. A site that
a build makes is served without Node.js.

Sample invocation:

  s2i build https://git.example.com/you/app.git <this image> app
  docker run --rm -p 8080:8080 app
";

const BINARY: &str = "\
This is a source-to-image builder for programs that are built already: it checks one or several
files, or archives of them, and turns them into an image that runs them. Of files for several
processors it takes those for its own. A directory with an index.html and no program is a site,
which it serves.

Sample invocation:

  s2i build ./bin <this image> app
  docker run --rm -p 8080:8080 app
";

const NODE_RUNTIME: &str = "\
This is a source-to-image runtime image: it holds Node.js and an application that a builder
image made, and nothing to make one with.

Sample invocation:

  s2i build https://git.example.com/you/app.git <builder image> app --runtime-image <this image>
  docker run --rm -p 8080:8080 app
";

const RUNTIME: &str = "\
This is a source-to-image runtime image: it holds a program, or a site, that a builder image
made, and nothing to make one with.

Sample invocation:

  s2i build https://git.example.com/you/app.git <builder image> app --runtime-image <this image>
  docker run --rm -p 8080:8080 app
";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_names_every_script_and_every_variable_that_matters() {
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
