//! Development dependencies that an application needs when it starts.

use super::super::Manifest;
use crate::launch::words;

/// The number of scripts that may call one another.
const MAX_DEPTH: usize = 4;

/// Programs with the packages that have them, where the names differ.
const PACKAGES: &[(&str, &str)] = &[
    ("babel-node", "@babel/node"),
    ("cross-env-shell", "cross-env"),
    ("dotenv", "dotenv-cli"),
    ("dotenvx", "@dotenvx/dotenvx"),
    ("react-router-serve", "@react-router/serve"),
    ("remix-serve", "@remix-run/serve"),
    ("run-p", "npm-run-all"),
    ("run-s", "npm-run-all"),
    ("ts-node-esm", "ts-node"),
];

/// Options of Node.js with a module that is loaded first.
const MODULES: [&str; 5] = [
    "-r",
    "--require",
    "--import",
    "--loader",
    "--experimental-loader",
];

/// Programs that an image replaces by Node.js where they have no options.
const REPLACED: [&str; 2] = ["nodemon", "node-dev"];

/// Returns the development dependency that a script of a package, or one that it runs, needs.
pub(super) fn development_dependency(manifest: &Manifest, script: &str) -> Option<String> {
    find(manifest, script, MAX_DEPTH)
}

/// Returns the development dependency that has a program.
pub(super) fn package_of_program(manifest: &Manifest, program: &str) -> Option<String> {
    Some(package(program)).filter(|package| is_development(manifest, package))
}

fn find(manifest: &Manifest, script: &str, depth: usize) -> Option<String> {
    let line = manifest.scripts.get(script)?;
    let commands = words::parse(line, &|_| None).unwrap_or_default();
    commands.iter().find_map(|command| {
        let words: Vec<_> = command.words.iter().map(String::as_str).collect();
        let words = match &words[..] {
            ["npx" | "bunx", rest @ ..] => rest,
            words => words,
        };
        let next = match words {
            ["npm" | "pnpm" | "yarn", "run", name, ..] | ["pnpm" | "yarn", name, ..] => Some(*name),
            _ => None,
        };
        if let Some(next) = next.filter(|next| depth > 0 && *next != "build") {
            return find(manifest, next, depth - 1);
        }
        let mut candidates = words.iter().take(1).copied().collect::<Vec<_>>();
        if let [program, rest @ ..] = words {
            let is_plain = rest.first().is_none_or(|word| !word.starts_with('-'));
            if REPLACED.contains(program) && is_plain {
                candidates.clear();
            }
        }
        candidates.extend(modules(words));
        let mut packages = candidates.into_iter().map(package);
        packages.find(|package| is_development(manifest, package))
    })
}

/// Returns the modules that options of Node.js name.
fn modules<'a>(words: &[&'a str]) -> Vec<&'a str> {
    let pairs = words.windows(2);
    let apart = pairs.filter_map(|pair| MODULES.contains(&pair[0]).then_some(pair[1]));
    let joined = words.iter().filter_map(|word| {
        let (name, value) = word.split_once('=')?;
        MODULES.contains(&name).then_some(value)
    });
    apart.chain(joined).collect()
}

/// Returns the package of a program or of a module.
fn package(name: &str) -> String {
    if let Some((_, package)) = PACKAGES.iter().find(|(program, _)| *program == name) {
        return (*package).to_owned();
    }
    let count = if name.starts_with('@') { 2 } else { 1 };
    name.split('/').take(count).collect::<Vec<_>>().join("/")
}

fn is_development(manifest: &Manifest, package: &str) -> bool {
    let has = |list: &[String]| list.iter().any(|known| known == package);
    has(&manifest.dev_dependencies) && !has(&manifest.dependencies)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tools_that_a_start_needs_are_found() {
        for (start, expected) in [
            ("tsx src/x.ts", Some("tsx")),
            ("cross-env A=b node x", Some("cross-env")),
            ("node -r ts-node/register x.ts", Some("ts-node")),
            ("node --import=tsx x.ts", Some("tsx")),
            ("babel-node x", Some("@babel/node")),
            ("npm run other", Some("tsx")),
            ("npx tsx x.ts", Some("tsx")),
            ("nodemon x.js", None),
            ("nodemon --exec tsx x.ts", Some("nodemon")),
            ("npm run build && node dist/x", None),
            ("dotenv node x", None),
            ("node x", None),
            ("express", None),
        ] {
            let text = format!(
                r#"{{"scripts":{{"start":"{start}","other":"tsx x","build":"tsx y"}},
                "devDependencies":{{"tsx":"4","cross-env":"7","ts-node":"10","@babel/node":"7","nodemon":"3","express":"5"}},
                "dependencies":{{"express":"5"}}}}"#
            );
            let manifest = Manifest::parse(&text).unwrap();
            let found = development_dependency(&manifest, "start");
            assert_eq!(found.as_deref(), expected, "{start}");
        }
    }
}
