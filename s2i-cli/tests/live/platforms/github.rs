//! Actions and workflows of GitHub.

use saphyr::Yaml;

use super::{
    Job, Values, interpolate, repository_file,
    yaml::{document, entries, get, items, text},
};

/// The steps of a workflow's only job.
pub(crate) struct Workflow {
    steps: Vec<Step>,
}

/// One step, whose expressions are evaluated when it starts.
struct Step {
    id: Option<String>,
    does: Does,
}

enum Does {
    /// The action of this repository, with these inputs.
    Action(Values),
    /// A script with these variables.
    Run { script: String, env: Values },
}

/// Evaluates the expressions of a text: names in contexts, and nothing else.
fn evaluate(text: &str, contexts: &Values) -> String {
    interpolate(text, "${{", "}}", contexts)
}

/// Returns the step of `action.yml` that runs a script, with these inputs.
pub(crate) fn action(with: &Values, contexts: &Values) -> Job {
    let source = repository_file("action.yml");
    let action = document(&source);
    let mut contexts = contexts.clone();
    let known: Vec<_> = entries(&action, "inputs");
    for name in with.keys() {
        assert!(
            known.iter().any(|(input, _)| input == name),
            "no input `{name}`"
        );
    }
    for (name, input) in known {
        let default = input.as_mapping_get("default").map(text);
        let value = with.get(&name).cloned();
        let value = value.or(default).map(|value| evaluate(&value, &contexts));
        let value = value.unwrap_or_else(|| panic!("the input `{name}` is required"));
        contexts.insert(format!("inputs.{name}"), value);
    }
    let runs = get(&action, "runs");
    assert_eq!(text(get(runs, "using")), "composite");
    let steps = items(runs, "steps");
    let mut scripts = steps
        .into_iter()
        .filter(|step| step.as_mapping_get("run").is_some());
    let step = scripts.next().expect("a step with a script");
    assert!(scripts.next().is_none());
    assert_eq!(text(get(step, "shell")), "sh");
    script(step, &contexts)
}

/// Returns a step with a script, in which no value is put.
fn script(step: &Yaml<'_>, contexts: &Values) -> Job {
    let script = text(get(step, "run"));
    assert!(
        !script.contains("${{"),
        "a value becomes a part of a script"
    );
    let env = entries(step, "env").into_iter();
    let env = env.map(|(name, value)| (name, evaluate(&text(value), contexts)));
    Job {
        script,
        variables: env.collect(),
        ..Job::default()
    }
}

impl Workflow {
    /// Reads a workflow with one job.
    pub(crate) fn parse(source: &str) -> Self {
        let workflow = document(source);
        let mut jobs = entries(&workflow, "jobs");
        let (_, job) = jobs.pop().expect("a job");
        assert!(jobs.is_empty());
        let steps = items(job, "steps").into_iter().filter_map(|step| {
            let uses = step.as_mapping_get("uses").map(text);
            let pairs = |key| {
                let entries = entries(step, key).into_iter();
                entries.map(|(name, value)| (name, text(value))).collect()
            };
            let does = match uses {
                Some(uses) if uses.starts_with("actions/") => return None,
                Some(uses) => {
                    assert!(uses.starts_with("tools/s2i@"), "{uses}");
                    Does::Action(pairs("with"))
                }
                None => Does::Run {
                    script: text(get(step, "run")),
                    env: pairs("env"),
                },
            };
            let id = step.as_mapping_get("id").map(text);
            Some(Step { id, does })
        });
        Self {
            steps: steps.collect(),
        }
    }

    /// Runs the steps: `run` executes one and returns its outputs.
    pub(crate) fn run(&self, contexts: &Values, mut run: impl FnMut(&Job) -> Values) {
        let mut contexts = contexts.clone();
        for step in &self.steps {
            let evaluated = |values: &Values| -> Values {
                let values = values.iter();
                let values = values.map(|(name, value)| (name.clone(), evaluate(value, &contexts)));
                values.collect()
            };
            let job = match &step.does {
                Does::Action(with) => action(&evaluated(with), &contexts),
                Does::Run { script, env } => {
                    assert!(
                        !script.contains("${{"),
                        "a value becomes a part of a script"
                    );
                    Job {
                        script: script.clone(),
                        variables: evaluated(env),
                        ..Job::default()
                    }
                }
            };
            let outputs = run(&job);
            if let Some(id) = &step.id {
                let outputs = outputs.into_iter();
                contexts.extend(
                    outputs.map(|(name, value)| (format!("steps.{id}.outputs.{name}"), value)),
                );
            }
        }
    }
}
