//! The check that no tracked file is large, and that none contains the path of a checkout.

use super::workspace::Workspace;

const LARGEST: usize = 1 << 20;

pub(crate) fn check(workspace: &Workspace) -> Vec<String> {
    let root = workspace.root.to_string_lossy();
    let mut found = Vec::new();
    for file in &workspace.tracked {
        let path = file.path.display();
        let size = file.content.len();
        if size > LARGEST {
            found.push(format!("{path} has {size} bytes, more than {LARGEST}"));
        }
        for (line, number) in file.text().lines().zip(1..) {
            if names(line, &root) {
                found.push(format!(
                    "{path}:{number}: names the folder of this checkout"
                ));
            }
        }
    }
    found
}

/// Returns whether the line contains `root` as a complete path or at the start of one.
fn names(line: &str, root: &str) -> bool {
    let in_word = |c: char| c.is_alphanumeric() || "_-.".contains(c);
    line.match_indices(root).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let after = line[at + root.len()..].chars().next();
        !before.is_some_and(|c| in_word(c) || c == '/') && !after.is_some_and(in_word)
    })
}

#[cfg(test)]
mod tests {
    use super::{super::workspace::tests::of_files, *};

    #[test]
    fn a_path_of_the_checkout_is_found() {
        let text = "ok\npath = \"/checkout/target\"\n/tmp/checkout /checkout2 x/checkout\n";
        assert_eq!(
            check(&of_files(&[("a", text)])),
            ["a:2: names the folder of this checkout"]
        );
    }

    #[test]
    fn a_large_file_is_found() {
        let text = "a".repeat(LARGEST + 1);
        assert_eq!(
            check(&of_files(&[("a", &text)])),
            ["a has 1048577 bytes, more than 1048576"]
        );
        assert!(check(&of_files(&[("a", &text[1..])])).is_empty());
    }
}
