//! The policy of failures: some end the Job at once, the others are tried again.

use k8s_openapi::api::batch::v1::{
    PodFailurePolicy, PodFailurePolicyOnExitCodesRequirement,
    PodFailurePolicyOnPodConditionsPattern, PodFailurePolicyRule,
};

use super::Step;

/// The exit code of a step whose script failed: `s2i exit-codes` lists it.
pub const SCRIPT_FAILED: i32 = 4;

/// The exit codes of `prepare` and `push` that another try can't change: a wrong command line, no such source or
/// script, a user that is not allowed, a request that can't succeed, a refused login. In ascending order, as the API
/// wants them.
pub const UNUSABLE_INPUT: [i32; 8] = [2, 11, 14, 15, 16, 17, 18, 25];

/// Returns the policy of a Job with these steps.
///
/// The first rule that matches decides: a pod that its node lost or that was evicted must not count as a failure of
/// the build, even if its script ended with a code because of that.
pub(crate) fn policy(steps: &[Step]) -> PodFailurePolicy {
    let disruption = PodFailurePolicyRule {
        action: "Ignore".to_owned(),
        on_pod_conditions: Some(vec![PodFailurePolicyOnPodConditionsPattern {
            status: "True".to_owned(),
            type_: "DisruptionTarget".to_owned(),
        }]),
        ..PodFailurePolicyRule::default()
    };
    let fatal = steps.iter().map(|step| fail_on(*step, fatal_codes(*step)));
    PodFailurePolicy {
        rules: std::iter::once(disruption).chain(fatal).collect(),
    }
}

/// Returns the exit codes with which the step ends the build.
pub(crate) fn fatal_codes(step: Step) -> &'static [i32] {
    match step {
        Step::Assemble | Step::AssembleRuntime => &[SCRIPT_FAILED],
        Step::Prepare | Step::Push => &UNUSABLE_INPUT,
    }
}

fn fail_on(step: Step, codes: &[i32]) -> PodFailurePolicyRule {
    PodFailurePolicyRule {
        action: "FailJob".to_owned(),
        on_exit_codes: Some(PodFailurePolicyOnExitCodesRequirement {
            container_name: Some(step.container().to_owned()),
            operator: "In".to_owned(),
            values: codes.to_vec(),
        }),
        ..PodFailurePolicyRule::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn disruptions_come_before_failures() {
        let rules = policy(&Step::ALL).rules;
        assert_eq!(rules[0].action, "Ignore");
        assert!(rules[1..].iter().all(|rule| rule.action == "FailJob"));
    }

    #[test]
    fn codes_are_in_the_order_that_the_api_wants() {
        assert!(
            Step::ALL
                .iter()
                .all(|step| fatal_codes(*step).is_sorted_by(|a, b| a < b))
        );
    }
}
