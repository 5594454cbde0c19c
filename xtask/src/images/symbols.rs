//! The removal of debug information from programs.

use anyhow::{Context, Result};
use object::build::elf::Builder;

/// Returns the ELF program without symbol table and debug sections. The parts that are loaded into memory are
/// unchanged.
pub(super) fn strip(program: &[u8]) -> Result<Vec<u8>> {
    let mut builder: Builder<'_> = Builder::read(program).context("not an ELF program")?;
    for section in &mut builder.sections {
        let name = section.name.as_slice();
        let only_for_debuggers = [b".symtab".as_slice(), b".strtab", b".debug_", b".zdebug_"];
        section.delete = !section.is_alloc()
            && only_for_debuggers
                .iter()
                .any(|prefix| name.starts_with(prefix));
    }
    for symbol in &mut builder.symbols {
        symbol.delete = true;
    }
    builder.delete_orphans();
    let mut stripped = Vec::with_capacity(program.len());
    builder
        .write(&mut stripped)
        .context("can't write the program without its symbols")?;
    Ok(stripped)
}
