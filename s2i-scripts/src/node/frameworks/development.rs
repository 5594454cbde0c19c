//! Scripts that serve while an application is developed; none is meant for production.

use super::super::Manifest;
use crate::launch::words;

/// The number of scripts that may call one another.
const MAX_DEPTH: usize = 4;

/// Programs that serve while an application is developed. Those with words do so only if one of them follows; an empty
/// one stands for none at all.
const DEVELOPMENT: &[(&str, &[&str])] = &[
    ("astro", &[]),
    ("craco", &[]),
    ("docusaurus", &[]),
    ("eleventy", &[]),
    ("gatsby", &[]),
    ("nest", &[]),
    ("next", &["dev", ""]),
    ("ng", &[]),
    ("nuxi", &[]),
    ("nuxt", &[]),
    ("parcel", &[]),
    ("react-router", &["dev"]),
    ("react-scripts", &[]),
    ("remix", &["dev"]),
    ("rsbuild", &[]),
    ("rspack", &[]),
    ("svelte-kit", &[]),
    ("vinxi", &["dev"]),
    ("vite", &[]),
    ("vitepress", &[]),
    ("vue-cli-service", &[]),
    ("vuepress", &[]),
    ("webpack", &[]),
    ("webpack-dev-server", &[]),
];

/// Returns whether a script of a package, or the one that it runs last, is for development.
pub(in super::super) fn is_for_development(manifest: &Manifest, script: &str) -> bool {
    let mut script = script;
    for _ in 0..MAX_DEPTH {
        let Some(line) = manifest.scripts.get(script) else {
            return false;
        };
        let commands = words::parse(line, &|_| None).unwrap_or_default();
        let Some(last) = commands.last() else {
            return false;
        };
        let words: Vec<_> = last.words.iter().map(String::as_str).collect();
        let words = match &words[..] {
            ["npx" | "bunx", rest @ ..] if !rest.is_empty() => rest,
            words => words,
        };
        let next = match words {
            ["npm" | "pnpm" | "yarn", "run", name, ..] | ["pnpm" | "yarn", name, ..] => Some(*name),
            _ => None,
        };
        match next.and_then(|name| manifest.scripts.get_key_value(name)) {
            Some((name, _)) => script = name,
            None => return is_development(words),
        }
    }
    false
}

fn is_development(words: &[&str]) -> bool {
    let mut known = DEVELOPMENT.iter();
    let Some((_, kinds)) = known.find(|(program, _)| Some(program) == words.first()) else {
        return false;
    };
    let second = words.get(1).copied().unwrap_or_default();
    kinds.is_empty() || kinds.contains(&second)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_for_development_are_known_behind_other_scripts() {
        for (start, expected) in [
            ("ng serve --host 0.0.0.0", true),
            ("npx vite preview", true),
            ("npm run dev", true),
            ("yarn dev", true),
            ("next dev -p 3000", true),
            ("next", true),
            ("next start", false),
            ("react-router-serve ./build/server/index.js", false),
            ("node dist/main", false),
            ("npm run loop", false),
            ("npm run none", false),
            ("vite | tee log", false),
        ] {
            let scripts = format!(
                r#"{{"scripts":{{"start":"{start}","dev":"vite","loop":"npm run loop"}}}}"#
            );
            let manifest = Manifest::parse(&scripts).unwrap();
            assert_eq!(is_for_development(&manifest, "start"), expected, "{start}");
        }
    }
}
