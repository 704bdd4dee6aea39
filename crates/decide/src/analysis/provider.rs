//! Who can measure: the providers that are built in.

use serinus_wire::analysis::MetricProvider;

/// Whether a metric's provider is built in. One that names none, or several, is somebody else's finding.
///
/// # Errors
/// It is not; the text names it.
pub fn built_in(provider: &MetricProvider) -> Result<(), String> {
    if provider.web.is_some() || provider.prometheus.is_some() || provider.job.is_some() {
        return Ok(());
    }
    if let Some(name) = provider.plugin.keys().next() {
        return Err(format!("the plugin {name:?} is not built in"));
    }
    match provider.names().first() {
        Some(name) => Err(format!("the metric provider {name} is not supported by this version of Serinus")),
        None => Ok(()),
    }
}
