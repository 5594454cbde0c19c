//! `program &`, with a number that `$!`, `kill` and `wait` know.
//!
//! brush runs everything in the background as a task of its own, which has no number. For a plain
//! command that is a program, this starts it and keeps it; the rest is left to brush.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use brush_core::{
    CommandArg, ExecutionResult, ExecutionSpawnResult, ShellVariable,
    commands::{ShellForCommand, SimpleCommand},
    parser::ast::Word,
    results::ExecutionWaitResult,
};
use tokio::task::JoinHandle;

use super::builtins::{Context, Done};

/// The name of the builtin that stands before such a command.
pub(super) const NAME: &str = "s2i-background";

/// The variable that stands for `$!`.
const VARIABLE: &str = "S2I_BACKGROUND";

/// What runs in the background, by number, and what becomes of it. Functions and builtins have numbers
/// below 0, which nobody gets to see.
static RUNNING: Mutex<BTreeMap<i32, JoinHandle<u8>>> = Mutex::new(BTreeMap::new());

/// The builtin.
pub(super) fn execute(context: Context<'_>, mut args: Vec<CommandArg>) -> Done<'_> {
    Box::pin(async move {
        args.remove(0);
        let name = args.first().map(ToString::to_string).unwrap_or_default();
        let mut child = context.shell.clone();
        let is_program =
            child.funcs().get(&name).is_none() && !child.builtins().contains_key(&name);
        let params = context.params;
        let mut number = None;
        let task = if is_program {
            let shell = ShellForCommand::ParentShell(&mut child);
            let spawned = SimpleCommand::new(shell, params, name, args)
                .execute()
                .await?;
            if let ExecutionSpawnResult::StartedProcess(process) = &spawned {
                number = process.pid();
            }
            tokio::spawn(status(spawned))
        } else {
            tokio::spawn(async move {
                let shell = ShellForCommand::ParentShell(&mut child);
                let command = SimpleCommand::new(shell, params, name, args);
                match command.execute().await {
                    Ok(spawned) => status(spawned).await,
                    Err(_) => 1,
                }
            })
        };
        let mut running = RUNNING.lock().unwrap_or_else(PoisonError::into_inner);
        let hidden = running.first_key_value().map_or(0, |(&first, _)| first);
        running.insert(number.unwrap_or(hidden.min(0) - 1), task);
        drop(running);
        let shown = number.map(|number| number.to_string()).unwrap_or_default();
        context
            .shell
            .set_env_global(VARIABLE, ShellVariable::new(shown))?;
        Ok(ExecutionResult::success())
    })
}

async fn status(spawned: ExecutionSpawnResult) -> u8 {
    match spawned.wait().await {
        Ok(ExecutionWaitResult::Completed(result)) => result.exit_code.into(),
        Ok(ExecutionWaitResult::Stopped(_)) => ExecutionResult::stopped().exit_code.into(),
        Err(_) => 1,
    }
}

/// Whether something runs that needs the shell's process.
pub(super) fn is_any() -> bool {
    !RUNNING
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .is_empty()
}

/// Takes what has this number, to wait for it.
pub(super) fn take(number: i32) -> Option<JoinHandle<u8>> {
    RUNNING
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .remove(&number)
}

/// Takes all, to wait for them.
pub(super) fn take_all() -> Vec<JoinHandle<u8>> {
    let running = std::mem::take(&mut *RUNNING.lock().unwrap_or_else(PoisonError::into_inner));
    running.into_values().collect()
}

/// Puts the variable where a word has `$!`.
pub(super) fn name_number(word: &mut Word) {
    if !word.value.contains("$!") {
        return;
    }
    let mut named = String::new();
    let (mut is_single, mut is_double) = (false, false);
    let mut letters = word.value.chars().peekable();
    while let Some(letter) = letters.next() {
        named.push(letter);
        match letter {
            '\'' if !is_double => is_single = !is_single,
            '"' if !is_single => is_double = !is_double,
            '\\' if !is_single => named.extend(letters.next()),
            '$' if !is_single && letters.peek() == Some(&'!') => {
                letters.next();
                named.extend(["{", VARIABLE, "-}"]);
            }
            _ => {}
        }
    }
    word.value = named;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_are_respected() {
        for (word, expected) in [
            ("$!", "${S2I_BACKGROUND-}"),
            ("a\"$!\"b", "a\"${S2I_BACKGROUND-}\"b"),
            ("\"'$!'\"", "\"'${S2I_BACKGROUND-}'\""),
            ("'$!'", "'$!'"),
            ("\\$!", "\\$!"),
            ("a!", "a!"),
        ] {
            let mut changed = Word::new(word);
            name_number(&mut changed);
            assert_eq!(changed.value, expected, "{word}");
        }
    }
}
