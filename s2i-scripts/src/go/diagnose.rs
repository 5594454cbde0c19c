//! Advice about builds of Go that have failed, by the messages of Go.

use std::path::Path;

use super::{Facts, Request, query::Query, scan};
use crate::{Directories, Host, explain::abbreviated, symptoms};

/// Messages that packages without their cgo files lead to.
const CGO: [&str; 3] = [
    EXCLUDED,
    "undefined: ",
    "C source files not allowed when not using cgo",
];

/// The message about a package that has no file for this build.
const EXCLUDED: &str = "build constraints exclude all Go files in ";

/// The message about files of `go:embed` that are not there.
const EMBED: &str = ": no matching files found";

/// Messages about a go.mod or a go.sum that does not fit the code, and about vendored modules that do not fit go.mod.
const UNTIDY: [&str; 5] = [
    "no required module provides package",
    "missing go.sum entry",
    "updates to go.mod needed",
    "go: inconsistent vendoring",
    "is not in std",
];

/// Returns advice about a build that has failed with this output.
pub(crate) fn diagnose(
    facts: &Facts,
    request: &Request,
    output: &str,
    dirs: &Directories,
    host: &mut Host<'_>,
) -> Vec<String> {
    let mut advice: Vec<_> = symptoms::advice(output).into_iter().collect();
    let is_shown = |texts: &[&str]| texts.iter().any(|text| output.contains(text));
    if is_shown(&CGO) && !facts.has_compiler {
        let packages = cgo_packages(facts, request, dirs, host);
        advice.extend((!packages.is_empty()).then(|| {
            format!(
                "these packages need cgo, and this image has no C compiler: {}; \
                 replace them, or exclude files that use cgo with build tags (GO_TAGS)",
                abbreviated(&packages)
            )
        }));
    }
    advice.extend(excluded(output));
    advice.extend(embedded(output, dirs));
    if is_shown(&UNTIDY) {
        let command = match &facts.environment.layout {
            super::Layout::Module { vendored: true } => "go mod tidy && go mod vendor",
            super::Layout::Workspace => "go work sync",
            _ => "go mod tidy",
        };
        advice.push(format!(
            "go.mod, go.sum or `vendor` does not fit the code: run `{command}`, and commit the result"
        ));
    }
    if is_shown(&["checksum mismatch"]) {
        advice.push(
            "a module is not the one that go.sum has the digest of: correct go.sum only where the change of the module is known to be right".into(),
        );
    }
    let needs_git = is_shown(&["exec: \"git\": executable file not found"]);
    if needs_git || (request.is_private && !facts.has_git) {
        advice.push(
            "modules of GOPRIVATE come through `git`, which this image does not have: name a proxy that has them with GOPROXY and GONOPROXY=none, or vendor them".into(),
        );
    }
    advice
}

/// Returns advice about packages without a file for this build, with the build tags that their files want.
fn excluded(output: &str) -> Option<String> {
    let (_, rest) = output.split_once(EXCLUDED)?;
    let directory = rest.lines().next().unwrap_or_default().trim();
    let tags = scan::tags(Path::new(directory));
    (!tags.is_empty()).then(|| {
        format!(
            "the files in {directory} are for builds with other tags: {}; set those that this build needs with GO_TAGS",
            abbreviated(&tags)
        )
    })
}

/// Returns advice about files that are embedded and are not there, such as the output of another build.
fn embedded(output: &str, dirs: &Directories) -> Option<String> {
    let line = output.lines().find(|line| line.contains(EMBED))?;
    let (before, _) = line.split_once(EMBED)?;
    let (place, embedded) = before.rsplit_once(": pattern ")?;
    let file = place.split(':').next().unwrap_or_default();
    let folder = Path::new(file).parent().unwrap_or(Path::new(""));
    let pattern = embedded.strip_prefix("all:").unwrap_or(embedded);
    let target = folder.join(pattern);
    let source = Path::new(dirs.source.as_str());
    let package = target
        .ancestors()
        .skip(1)
        .find(|path| source.join(path).join("package.json").is_file());
    let end = match package {
        Some(path) if !path.as_os_str().is_empty() => format!(
            "by the build of {0}/package.json; run that, and commit its output or let `s2i build --copy` send it",
            path.display()
        ),
        _ => "before this build; see that no ignore file leaves it out".to_owned(),
    };
    Some(format!(
        "{file} embeds `{embedded}`, which is not in the source: it has to be made {end}"
    ))
}

/// Returns the packages that use cgo, except those of the standard library.
fn cgo_packages(
    facts: &Facts,
    request: &Request,
    dirs: &Directories,
    host: &mut Host<'_>,
) -> Vec<String> {
    let format = "-f={{if and .CgoFiles (not .Standard)}}{{.ImportPath}}{{end}}";
    let query = Query {
        go: &facts.go,
        request,
        dirs,
    };
    let args = query.list(&["-e", "-deps", format], &facts.environment, &facts.module);
    let answer = query.run_with_cgo(&args, &facts.environment, host);
    answer.lines().map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::assembly::testing::{directories, tree};

    #[test]
    fn package_that_makes_embedded_files_is_named() {
        let root = tree(&[("web/package.json", "{}")]);
        let dirs = Directories {
            source: root.path().to_str().unwrap().parse().unwrap(),
            ..directories()
        };
        let output = "web/embed.go:6:12: pattern all:dist: no matching files found\n";
        let text = embedded(output, &dirs).unwrap();
        assert!(text.starts_with("web/embed.go embeds `all:dist`, which is not in the source"));
        assert!(text.contains("by the build of web/package.json"), "{text}");
        let output = "main.go:6:12: pattern files/*: no matching files found\n";
        let text = embedded(output, &dirs).unwrap();
        assert!(text.contains("made before this build"), "{text}");
        assert_eq!(embedded("main.go:6:12: undefined: x", &dirs), None);
    }
}
