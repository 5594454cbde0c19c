//! The check that no test is ignored, and that none passes on any panic: a test must name the expected failure.

use super::workspace::Workspace;

const ATTRIBUTES: [&str; 2] = ["ignore", "should_panic"];

pub(crate) fn check(workspace: &Workspace) -> Vec<String> {
    let mut found = Vec::new();
    for file in &workspace.sources {
        for (i, line) in file.text().lines().enumerate() {
            if let Some(attribute) = silencing(line) {
                found.push(format!("{}:{}: `{attribute}`", file.path.display(), i + 1));
            }
        }
    }
    found
}

fn silencing(line: &str) -> Option<&'static str> {
    let attribute = line.trim_start().strip_prefix("#[")?;
    let mut words = attribute.split(|c: char| !c.is_alphanumeric() && c != '_');
    let first = words.next()?;
    let hidden: Vec<&str> = if first == "cfg_attr" {
        words.collect()
    } else {
        vec![first]
    };
    ATTRIBUTES.into_iter().find(|name| hidden.contains(name))
}

#[cfg(test)]
mod tests {
    use super::{super::workspace::tests::of_files, *};

    #[test]
    fn silenced_tests_are_found() {
        let lines = [
            "#[test]",
            "  #[ignore = \"slow\"]",
            "fn a() {}",
            "#[should_panic(expected = \"x\")]",
            "#[cfg_attr(windows, ignore)]",
        ];
        let expected = [
            "a.rs:2: `ignore`",
            "a.rs:4: `should_panic`",
            "a.rs:5: `ignore`",
        ];
        assert_eq!(check(&of_files(&[("a.rs", &lines.join("\n"))])), expected);
    }

    #[test]
    fn other_attributes_and_texts_pass() {
        let text = "#[expect(unused, reason = \"ignore\")]\n#[ignored]\nlet a = \"#[ignore]\";\n// #[ignore]\n";
        assert!(check(&of_files(&[("a.rs", text)])).is_empty());
    }
}
