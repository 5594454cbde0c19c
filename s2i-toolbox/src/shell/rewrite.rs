//! Changes a script between parsing and running, where brush would run it in another way than other
//! shells.
//!
//! - The last command of `-c` takes the place of the shell ([`last`](super::last)).
//! - `set -e` forgives `[ a = b ] && c` where it is the end of a loop or of a condition ([`forgive`]).
//! - A program in the background has a number ([`background`](super::background)).
//! - The parts of a pipeline run beside each other ([`kept`](super::kept)).

use std::ops::Range;

use brush_core::{
    CommandArg, ExecutionResult,
    parser::ast::{
        AndOr, AndOrList, Assignment, AssignmentValue, Command, CommandPrefixOrSuffixItem,
        CommandSuffix, CompoundCommand, CompoundList, CompoundListItem, IoFileRedirectKind,
        IoFileRedirectTarget, IoRedirect, Pipeline, Program, SeparatorOperator, SimpleCommand,
        Word,
    },
};

use brush_parser::{
    Parser, ParserOptions,
    word::{self, WordPiece, WordPieceWithSource},
};

use super::{
    background,
    builtins::{Context, Done},
    kept, last,
};

/// The name of the builtin that forgives.
pub(super) const FORGIVE: &str = "s2i-forgive";

/// Changes the script; `is_command` says that it is the text of `-c`.
pub(super) fn rewrite(program: &mut Program, options: &ParserOptions, is_command: bool) {
    let rewriter = Rewriter { options };
    for list in &mut program.complete_commands {
        rewriter.lists(list);
    }
    if is_command {
        // Scripts without such a command are as good.
        let _ = mark_last(program);
    }
}

/// Puts a builtin before a command.
fn put_before(command: &mut SimpleCommand, name: &str) {
    let word = command.word_or_name.replace(Word::new(name));
    let suffix = command
        .suffix
        .get_or_insert_with(|| CommandSuffix(Vec::new()));
    let word = word.map(CommandPrefixOrSuffixItem::Word);
    suffix.0.splice(..0, word);
}

/// Whether the name of the command is what it looks like.
fn is_plain(command: &SimpleCommand) -> bool {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "/._+-".contains(letter);
    let word = command.word_or_name.as_ref();
    word.is_some_and(|word| word.value.chars().all(is_plain))
}

/// The command of a pipeline that is nothing but one plain command.
fn plain_command(pipeline: &mut Pipeline) -> Option<&mut SimpleCommand> {
    let is_alone = !pipeline.bang && pipeline.timed.is_none();
    match pipeline.seq.as_mut_slice() {
        [Command::Simple(command)] if is_alone && is_plain(command) => Some(command),
        _ => None,
    }
}

fn mark_last(program: &mut Program) -> Option<()> {
    let list = program.complete_commands.last_mut()?;
    let CompoundListItem(list, SeparatorOperator::Sequence) = list.0.last_mut()? else {
        return None;
    };
    let pipeline = match list.additional.last_mut() {
        Some(AndOr::And(pipeline) | AndOr::Or(pipeline)) => pipeline,
        None => &mut list.first,
    };
    put_before(plain_command(pipeline)?, last::NAME);
    Some(())
}

/// Goes through a script.
struct Rewriter<'o> {
    options: &'o ParserOptions,
}

impl Rewriter<'_> {
    fn lists(&self, list: &mut CompoundList) {
        for CompoundListItem(and_or, separator) in &mut list.0 {
            for pipeline in pipelines(and_or) {
                pipeline.seq.iter_mut().for_each(|part| self.command(part));
                if pipeline.seq.len() > 1 {
                    pipeline.seq.iter_mut().for_each(stage);
                }
            }
            let is_async = matches!(separator, SeparatorOperator::Async);
            if is_async
                && and_or.additional.is_empty()
                && let Some(command) = plain_command(&mut and_or.first)
            {
                read_from_nothing(command);
                put_before(command, background::NAME);
                *separator = SeparatorOperator::Sequence;
            }
        }
    }

    fn command(&self, command: &mut Command) {
        match command {
            Command::Simple(command) => self.words(command),
            Command::Compound(command, _) => self.compound(command, true),
            Command::Function(function) => self.compound(&mut function.body.0, false),
            Command::ExtendedTest(..) => {}
        }
    }

    /// The status of a function is that of its last command, and the call is a command of its own.
    fn compound(&self, compound: &mut CompoundCommand, forgives: bool) {
        let body = |list: &mut CompoundList| {
            self.lists(list);
            if forgives {
                forgive_end(list);
            }
        };
        match compound {
            CompoundCommand::BraceGroup(group) => body(&mut group.list),
            CompoundCommand::Subshell(subshell) => self.lists(&mut subshell.list),
            CompoundCommand::ForClause(clause) => {
                let values = clause.values.iter_mut().flatten();
                values.for_each(|word| self.word(word));
                body(&mut clause.body.list);
            }
            CompoundCommand::ArithmeticForClause(clause) => body(&mut clause.body.list),
            CompoundCommand::WhileClause(clause) | CompoundCommand::UntilClause(clause) => {
                self.lists(&mut clause.0);
                body(&mut clause.1.list);
            }
            CompoundCommand::IfClause(clause) => {
                self.lists(&mut clause.condition);
                body(&mut clause.then);
                for part in clause.elses.iter_mut().flatten() {
                    part.condition.iter_mut().for_each(|list| self.lists(list));
                    body(&mut part.body);
                }
            }
            CompoundCommand::CaseClause(clause) => {
                self.word(&mut clause.value);
                let arms = clause.cases.iter_mut();
                arms.filter_map(|arm| arm.cmd.as_mut()).for_each(body);
            }
            CompoundCommand::Arithmetic(_) | CompoundCommand::Coprocess(_) => {}
        }
    }

    fn words(&self, command: &mut SimpleCommand) {
        let prefix = command.prefix.iter_mut().flat_map(|prefix| &mut prefix.0);
        let suffix = command.suffix.iter_mut().flat_map(|suffix| &mut suffix.0);
        for item in prefix.chain(suffix) {
            match item {
                CommandPrefixOrSuffixItem::Word(word) => self.word(word),
                CommandPrefixOrSuffixItem::AssignmentWord(Assignment { value, .. }, word) => {
                    self.word(word);
                    if let AssignmentValue::Scalar(word) = value {
                        self.word(word);
                    }
                }
                _ => {}
            }
        }
        command
            .word_or_name
            .iter_mut()
            .for_each(|word| self.word(word));
    }

    fn word(&self, word: &mut Word) {
        background::name_number(word);
        if !word.value.contains("$(") && !word.value.contains('`') {
            return;
        }
        let Ok(pieces) = word::parse(&word.value, self.options) else {
            return;
        };
        let mut substitutions = Vec::new();
        find_substitutions(pieces, &mut substitutions);
        // From the last on, so that the places of those before it stay what they are.
        for (place, text) in substitutions.into_iter().rev() {
            let is_whole = word.value.get(place.clone()).is_some_and(|found| {
                found.starts_with("$(") && found.ends_with(')') || found.starts_with('`')
            });
            let parsed = Parser::new(text.as_bytes(), self.options).parse_program();
            if let (true, Ok(mut program)) = (is_whole, parsed) {
                rewrite(&mut program, self.options, false);
                let run = format!("$({} {})", kept::RUN, kept::keep(program));
                word.value.replace_range(place, &run);
            }
        }
    }
}

/// The commands whose output is put into the word, with their places in it, in the order of these.
fn find_substitutions(pieces: Vec<WordPieceWithSource>, found: &mut Vec<(Range<usize>, String)>) {
    for WordPieceWithSource {
        piece,
        start_index,
        end_index,
    } in pieces
    {
        match piece {
            WordPiece::DoubleQuotedSequence(pieces) => find_substitutions(pieces, found),
            WordPiece::CommandSubstitution(text)
            | WordPiece::BackquotedCommandSubstitution(text) => {
                found.push((start_index..end_index, text));
            }
            _ => {}
        }
    }
}

fn pipelines(list: &mut AndOrList) -> impl Iterator<Item = &mut Pipeline> {
    let more = list.additional.iter_mut().map(|more| match more {
        AndOr::And(pipeline) | AndOr::Or(pipeline) => pipeline,
    });
    std::iter::once(&mut list.first).chain(more)
}

/// Makes a part of a pipeline a builtin that runs it.
fn stage(part: &mut Command) {
    if let Command::Simple(command) = part {
        if command.word_or_name.is_some() {
            put_before(command, kept::STAGE);
        }
        return;
    }
    let mut command = simple(kept::RUN);
    let placeholder = Command::Simple(simple(kept::RUN));
    let number = kept::keep(program_of(std::mem::replace(part, placeholder)));
    let number = CommandPrefixOrSuffixItem::Word(Word::new(&number));
    command.suffix = Some(CommandSuffix(vec![number]));
    put_before(&mut command, kept::STAGE);
    *part = Command::Simple(command);
}

fn simple(name: &str) -> SimpleCommand {
    SimpleCommand {
        prefix: None,
        word_or_name: Some(Word::new(name)),
        suffix: None,
    }
}

fn list_of(command: Command) -> AndOrList {
    let first = Pipeline {
        timed: None,
        bang: false,
        seq: vec![command],
    };
    AndOrList {
        first,
        additional: Vec::new(),
    }
}

fn program_of(command: Command) -> Program {
    let item = CompoundListItem(list_of(command), SeparatorOperator::Sequence);
    Program {
        complete_commands: vec![CompoundList(vec![item])],
    }
}

/// Adds the builtin to a list that ends with `&&` or `||`.
fn forgive_end(list: &mut CompoundList) {
    let Some(CompoundListItem(end, SeparatorOperator::Sequence)) = list.0.last() else {
        return;
    };
    if end.additional.is_empty() {
        return;
    }
    let forgive = list_of(Command::Simple(simple(FORGIVE)));
    let forgive = CompoundListItem(forgive, SeparatorOperator::Sequence);
    list.0.push(forgive);
}

/// The builtin that forgives. Under `set -e` a command that counts has ended the shell already, so what
/// failed before this one was the left side of `&&`. brush would look at the status once more.
pub(super) fn forgive(context: Context<'_>, _: Vec<CommandArg>) -> Done<'_> {
    Box::pin(async move {
        let shell = context.shell;
        let is_looked_at =
            shell.options().exit_on_nonzero_command_exit && !context.params.suppress_errexit;
        let status = if is_looked_at {
            0
        } else {
            shell.last_exit_status()
        };
        Ok(ExecutionResult::new(status))
    })
}

/// Programs in the background don't read what is typed, unless they are told to.
fn read_from_nothing(command: &mut SimpleCommand) {
    let target = IoFileRedirectTarget::Filename(Word::new("/dev/null"));
    let redirect = IoRedirect::File(None, IoFileRedirectKind::Read, target);
    let suffix = command
        .suffix
        .get_or_insert_with(|| CommandSuffix(Vec::new()));
    suffix
        .0
        .insert(0, CommandPrefixOrSuffixItem::IoRedirect(redirect));
}
