//! `usage`: tells people, and with `--json` programs, how to use the image.

use std::fmt::Write as _;

use s2i_core::Script;
use serde_json::json;

use crate::{Error, Host, exit, variables};

/// Prints the text for people.
#[expect(clippy::unnecessary_wraps, reason = "every script has the same shape")]
pub(crate) fn print(host: &mut Host<'_>) -> Result<(), Error> {
    let text = text(host.find("go").is_some());
    host.console.line(text.trim_end());
    Ok(())
}

/// Prints the same for programs.
#[expect(clippy::unnecessary_wraps, reason = "every script has the same shape")]
pub(crate) fn print_json(host: &mut Host<'_>) -> Result<(), Error> {
    let scripts = Script::ALL.map(|script| json!({ "name": script, "summary": summary(script) }));
    let codes = exit::MEANINGS.map(|(code, meaning)| json!({ "code": code, "meaning": meaning }));
    let value = json!({ "scripts": scripts, "variables": variables::ALL, "exit_codes": codes });
    host.console.line(format_args!("{value:#}"));
    Ok(())
}

fn text(is_builder: bool) -> String {
    let mut text = String::from(if is_builder { BUILDER } else { RUNTIME });
    let mut add =
        |line: std::fmt::Arguments<'_>| text.write_fmt(line).expect("a String takes everything");
    add(format_args!("\nScripts:\n"));
    for script in Script::ALL {
        add(format_args!(
            "  {:<17}{}\n",
            script.file_name(),
            summary(script)
        ));
    }
    for (title, is_run) in [("while building", false), ("while running", true)] {
        add(format_args!(
            "\nEnvironment variables {title} (`-e NAME=VALUE`):\n"
        ));
        for variable in variables::ALL
            .iter()
            .filter(|variable| (variable.scripts == [Script::Run]) == is_run)
        {
            let default = match variable.default {
                "" => String::new(),
                default => format!(" [default: {default}]"),
            };
            add(format_args!(
                "  {:<19}{}{default}\n",
                variable.name, variable.meaning
            ));
        }
    }
    text
}

fn summary(script: Script) -> &'static str {
    match script {
        Script::Assemble => "builds the application; `--plan` shows as JSON what would be done",
        Script::Run => "becomes the application; every argument is the application's",
        Script::SaveArtifacts => "writes kept caches to the standard output as a tar archive",
        Script::Usage => "prints this text; `--json` prints it for programs",
        Script::AssembleRuntime => "checks what was copied into a runtime image",
    }
}

const BUILDER: &str = "\
This is a source-to-image builder for Go: it turns source code into an image that runs it.
It builds modules, with or without a vendor directory, and a plain main.go, with no network
where the source has all it needs, and runs as any user.

Sample invocation:

  s2i build https://git.example.com/you/app.git <this image> app
  docker run --rm -p 8080:8080 app
";

const RUNTIME: &str = "\
This is a source-to-image runtime image: it holds a program that a builder image made, and
nothing to make one with.

Sample invocation:

  s2i build https://git.example.com/you/app.git <builder image> app --runtime-image <this image>
  docker run --rm -p 8080:8080 app
";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_names_every_script_and_every_variable() {
        for is_builder in [true, false] {
            let text = text(is_builder);
            assert!(text.contains("Sample invocation"), "{text}");
            for script in Script::ALL {
                assert!(text.contains(&format!("\n  {script} ")), "{script}");
            }
            for variable in variables::ALL {
                let lines = text
                    .lines()
                    .filter(|line| line.starts_with(&format!("  {} ", variable.name)));
                assert_eq!(lines.count(), 1, "{}", variable.name);
            }
        }
    }
}
