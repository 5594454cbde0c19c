//! The answers to Git's questions for a login, from the files of a Secret.
//!
//! Git starts the program in `GIT_ASKPASS` with the question as its only argument. In a pod that is s2i itself, and a
//! variable names the directory with the files `username` and `password`. So the login is in no file that other
//! containers of the pod see, in no URL and in no argument.

use std::{env, path::Path, process::ExitCode};

use s2i_core::{Printable, bounds};

use crate::{exit, render};

/// The variable with the directory.
const DIRECTORY: &str = "S2I_ASKPASS_DIR";

/// The beginnings of the questions, with the files that have the answers.
const QUESTIONS: [(&str, &str); 2] = [("Username for ", "username"), ("Password for ", "password")];

/// Prints the answer if Git has started this process, and returns its exit code.
pub(crate) fn answer() -> Option<ExitCode> {
    let dir = env::var_os(DIRECTORY)?;
    let mut args = env::args().skip(1);
    let question = args.next()?;
    let (_, file) = QUESTIONS
        .iter()
        .find(|(beginning, _)| question.starts_with(beginning))?;
    if args.next().is_some() {
        return None;
    }
    let answer = bounds::read_text_file(&Path::new(&dir).join(file), bounds::FILE);
    Some(match answer {
        Ok(answer) => {
            let answer = answer.trim_end_matches(['\r', '\n']);
            render::write_stdout(&Printable::lines(&format!("{answer}\n")));
            ExitCode::SUCCESS
        }
        Err(_) => exit::LOGIN.into(),
    })
}
