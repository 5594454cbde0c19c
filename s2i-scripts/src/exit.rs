//! The exit codes of the scripts: part of their interface, so none changes its meaning.

macro_rules! codes {
    ($($name:ident = $code:literal: $meaning:literal,)+) => {
        $(
            #[doc = $meaning]
            pub const $name: u8 = $code;
        )+

        /// Every code with its meaning, as `usage --json` prints them.
        pub const MEANINGS: &[(u8, &str)] = &[$(($name, $meaning)),+];
    };
}

codes! {
    OK = 0: "everything worked",
    FAILED = 1: "a file or directory could not be read, written or removed",
    USAGE = 2: "an argument or an environment variable has a value that cannot be used",
    UNKNOWN_SCRIPT = 3: "started by a name that is not one of the five scripts",
    NOT_RECOGNISED = 10: "there is nothing in the source that this builder can build",
    CHOICE = 11: "the source or the image leaves a choice that the user has to make",
    TOOLCHAIN = 12: "the toolchain is missing, does not work, or is not what the source asks for",
    BUILD = 13: "a command of the toolchain failed; its output has the reason",
    SAVE = 14: "the artifacts could not be saved; the standard output is not to be used",
    SECRET = 15: "a file of the image holds a secret",
    NOT_FIT = 16: "a file of the source has an unexpected digest, or is for another processor or system",
    NOT_EXECUTABLE = 126: "the application cannot be executed",
    NO_APPLICATION = 127: "there is no application in the image",
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_unique() {
        assert!(MEANINGS.is_sorted_by(|(one, _), (other, _)| one < other));
    }
}
