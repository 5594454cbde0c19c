//! The description of an image for people.

use std::fmt::Write as _;

use s2i_build::inspect::{Build, Commit, Inspection, Settings, Use};
use s2i_core::Printable;

/// The width of the names in front of values.
const WIDTH: usize = 18;

/// Returns a line for each property that the image has.
pub(crate) fn inspection(image: &Inspection) -> String {
    let mut lines = Lines::default();
    lines.line("image", &image.image);
    lines.line("id", &image.id);
    lines.option("digest", image.digest.as_ref());
    for name in &image.names {
        lines.line("name", name);
    }
    lines.line("platform", &image.platform);
    lines.option("created", image.created.as_ref());
    lines.option("size", image.size.map(super::size).as_ref());
    lines.line("user", some(&image.user, "root"));
    lines.line("working directory", some(&image.working_dir, "/"));
    lines.list("entry point", &image.entrypoint);
    lines.list("command", &image.command);
    for port in &image.ports {
        lines.line("port", port);
    }
    settings(&image.settings, &mut lines);
    if let Some(made) = &image.build {
        build(made, &mut lines);
    }
    for (name, purpose) in [
        ("builder", &image.uses.builder),
        ("runtime image", &image.uses.runtime),
        ("rebuild", &image.uses.rebuild),
    ] {
        lines.purpose(name, purpose);
    }
    for layer in &image.layers {
        let size = layer.size.map(super::size);
        let size = size.map_or_else(String::new, |size| format!("  {size}"));
        lines.line("layer", &format!("{}{size}", layer.digest));
    }
    lines.0
}

fn settings(settings: &Settings, lines: &mut Lines) {
    for (name, value) in [
        ("scripts", &settings.scripts_url),
        ("destination", &settings.destination),
        ("assemble user", &settings.assemble_user),
        ("runtime user", &settings.assemble_runtime_user),
        ("input files", &settings.assemble_input_files),
        ("artifacts", &settings.artifacts),
        ("build variables", &settings.build_variables),
    ] {
        lines.option(name, value.as_ref());
    }
    for message in &settings.deprecated {
        lines.line("deprecated", message);
    }
}

fn build(build: &Build, lines: &mut Lines) {
    let pinned = |name: &String, digest: &Option<String>| match digest {
        Some(digest) => format!("{name} ({digest})"),
        None => name.clone(),
    };
    lines.line("built with", &pinned(&build.builder, &build.builder_digest));
    if let Some(runtime) = &build.runtime {
        lines.line("based on", &pinned(runtime, &build.runtime_digest));
    }
    lines.option("source", build.source.as_ref());
    lines.option("repository", build.repository.as_ref());
    lines.option("context directory", build.context_dir.as_ref());
    lines.option("version", build.version.as_ref());
    if let Some(Commit {
        id,
        reference,
        author,
        date,
        message,
    }) = &build.commit
    {
        lines.line("commit", id);
        lines.option("reference", reference.as_ref());
        lines.option("author", author.as_ref());
        lines.option("date", date.as_ref());
        lines.option("message", message.as_ref());
    }
    lines.option("saved build", build.saved.as_ref());
}

fn some<'a>(text: &'a str, otherwise: &'a str) -> &'a str {
    if text.is_empty() { otherwise } else { text }
}

/// Lines of a name and a value.
#[derive(Default)]
struct Lines(String);

impl Lines {
    fn line(&mut self, name: &str, value: &str) {
        let name = format!("{name}:");
        let _ = writeln!(self.0, "{name:WIDTH$} {}", Printable::line(value));
    }

    fn option(&mut self, name: &str, value: Option<&String>) {
        if let Some(value) = value {
            self.line(name, value);
        }
    }

    fn list(&mut self, name: &str, values: &[String]) {
        if !values.is_empty() {
            let values: Vec<_> = values.iter().map(|value| format!("{value:?}")).collect();
            self.line(name, &format!("[{}]", values.join(", ")));
        }
    }

    fn purpose(&mut self, name: &str, purpose: &Use) {
        let possible = if purpose.possible { "yes" } else { "no" };
        match &purpose.remarks[..] {
            [] => self.line(name, possible),
            remarks => self.line(name, &format!("{possible}; {}", remarks.join("; "))),
        }
    }
}
