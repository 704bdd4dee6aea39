//! Who measures: one struct for each provider, with the contract's fields.

use crate::IntOrString;
use crate::rollout::{PodTemplateMetadata, is_false};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// Who measures: exactly one of these, and each key of `plugin` counts as one.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct MetricProvider {
    /// A query to Prometheus.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prometheus: Option<Prometheus>,
    /// A canary judgement of Kayenta.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kayenta: Option<Kayenta>,
    /// A request to any HTTP server.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub web: Option<Web>,
    /// A query to Datadog.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub datadog: Option<Datadog>,
    /// A query to Wavefront.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wavefront: Option<Wavefront>,
    /// A query to New Relic.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub new_relic: Option<NewRelic>,
    /// A Job that succeeds or fails.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub job: Option<JobMetric>,
    /// A query to CloudWatch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cloud_watch: Option<CloudWatch>,
    /// A query to Graphite.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub graphite: Option<Graphite>,
    /// A query to InfluxDB.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub influxdb: Option<Influxdb>,
    /// A query to SkyWalking.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub skywalking: Option<SkyWalking>,
    /// Configuration by plugin, raw.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "crate::crd::anything")]
    pub plugin: BTreeMap<String, Value>,
}

impl MetricProvider {
    /// The providers that are set, by their key; a plugin by its name.
    pub fn names(&self) -> Vec<&str> {
        let known = [
            (self.prometheus.is_some(), "prometheus"),
            (self.kayenta.is_some(), "kayenta"),
            (self.web.is_some(), "web"),
            (self.datadog.is_some(), "datadog"),
            (self.wavefront.is_some(), "wavefront"),
            (self.new_relic.is_some(), "newRelic"),
            (self.job.is_some(), "job"),
            (self.cloud_watch.is_some(), "cloudWatch"),
            (self.graphite.is_some(), "graphite"),
            (self.influxdb.is_some(), "influxdb"),
            (self.skywalking.is_some(), "skywalking"),
        ];
        let known = known.into_iter().filter_map(|(set, name)| set.then_some(name));
        known.chain(self.plugin.keys().map(String::as_str)).collect()
    }
}

/// A query to Prometheus.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Prometheus {
    /// URL of the server; absent: the controller's default.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub address: String,
    /// PromQL.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub query: String,
    /// How the controller proves who it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub authentication: Option<Authentication>,
    /// Seconds (30).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout: Option<i64>,
    /// Take any certificate.
    #[serde(skip_serializing_if = "is_false")]
    pub insecure: bool,
    /// Headers of the request.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<Header>,
    /// Ask for a span of time instead of one moment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub range_query: Option<RangeQuery>,
}

/// A span of time.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct RangeQuery {
    /// Expression for its begin, `now() - duration("10m")` for example.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub start: String,
    /// Expression for its end.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub end: String,
    /// Go duration between two points.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub step: String,
}

/// How the controller proves who it is: at most one of these.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Authentication {
    /// A signature of AWS.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sigv4: Option<Sigv4>,
    /// Client credentials.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub oauth2: Option<OAuth2>,
    /// Name and password.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub basic_auth: Option<BasicAuth>,
}

/// A signature of AWS.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Sigv4 {
    /// Region.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub region: String,
    /// Profile.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub profile: String,
    /// Role.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub role_arn: String,
}

/// OAuth 2 client credentials.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct OAuth2 {
    /// Where the token comes from.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub token_url: String,
    /// Name of the client.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub client_id: String,
    /// Its secret; take it from a Secret through an argument.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub client_secret: String,
    /// Scopes to ask for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub scopes: Vec<String>,
}

/// HTTP basic authentication.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct BasicAuth {
    /// Name.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub username: String,
    /// Password; take it from a Secret through an argument.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub password: String,
}

/// A header of a request.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("required" = ["key", "value"]))]
pub struct Header {
    /// Name.
    pub key: String,
    /// Value.
    pub value: String,
}

/// A request to any HTTP server.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("required" = ["url"]))]
pub struct Web {
    /// `GET` (default), `POST` or `PUT`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub method: String,
    /// URL.
    pub url: String,
    /// Headers of the request.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<Header>,
    /// Body, as text.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub body: String,
    /// Seconds (10).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout_seconds: Option<i64>,
    /// Which part of the answer is the result (`{$}`).
    #[serde(skip_serializing_if = "String::is_empty")]
    pub json_path: String,
    /// Take any certificate.
    #[serde(skip_serializing_if = "is_false")]
    pub insecure: bool,
    /// Body, as JSON.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "crate::crd::anything")]
    pub json_body: Option<Value>,
    /// How the controller proves who it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub authentication: Option<Authentication>,
}

/// A Job that succeeds or fails.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("required" = ["spec"]))]
pub struct JobMetric {
    /// Labels and annotations of the Job.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metadata: Option<PodTemplateMetadata>,
    /// `batch/v1` JobSpec, raw.
    #[schemars(schema_with = "crate::crd::job_spec")]
    pub spec: Value,
}

/// A query to Datadog.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Datadog {
    /// Go duration to look back.
    #[serde(skip_serializing_if = "String::is_empty")]
    #[schemars(extend("x-default" = "5m"))]
    pub interval: String,
    /// Query.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub query: String,
    /// Queries by name, for `formula`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub queries: BTreeMap<String, String>,
    /// Formula over `queries`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub formula: String,
    /// `v1` or `v2`.
    #[serde(skip_serializing_if = "String::is_empty")]
    #[schemars(extend("x-default" = "v1", "enum" = ["v1", "v2"]))]
    pub api_version: String,
    /// How points become one number (`last`; v2 only).
    #[serde(skip_serializing_if = "String::is_empty")]
    #[schemars(extend("enum" = ["avg", "min", "max", "sum", "last", "percentile", "mean", "l2norm", "area"]))]
    pub aggregator: String,
    /// Go duration for the answer.
    #[serde(skip_serializing_if = "String::is_empty")]
    #[schemars(extend("x-default" = "10s"))]
    pub request_timeout: String,
    /// Secret with keys and address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret_ref: Option<DatadogSecret>,
}

/// Secret with keys and address of Datadog.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct DatadogSecret {
    /// Name.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// It is in the run's namespace, not the controller's.
    #[serde(skip_serializing_if = "is_false")]
    pub namespaced: bool,
}

/// A query to Wavefront.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Wavefront {
    /// Server.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub address: String,
    /// Query.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub query: String,
}

/// A query to New Relic.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("required" = ["query"]))]
pub struct NewRelic {
    /// Secret with the account.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub profile: String,
    /// NRQL.
    pub query: String,
    /// Seconds (5).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout: Option<i64>,
}

/// A query to Graphite.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Graphite {
    /// URL of the server.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub address: String,
    /// Target.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub query: String,
}

/// A query to InfluxDB.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Influxdb {
    /// Secret with address and token.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub profile: String,
    /// Flux.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub query: String,
}

/// A query to SkyWalking.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct SkyWalking {
    /// URL of the server.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub address: String,
    /// GraphQL.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub query: String,
    /// Go duration to look back.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub interval: String,
}

/// A query to CloudWatch.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("required" = ["metricDataQueries"]))]
pub struct CloudWatch {
    /// Go duration to look back (5m).
    #[serde(skip_serializing_if = "String::is_empty")]
    pub interval: String,
    /// Queries.
    pub metric_data_queries: Vec<MetricDataQuery>,
}

/// One query of CloudWatch.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct MetricDataQuery {
    /// Name.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub id: String,
    /// Expression over other queries.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub expression: String,
    /// Label.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub label: String,
    /// A metric.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metric_stat: Option<MetricStat>,
    /// Seconds between points.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub period: Option<IntOrString>,
    /// It is part of the answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub return_data: Option<bool>,
}

/// A metric of CloudWatch and how it is summed up.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct MetricStat {
    /// The metric.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metric: Option<CloudWatchMetric>,
    /// Seconds between points.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub period: Option<IntOrString>,
    /// Statistic.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub stat: String,
    /// Unit.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub unit: String,
}

/// A metric of CloudWatch.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct CloudWatchMetric {
    /// Dimensions.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub dimensions: Vec<Dimension>,
    /// Name.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub metric_name: String,
    /// Namespace.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
}

/// A dimension of CloudWatch.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Dimension {
    /// Name.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// Value.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub value: String,
}

/// A canary judgement of Kayenta.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("required" = ["address", "application", "canaryConfigName", "configurationAccountName", "metricsAccountName", "scopes", "storageAccountName", "threshold"]))]
pub struct Kayenta {
    /// URL of the server.
    pub address: String,
    /// Application.
    pub application: String,
    /// Configuration.
    pub canary_config_name: String,
    /// Account of the metrics.
    pub metrics_account_name: String,
    /// Account of the configuration.
    pub configuration_account_name: String,
    /// Account of the storage.
    pub storage_account_name: String,
    /// Which scores are good.
    pub threshold: KayentaThreshold,
    /// What is compared.
    pub scopes: Vec<KayentaScope>,
    /// Judge from the run's start, not only the last interval.
    #[serde(skip_serializing_if = "is_false")]
    pub lookback: bool,
}

/// Which scores are good.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("required" = ["marginal", "pass"]))]
pub struct KayentaThreshold {
    /// From here on it is good.
    pub pass: i64,
    /// From here on it can't be told.
    pub marginal: i64,
}

/// What is compared.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("required" = ["controlScope", "experimentScope", "name"]))]
pub struct KayentaScope {
    /// Name.
    pub name: String,
    /// The old version.
    pub control_scope: ScopeDetail,
    /// The new version.
    pub experiment_scope: ScopeDetail,
}

/// One side of a comparison.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("required" = ["region", "scope", "step"]))]
pub struct ScopeDetail {
    /// Scope.
    pub scope: String,
    /// Region.
    pub region: String,
    /// Seconds between points.
    pub step: i64,
    /// Begin.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub start: String,
    /// End.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub end: String,
}
