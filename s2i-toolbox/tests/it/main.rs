//! The real program, against the shell and the tools of a distribution.

#[cfg(test)]
mod bench;
#[cfg(test)]
mod lines;
#[cfg(test)]
mod shell;
#[cfg(test)]
mod tar;
#[cfg(test)]
mod tools;
