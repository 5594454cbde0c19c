//! The command in a shell: completion, manual pages, its names, and the command alone.

use std::{
    fs,
    os::unix::{fs::symlink, process::CommandExt as _},
    path::Path,
    process::{Command, Output},
};

/// Runs s2i in a directory, where no engine listens.
pub(crate) fn s2i(dir: &Path, args: &[&str]) -> Output {
    command(dir, env!("CARGO_BIN_EXE_s2i").as_ref(), args)
        .output()
        .unwrap()
}

fn command(dir: &Path, program: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.env_clear().env("HOME", dir);
    command.env("DOCKER_HOST", "unix:///nothing/listens/here");
    command.current_dir(dir).args(args);
    command
}

pub(crate) fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// Returns the names of the commands in the help.
fn commands(dir: &Path) -> Vec<String> {
    commands_in(dir, &["-h"])
}

fn commands_in(dir: &Path, help: &[&str]) -> Vec<String> {
    let help = stdout(&s2i(dir, help));
    let (_, commands) = help.split_once("\nCommands:\n").unwrap();
    let (commands, _) = commands.split_once("\n\n").unwrap();
    let names = commands
        .lines()
        .filter_map(|line| line.split_whitespace().next());
    names.map(str::to_owned).collect()
}

#[test]
fn completion_scripts_know_every_command() {
    let dir = tempfile::tempdir().unwrap();
    let commands = commands(dir.path());
    assert!(commands.contains(&"completion".into()));
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let output = s2i(dir.path(), &["completion", shell]);
        assert!(output.status.success(), "{}", stderr(&output));
        let script = stdout(&output);
        for command in &commands {
            assert!(script.contains(command), "{shell}: {command}");
        }
    }
}

#[test]
fn bash_completes_commands_and_options() {
    let dir = tempfile::tempdir().unwrap();
    let script = dir.path().join("s2i.bash");
    let output = s2i(dir.path(), &["completion", "bash"]);
    fs::write(&script, output.stdout).unwrap();
    for (words, expected) in [
        (&["s2i", "cre"][..], "create"),
        (
            &["s2i", "build", "--incremental-p"],
            "--incremental-pull-policy",
        ),
        (&["s2i", "--engine", "nat"], "native"),
    ] {
        let [.., previous, current] = words else {
            panic!("{words:?}")
        };
        let position = words.len() - 1;
        let typed = format!(
            "source {}; COMP_WORDS=({}); COMP_CWORD={position}; \
             _s2i s2i '{current}' '{previous}'; echo \"${{COMPREPLY[*]}}\"",
            script.display(),
            words.join(" "),
        );
        let output = Command::new("bash").args(["-c", &typed]).output().unwrap();
        assert_eq!(stdout(&output), format!("{expected}\n"), "{output:?}");
    }
}

#[test]
fn completion_without_a_known_shell_is_an_error_with_the_list() {
    let dir = tempfile::tempdir().unwrap();
    for args in [
        &["completion"][..],
        &["completion", "tcsh"],
        &["completion", "bash", "zsh"],
    ] {
        let output = s2i(dir.path(), args);
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        assert_eq!(stdout(&output), "");
        let message = stderr(&output);
        for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
            assert!(message.contains(shell), "{args:?}: {message}");
        }
    }
}

#[test]
fn every_command_has_a_manual_page() {
    let dir = tempfile::tempdir().unwrap();
    // The pages of an earlier version are replaced.
    for _ in 0..2 {
        let output = s2i(dir.path(), &["man", "man/man1"]);
        assert!(output.status.success(), "{}", stderr(&output));
        assert_eq!(stdout(&output), "");
    }
    let entries = fs::read_dir(dir.path().join("man/man1")).unwrap();
    let mut pages: Vec<_> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    pages.sort();
    let groups = [&["kube"][..], &["kube", "secret"], &["cluster"]];
    let below = groups.into_iter().flat_map(|group| {
        let commands = commands_in(dir.path(), &[group, &["-h"]].concat()).into_iter();
        commands.map(move |command| format!("{}-{command}", group.join("-")))
    });
    let commands = commands(dir.path()).into_iter().chain(below);
    let mut expected: Vec<_> = commands
        .filter(|command| !command.ends_with("help"))
        .map(|command| format!("s2i-{command}.1"))
        .chain(["s2i.1".into()])
        .collect();
    expected.sort();
    assert_eq!(pages, expected);
    let page = fs::read_to_string(dir.path().join("man/man1/s2i-build.1")).unwrap();
    assert!(page.contains(r"\-\-incremental"), "{page}");
}

#[test]
fn manual_pages_below_a_file_are_an_error() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("file"), "").unwrap();
    let output = s2i(dir.path(), &["man", "file/man1"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).starts_with("error: can't write `"));
}

#[test]
fn s2i_alone_prints_the_help_to_standard_output() {
    let dir = tempfile::tempdir().unwrap();
    let alone = s2i(dir.path(), &[]);
    assert_eq!(alone.status.code(), Some(0));
    assert_eq!(stderr(&alone), "");
    assert_eq!(stdout(&alone), stdout(&s2i(dir.path(), &["-h"])));
    for args in [&["--loglevel", "1"][..], &["--nope"], &["nope"]] {
        let output = s2i(dir.path(), args);
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        assert_eq!(stdout(&output), "", "{args:?}");
    }
}

#[test]
fn old_name_of_the_command_shows_a_warning() {
    let dir = tempfile::tempdir().unwrap();
    let sti = dir.path().join("sti");
    symlink(env!("CARGO_BIN_EXE_s2i"), &sti).unwrap();
    let warning = "warning: sti: this name of the command is deprecated; use `s2i`\n";
    let output = command(dir.path(), &sti, &["exit-codes"]).output().unwrap();
    assert_eq!(
        (output.status.code(), &*stderr(&output)),
        (Some(0), warning)
    );
    assert_eq!(stdout(&output), stdout(&s2i(dir.path(), &["exit-codes"])));
    let mut without_directory = command(dir.path(), &sti, &["exit-codes"]);
    let output = without_directory.arg0("sti").output().unwrap();
    assert_eq!(stderr(&output), warning);
    assert_eq!(stderr(&s2i(dir.path(), &["exit-codes"])), "");
}

#[test]
fn version_ignores_further_arguments() {
    let dir = tempfile::tempdir().unwrap();
    let output = s2i(dir.path(), &["version", "more", "words"]);
    assert!(output.status.success(), "{}", stderr(&output));
    let version = format!("s2i {}\n", env!("CARGO_PKG_VERSION"));
    assert!(stdout(&output).starts_with(&version));
}
