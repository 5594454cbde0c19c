//! What only a program can test that starts itself again: containers.

#[cfg(test)]
mod ends;
#[cfg(test)]
mod escapes;
#[cfg(test)]
mod failures;
#[cfg(test)]
mod layers;
#[cfg(test)]
mod limits;
#[cfg(test)]
mod machine;
#[cfg(test)]
mod rights;
#[cfg(test)]
mod scene;
#[cfg(test)]
mod sockets;
#[cfg(test)]
mod users;

use std::process::ExitCode;

use libtest_mimic::{Arguments, Trial};

/// A test that has run when it comes back.
type Test = (&'static str, fn());

fn main() -> ExitCode {
    if let Some(code) = s2i_native::reexec() {
        return code;
    }
    if let Some(code) = scene::helper() {
        return code;
    }
    let modules = [
        ("ends", ends::TESTS),
        ("escapes", escapes::TESTS),
        ("failures", failures::TESTS),
        ("layers", layers::TESTS),
        ("limits", limits::TESTS),
        ("machine", machine::TESTS),
        ("rights", rights::TESTS),
        ("sockets", sockets::TESTS),
        ("users", users::TESTS),
    ];
    let tests = modules.into_iter().flat_map(|(module, tests)| {
        let trial = move |(name, test): &Test| {
            let test = *test;
            Trial::test(format!("{module}::{name}"), move || {
                test();
                Ok(())
            })
        };
        tests.iter().map(trial)
    });
    let conclusion = libtest_mimic::run(&Arguments::from_args(), tests.collect());
    users::remove();
    scene::remove();
    conclusion.exit_code()
}

/// The tests of a module by their names.
#[macro_export]
macro_rules! tests {
    ($($name:ident),* $(,)?) => {
        pub(crate) const TESTS: &[$crate::Test] = &[$((stringify!($name), $name)),*];
    };
}
