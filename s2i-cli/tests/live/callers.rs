//! The command lines of other tools and of scripts, as they are.
