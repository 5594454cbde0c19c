//! The commands that are part of the shell.

use std::collections::HashMap;

use brush_builtins::BuiltinSet;
use brush_core::{
    CommandArg, Error, ExecutionContext, ExecutionResult,
    builtins::{BoxFuture, CommandExecuteFunc, Registration},
};

use super::{Extensions, background, jobs, kept, last, rewrite, signals, special};

/// What a builtin is called with.
pub(super) type Context<'a> = ExecutionContext<'a, Extensions>;

/// What a builtin gives back.
pub(super) type Done<'a> = BoxFuture<'a, Result<ExecutionResult, Error>>;

/// What stands before the names of brush's own builtins that ours make use of.
const THEIRS: &str = "s2i-their-";

/// All of brush's, with ours in the place of those that do less, or something else, than scripts need.
pub(super) fn all() -> HashMap<String, Registration<Extensions>> {
    let mut all = brush_builtins::default_builtins(BuiltinSet::BashMode);
    for (name, execute_func, special_builtin) in OURS {
        let ours = Registration {
            execute_func,
            content_func: |name, _, _| Ok(format!("{name}\n")),
            disabled: false,
            special_builtin,
            declaration_builtin: false,
        };
        if let Some(theirs) = all.insert(name.into(), ours) {
            all.insert(format!("{THEIRS}{name}"), theirs);
        }
    }
    all
}

/// Names, functions, and whether errors in them end a script.
const OURS: [(&str, CommandExecuteFunc<Extensions>, bool); 16] = [
    (background::NAME, background::execute, false),
    (rewrite::FORGIVE, rewrite::forgive, false),
    (kept::RUN, kept::run, false),
    (kept::STAGE, kept::stage, false),
    (last::NAME, last::execute, false),
    (signals::NAME, signals::execute, false),
    (".", special::source, true),
    ("echo", special::print, false),
    ("eval", special::eval, true),
    ("exec", special::exec, true),
    ("kill", jobs::kill, false),
    ("printf", special::print, false),
    ("set", special::set, true),
    ("source", special::source, true),
    ("trap", signals::trap, true),
    ("wait", jobs::wait, false),
];

/// Calls brush's own builtin of this name.
pub(super) async fn theirs(
    name: &str,
    context: Context<'_>,
    args: Vec<CommandArg>,
) -> Result<ExecutionResult, Error> {
    let theirs = context.shell.builtins().get(&format!("{THEIRS}{name}"));
    match theirs.cloned() {
        Some(theirs) => (theirs.execute_func)(context, args).await,
        None => Ok(ExecutionResult::general_error()),
    }
}
