//! The task of Tekton, pipelines of Jenkins and of Woodpecker.

use super::{
    Job, Values, expand, interpolate, repository_file,
    yaml::{document, entries, get, items, text},
};

/// Returns the step of the Tekton task, with these parameters, of which `ENV_VARS` has several lines, and with the paths
/// of its workspaces and results.
pub(crate) fn task(parameters: &Values, paths: &Values) -> Job {
    let source = repository_file("tekton/s2i.yaml");
    let task = document(&source);
    let spec = get(&task, "spec");
    let mut values = Values::new();
    let mut lists = Values::new();
    let known = items(spec, "params");
    for parameter in &known {
        let name = text(get(parameter, "name"));
        let is_list = parameter
            .as_mapping_get("type")
            .is_some_and(|kind| text(kind) == "array");
        let default = parameter.as_mapping_get("default");
        let default = default.map(|default| {
            if is_list {
                String::new()
            } else {
                text(default)
            }
        });
        let value = parameters.get(&name).cloned().or(default);
        let value = value.unwrap_or_else(|| panic!("the parameter `{name}` is required"));
        if is_list {
            lists.insert(format!("params.{name}[*]"), value);
        } else {
            values.insert(format!("params.{name}"), value);
        }
    }
    for name in parameters.keys() {
        let is_known = known.iter().any(|known| text(get(known, "name")) == *name);
        assert!(is_known, "no parameter `{name}`");
    }
    for (kind, key) in [("workspaces", "workspaces"), ("results", "results")] {
        for entry in items(spec, key) {
            let path = format!("{kind}.{}.path", text(get(entry, "name")));
            let value = paths.get(&path).cloned().unwrap_or_default();
            values.insert(path, value);
        }
    }
    let substitute = |text: &str| interpolate(text, "$(", ")", &values);
    let steps = items(spec, "steps");
    let [step] = steps[..] else {
        panic!("the task has one step");
    };
    let script = text(get(step, "script"));
    for start in ["$(params.", "$(workspaces.", "$(results."] {
        assert!(
            !script.contains(start),
            "a value becomes a part of a script"
        );
    }
    let env = items(step, "env").into_iter().map(|variable| {
        let value = substitute(&text(get(variable, "value")));
        (text(get(variable, "name")), value)
    });
    let arguments = items(step, "args").into_iter().flat_map(|argument| {
        let argument = text(argument);
        let name = argument
            .strip_prefix("$(")
            .and_then(|name| name.strip_suffix(')'));
        let list = &lists[name.expect("a list")];
        list.lines().map(str::to_owned).collect::<Vec<_>>()
    });
    Job {
        image: Some(substitute(&text(get(step, "image")))),
        variables: env.collect(),
        arguments: arguments.collect(),
        script,
    }
}

/// Returns the parameters of the only task of a run.
pub(crate) fn tekton_run(source: &str) -> Values {
    let run = document(source);
    let tasks = items(get(get(&run, "spec"), "pipelineSpec"), "tasks");
    let [task] = tasks[..] else {
        panic!("a run with one task");
    };
    let parameters = items(task, "params").into_iter().map(|parameter| {
        let value = get(parameter, "value");
        let list = value.as_sequence().map(|list| {
            let lines: Vec<_> = list.iter().map(text).collect();
            lines.join("\n")
        });
        let value = list.unwrap_or_else(|| text(value));
        (text(get(parameter, "name")), value)
    });
    parameters.collect()
}

/// Returns the only step of a pipeline of Woodpecker.
pub(crate) fn woodpecker(source: &str, secrets: &Values) -> Job {
    let pipeline = document(source);
    let steps = items(&pipeline, "steps");
    let [step] = steps[..] else {
        panic!("a pipeline with one step");
    };
    let variables = entries(step, "environment")
        .into_iter()
        .map(|(name, value)| {
            let value = match value.as_mapping_get("from_secret") {
                Some(secret) => secrets[&text(secret)].clone(),
                None => text(value),
            };
            (name, value)
        });
    let commands: Vec<_> = items(step, "commands").into_iter().map(text).collect();
    let script = commands.join("\n");
    assert!(!script.contains("${"), "a value becomes a part of a script");
    Job {
        image: Some(text(get(step, "image"))),
        variables: variables.collect(),
        script,
        ..Job::default()
    }
}

/// Returns the only script of a declarative pipeline of Jenkins. `platform` has its variables, and those of the
/// credentials that it names.
pub(crate) fn jenkins(source: &str, platform: &Values) -> Job {
    let mut job = Job::default();
    let mut script: Option<Vec<&str>> = None;
    for line in source.lines().map(str::trim) {
        match &mut script {
            Some(lines) if line == "'''" => {
                job.script = lines.join("\n");
                script = None;
            }
            Some(lines) => lines.push(line),
            None if line == "sh '''" => script = Some(Vec::new()),
            None => {
                if let Some((_, rest)) = line.split_once("image '") {
                    job.image = rest.split_once('\'').map(|(image, _)| image.into());
                } else if let Some((name, value)) = line.split_once(" = ") {
                    setting(&mut job.variables, name, value, platform);
                }
            }
        }
    }
    assert!(!job.script.is_empty());
    job
}

/// Sets the variables of one line in `environment`.
fn setting(variables: &mut Values, name: &str, value: &str, platform: &Values) {
    if value.starts_with("credentials(") {
        for part in ["USR", "PSW"] {
            let name = format!("{name}_{part}");
            let value = platform[&name].clone();
            variables.insert(name, value);
        }
    } else if let Some(text) = value.strip_prefix('"') {
        let text = text.strip_suffix('"').expect("the end of a text");
        variables.insert(name.into(), expand(text, platform));
    } else {
        variables.insert(name.into(), value.trim_matches('\'').into());
    }
}
