//! The check for direct output: on the host, text is written to a terminal or a log by the renderer of `s2i`,
//! which filters it. Other files write to the standard streams only for other purposes.

use super::workspace::{File, Workspace};

/// The crates that run on the host.
const CRATES: [&str; 8] = [
    "s2i-build",
    "s2i-cli",
    "s2i-core",
    "s2i-docker",
    "s2i-in-place",
    "s2i-kube",
    "s2i-native",
    "s2i-oci",
];

/// The files that write to the standard streams.
const WRITERS: [&str; 6] = [
    // Text, filtered.
    "s2i-cli/src/render/announcer.rs",
    "s2i-cli/src/render/mod.rs",
    // The output of an application and an archive, unchanged.
    "s2i-cli/src/render/passthrough.rs",
    "s2i-cli/src/commands/export.rs",
    // The failure of a child process, filtered.
    "s2i-native/src/stage/report.rs",
    // The owner of the streams of an image's command.
    "s2i-native/src/sandbox/direct.rs",
];

const STREAMS: [&str; 3] = ["io::stdout()", "io::stderr()", "rustix::stdio"];

pub(crate) fn check(workspace: &Workspace) -> Vec<String> {
    let sources = workspace.sources.iter();
    let mut found = Vec::new();
    for file in sources.filter(|file| is_on_host(file) && !is_writer(file)) {
        for (i, line) in file.text().lines().enumerate() {
            if takes_stream(line) {
                let (path, line) = (file.path.display(), i + 1);
                found.push(format!(
                    "{path}:{line}: only the renderer writes to a standard stream"
                ));
            }
        }
    }
    found
}

fn is_on_host(file: &File) -> bool {
    let mut parts = file.path.iter().filter_map(|part| part.to_str());
    parts.next().is_some_and(|name| CRATES.contains(&name)) && parts.next() == Some("src")
}

fn is_writer(file: &File) -> bool {
    let path = file.path.to_str();
    path.is_some_and(|path| WRITERS.contains(&path))
}

/// Returns whether the code uses a stream other than to inspect it.
fn takes_stream(line: &str) -> bool {
    let code = line.split("//").next().unwrap_or_default();
    STREAMS.iter().any(|stream| {
        let mut after = code.split(stream).skip(1);
        after.any(|rest| !rest.starts_with(".is_terminal()"))
    })
}

#[cfg(test)]
mod tests {
    use super::{super::workspace::tests::of_files, *};

    #[test]
    fn a_second_writer_is_found() {
        let text = "//! A.\nlet mut out = io::stdout();\nstd::io::stderr().write_all(b\"\")\n";
        let workspace = of_files(&[("s2i-cli/src/a.rs", text), ("s2i-native/src/b/c.rs", text)]);
        let places = [
            "s2i-cli/src/a.rs:2",
            "s2i-cli/src/a.rs:3",
            "s2i-native/src/b/c.rs:2",
        ];
        let found = check(&workspace);
        for (found, place) in found.iter().zip(places) {
            assert!(found.starts_with(place), "{found}");
        }
        assert_eq!(found.len(), 4);
    }

    #[test]
    fn others_pass() {
        let text = "let out = io::stdout();\n";
        let looks = "io::stderr().is_terminal()\n//! io::stdout()\ncommand.stdout(io::piped())\nheard.stdout()";
        let files = [
            ("s2i-cli/src/render/mod.rs", text),
            ("s2i-cli/tests/a.rs", text),
            ("s2i-agent/src/a.rs", text),
            ("s2i-cli/src/host.rs", looks),
        ];
        assert_eq!(check(&of_files(&files)), [""; 0]);
    }
}
