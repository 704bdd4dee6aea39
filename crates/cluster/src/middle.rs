//! Between kube's client and the wire: every request is counted, and none waits for ever for an answer to begin.

use crate::metrics::Metrics;
use kube::Client;
use kube::client::Body;
use std::sync::Arc;
use std::time::Duration;
use tower::BoxError;

/// How long an answer may take to begin. The events of a watch come after its beginning, and have their own limit.
const ANSWER: Duration = Duration::from_secs(60);

/// The same client with both added.
pub(crate) fn counted(client: Client, metrics: Arc<Metrics>) -> Client {
    let namespace = client.default_namespace().to_string();
    let service = tower::service_fn(move |request: http::Request<Body>| {
        let (client, metrics) = (client.clone(), metrics.clone());
        async move {
            let (method, uri) = (request.method().clone(), request.uri().clone());
            let answer = match tokio::time::timeout(ANSWER, client.send(request)).await {
                Ok(answer) => answer.map_err(BoxError::from),
                Err(_) => Err(format!("{method} {uri}: no answer within {} s", ANSWER.as_secs()).into()),
            };
            let status = answer.as_ref().map_or(0, |answer| answer.status().as_u16());
            metrics.request(&method, uri.path_and_query().map_or("", |path| path.as_str()), status);
            answer
        }
    });
    Client::new(service, namespace)
}
