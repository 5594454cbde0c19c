//! Variables for `run`.

use super::{ASSEMBLE_AND_RUN, RUN, VARIABLE, Variable};

/// Names the program or process that `run` starts.
pub const APP: &str = "APP";
/// Arguments for a program.
pub const ARGS: &str = "ARGS";
/// The port that the application should listen on.
pub const PORT: &str = "PORT";
/// The value of [`PORT`] where it is not set.
pub const DEFAULT_PORT: &str = "8080";
/// The command that starts an application for Node.js.
pub const NODE_CMD: &str = "NODE_CMD";
/// The script of package.json that starts an application.
pub const NPM_RUN: &str = "NPM_RUN";
/// Lets `run` stay the first process.
pub const INIT_WRAPPER: &str = "INIT_WRAPPER";
/// Runs the application for development.
pub const DEV_MODE: &str = "DEV_MODE";
/// The address on which Node.js listens for a debugger.
pub const DEBUG_PORT: &str = "DEBUG_PORT";
/// The value of [`DEBUG_PORT`] where it is not set.
pub const DEFAULT_DEBUG_PORT: &str = "5858";
/// The mode of an application for Node.js.
pub const NODE_ENV: &str = "NODE_ENV";

pub(super) const ALL: [Variable; 10] = [
    Variable {
        name: APP,
        scripts: RUN,
        meaning: "which process of the Procfile, or which program of `bin/`, to start; `web`, or the only program, unless set",
        ..VARIABLE
    },
    Variable {
        name: PORT,
        default: DEFAULT_PORT,
        scripts: RUN,
        meaning: "the port that the application should listen on",
        ..VARIABLE
    },
    Variable {
        name: ARGS,
        scripts: RUN,
        meaning: "arguments for a program, before those of `run`; quotes hold words together",
        ..VARIABLE
    },
    Variable {
        name: NODE_ENV,
        default: "production",
        scripts: ASSEMBLE_AND_RUN,
        meaning: "what an application for Node.js runs for; `development` is the default in DEV_MODE. Anything but `production` keeps development dependencies",
        ..VARIABLE
    },
    Variable {
        name: DEV_MODE,
        default: "false",
        scripts: ASSEMBLE_AND_RUN,
        meaning: "`true` builds an application for Node.js without its build script, watches its files and restarts it when they change, with a debugger at DEBUG_PORT",
        ..VARIABLE
    },
    Variable {
        name: DEBUG_PORT,
        default: DEFAULT_DEBUG_PORT,
        scripts: RUN,
        meaning: "the port, or address and port, for a debugger; reachable from inside the container unless there is an address",
        ..VARIABLE
    },
    Variable {
        name: NODE_CMD,
        scripts: RUN,
        meaning: "the command that starts the application, such as `node server.js`, in place of every other",
        ..VARIABLE
    },
    Variable {
        name: NPM_RUN,
        default: "start",
        scripts: RUN,
        meaning: "the script of package.json that starts the application",
        ..VARIABLE
    },
    Variable {
        name: INIT_WRAPPER,
        default: "true",
        scripts: RUN,
        meaning: "`false` lets `run` become Node.js instead of starting it as a child, passing on signals and reaping what is left behind",
        ..VARIABLE
    },
    Variable {
        name: "NODE_OPTIONS",
        scripts: RUN,
        meaning: "options that Node.js itself reads",
        ..VARIABLE
    },
];
