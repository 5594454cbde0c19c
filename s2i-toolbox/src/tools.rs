//! Which names the program answers to, and what does the work behind each.

use std::{ffi::OsString, vec};

use uucore::{locale, panic};

/// The name of a tool, its arguments, and the status that it ends with.
type Tool = fn(vec::IntoIter<OsString>) -> i32;

/// The tools that come from uutils, by name.
const TOOLS: &[(&str, Tool)] = &[
    ("[", |args| uu_test::uumain(args)),
    ("basename", |args| uu_basename::uumain(args)),
    ("cat", |args| uu_cat::uumain(args)),
    ("chgrp", |args| uu_chgrp::uumain(args)),
    ("chmod", |args| uu_chmod::uumain(args)),
    ("chown", |args| uu_chown::uumain(args)),
    ("cp", |args| uu_cp::uumain(args)),
    ("cut", |args| uu_cut::uumain(args)),
    ("date", |args| uu_date::uumain(args)),
    ("dirname", |args| uu_dirname::uumain(args)),
    ("echo", |args| uu_echo::uumain(args)),
    ("env", |args| uu_env::uumain(args)),
    ("expr", |args| uu_expr::uumain(args)),
    ("false", |args| uu_false::uumain(args)),
    ("head", |args| uu_head::uumain(args)),
    ("id", |args| uu_id::uumain(args)),
    ("ln", |args| uu_ln::uumain(args)),
    ("ls", |args| uu_ls::uumain(args)),
    ("mkdir", |args| uu_mkdir::uumain(args)),
    ("mktemp", |args| uu_mktemp::uumain(args)),
    ("mv", |args| uu_mv::uumain(args)),
    ("nproc", |args| uu_nproc::uumain(args)),
    ("printf", |args| uu_printf::uumain(args)),
    ("pwd", |args| uu_pwd::uumain(args)),
    ("readlink", |args| uu_readlink::uumain(args)),
    ("realpath", |args| uu_realpath::uumain(args)),
    ("rm", |args| uu_rm::uumain(args)),
    ("rmdir", |args| uu_rmdir::uumain(args)),
    ("seq", |args| uu_seq::uumain(args)),
    ("sleep", |args| uu_sleep::uumain(args)),
    ("sort", |args| uu_sort::uumain(args)),
    ("stat", |args| uu_stat::uumain(args)),
    ("tail", |args| uu_tail::uumain(args)),
    ("tee", |args| uu_tee::uumain(args)),
    ("test", |args| uu_test::uumain(args)),
    ("touch", |args| uu_touch::uumain(args)),
    ("tr", |args| uu_tr::uumain(args)),
    ("true", |args| uu_true::uumain(args)),
    ("uname", |args| uu_uname::uumain(args)),
    ("uniq", |args| uu_uniq::uumain(args)),
    ("wc", |args| uu_wc::uumain(args)),
    ("whoami", |args| uu_whoami::uumain(args)),
];

/// All names, one a line: what images have links for.
pub(crate) const LINKS: &str = include_str!("../links.txt");

/// The tool of this name.
pub(crate) fn find(name: &str) -> Option<Tool> {
    TOOLS
        .iter()
        .find_map(|&(known, tool)| (known == name).then_some(tool))
}

/// Runs a tool; the first of `args` is its name.
pub(crate) fn run(name: &str, tool: Tool, args: Vec<OsString>) -> i32 {
    panic::preserve_inherited_sigpipe();
    panic::mute_sigpipe_panic();
    // Messages are in the program; without them a tool still works and tells their keys.
    let _ = locale::setup_localization(if name == "[" { "test" } else { name });
    tool(args.into_iter())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn there_is_a_link_for_every_name() {
        let links: BTreeSet<_> = LINKS.lines().collect();
        let tools = TOOLS.iter().map(|&(name, _)| name);
        let names: BTreeSet<_> = tools.chain(["sh", "bash", "tar", "which"]).collect();
        assert_eq!(links, names);
        assert!(LINKS.lines().is_sorted());
    }
}
