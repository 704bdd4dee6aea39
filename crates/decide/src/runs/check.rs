//! Whether the templates that a Rollout names can make its runs (spec 1.7, 9), in the words of Argo Rollouts.

use super::args::{Hashes, resolve};
use crate::analysis::{built_in, metric_count};
use crate::seen::Seen;
use crate::templates::{Caller, Library, Trouble, kind, merge, run_spec};
use serde_json::json;
use serinus_wire::Rollout;
use serinus_wire::analysis::Argument;
use serinus_wire::rollout::{AnalysisTemplateRef, Finding, RolloutAnalysis};

/// The first thing that is wrong with the analyses of a Rollout.
pub fn check(seen: &Seen, rollout: &Rollout) -> Option<Finding> {
    let library = Library { namespaced: &seen.templates, cluster: &seen.cluster_templates };
    let checker = Checker { rollout, library };
    let strategy = &rollout.spec.strategy;
    let mut findings = Vec::new();
    if let Some(blue_green) = &strategy.blue_green {
        let at = |field: &str| format!("spec.strategy.blueGreen.{field}.templates");
        findings.extend(
            blue_green.pre_promotion_analysis.iter().map(|run| checker.inline(&at("prePromotionAnalysis"), run)),
        );
        findings.extend(
            blue_green.post_promotion_analysis.iter().map(|run| checker.inline(&at("postPromotionAnalysis"), run)),
        );
    }
    if let Some(canary) = &strategy.canary {
        for (index, step) in canary.steps.iter().flatten().enumerate() {
            let at = format!("spec.strategy.canary.steps[{index}].analysis.templates");
            findings.extend(step.analysis.iter().map(|run| checker.inline(&at, run)));
        }
        findings.extend(canary.analysis.iter().map(|background| {
            checker.analysis("spec.strategy.canary.analysis.templates", &as_analysis(background), false)
        }));
    }
    findings.into_iter().flatten().next()
}

/// Background analysis without the step it begins with.
pub fn as_analysis(background: &serinus_wire::rollout::BackgroundAnalysis) -> RolloutAnalysis {
    RolloutAnalysis {
        templates: background.templates.clone(),
        args: background.args.clone(),
        dry_run: background.dry_run.clone(),
        measurement_retention: background.measurement_retention.clone(),
        analysis_run_metadata: background.analysis_run_metadata.clone(),
    }
}

struct Checker<'a> {
    rollout: &'a Rollout,
    library: Library<'a>,
}

impl Checker<'_> {
    fn inline(&self, path: &str, analysis: &RolloutAnalysis) -> Option<Finding> {
        self.analysis(path, analysis, true)
    }

    fn analysis(&self, path: &str, analysis: &RolloutAnalysis, must_end: bool) -> Option<Finding> {
        let names: Vec<&str> = analysis.templates.iter().map(|template| template.template_name.as_str()).collect();
        let wrong = |value: String, text: String| Finding::invalid(path, &json!(value), text);
        let all = format!("templateNames: [{}]", names.join(" "));
        let found = match self.library.open(&analysis.templates) {
            Ok(found) => found,
            Err(Trouble::Missing { cluster, name }) => {
                let text = format!("{} '{name}' not found", kind(cluster));
                return Some(wrong(name, text).hint("create the template, or correct its name"));
            }
            Err(broken @ Trouble::Broken { .. }) => {
                return Some(wrong(all, broken.to_string()).hint("correct the template"));
            }
            Err(Trouble::Merge(text)) => return Some(wrong(all, text)),
        };
        let metrics = found.iter().flat_map(|template| &template.spec.metrics);
        if let Some((metric, text)) =
            metrics.filter_map(|metric| Some((metric, built_in(&metric.provider).err()?))).next()
        {
            let finding = Finding::forbidden(path, format!("metric {}: {text}", metric.name));
            return Some(finding.hint("use web, prometheus or job, or leave this Rollout with its present controller"));
        }
        if must_end && let Some(finding) = self.endless(path, &analysis.templates) {
            return Some(finding);
        }
        let made = merge(&found).and_then(|whole| {
            let caller = Caller {
                args: self.placeholders(analysis),
                dry_run: &analysis.dry_run,
                retention: &analysis.measurement_retention,
            };
            run_spec(&whole, &caller)
        });
        made.err().map(|trouble| wrong(all, trouble.to_string()))
    }

    /// The arguments as they will be; what can't be told yet has a placeholder.
    fn placeholders(&self, analysis: &RolloutAnalysis) -> Vec<Argument> {
        let hashes = Hashes { latest: "dummy".to_string(), stable: "dummy".to_string() };
        analysis
            .args
            .iter()
            .map(|given| {
                let resolved = resolve(self.rollout, std::slice::from_ref(given), &hashes).ok();
                resolved.and_then(|args| args.into_iter().next()).unwrap_or_else(|| Argument {
                    name: given.name.clone(),
                    value: Some("dummy".to_string()),
                    value_from: None,
                })
            })
            .collect()
    }

    /// A metric without an end in a run that somebody waits for.
    fn endless(&self, path: &str, templates: &[AnalysisTemplateRef]) -> Option<Finding> {
        for named in templates {
            let cluster = named.cluster_scope == Some(true);
            let found = self.library.open(std::slice::from_ref(named)).ok()?;
            let endless = found.iter().flat_map(|template| &template.spec.metrics).find(|metric| {
                let template = metric.count.as_ref().is_some_and(|count| count.to_string().contains("{{"));
                !template && metric_count(metric).is_none()
            });
            if let Some(metric) = endless {
                let count = metric.count.as_ref().map_or("<nil>".to_string(), ToString::to_string);
                let text = format!(
                    "{} {} has metric {} which runs indefinitely. Invalid value for count: {count}",
                    kind(cluster),
                    named.template_name,
                    metric.name,
                );
                return Some(Finding::invalid(path, &json!(named.template_name), text).hint("give the metric a count"));
            }
        }
        None
    }
}
