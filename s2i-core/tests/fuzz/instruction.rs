//! Instructions of Dockerfiles.

use s2i_core::{
    bounds,
    instruction::{Instruction, InstructionError},
};

/// The texts of an instruction have a bounded size, whatever the values of its variables are.
pub(crate) fn check(input: &[u8]) {
    let Ok(text) = str::from_utf8(input) else {
        return;
    };
    let parsed = Instruction::parse(text, &|name| {
        (name.len() % 2 == 1).then(|| name.repeat(1000))
    });
    match parsed {
        Ok(Instruction::Env(pairs) | Instruction::Label(pairs)) => {
            let bytes: usize = pairs
                .iter()
                .map(|(name, value)| name.len() + value.len())
                .sum();
            assert!(bytes <= bounds::TRIGGER);
            assert!(
                pairs
                    .iter()
                    .all(|(name, _)| !name.is_empty() && !name.contains('='))
            );
        }
        Ok(Instruction::Copy(copy)) => {
            assert!(!copy.sources.is_empty() && !copy.destination.is_empty());
        }
        Ok(Instruction::Expose(ports)) => assert!(ports.len() <= bounds::VARIABLES),
        Ok(_) => {}
        Err(err) => {
            let is_long = text.trim().len() > bounds::TRIGGER;
            assert!(!is_long || err == InstructionError::TooLong);
        }
    }
}
