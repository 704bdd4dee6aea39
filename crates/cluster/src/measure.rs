//! Carries asks out: a metric's request over the network, and what its answer means. What comes back is an answer that the
//! next look at the run takes in.

use crate::Clock;
use bytes::Bytes;
use futures::future::BoxFuture;
use jiff::Timestamp;
use serinus_decide::analysis::{Answer, Ask, Reading};
use serinus_talk::metric::{self, Request, oauth2, prometheus, web};
use serinus_wire::analysis::Authentication;
use std::fmt;
use std::sync::Arc;

/// Sends requests to metric providers and to those who are told of verdicts.
pub trait Transport: Send + Sync + 'static {
    /// Status and body of the answer, at most [`metric::LARGEST`] bytes of it; or why there is none.
    fn send(&self, request: Request) -> BoxFuture<'static, Result<(u16, Bytes), Unanswered>>;
}

/// A request without an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unanswered {
    /// Its method and its address, without name and password; a token in the address is still there.
    pub request: String,
    /// Why, in one line; says nothing of the address.
    pub cause: String,
}

impl fmt::Display for Unanswered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.request, self.cause)
    }
}

/// Who measures.
#[derive(Clone)]
pub(crate) struct Measure {
    pub transport: Arc<dyn Transport>,
    /// Prometheus for metrics that name no address.
    pub prometheus: Arc<str>,
    pub clock: Arc<dyn Clock>,
}

impl Measure {
    /// Measures. It takes as long as the provider does, within the request's timeout.
    pub async fn carry_out(&self, ask: Ask) -> Answer {
        let started_at = self.clock.now();
        let result = self.result(&ask, started_at).await;
        Answer { metric: ask.metric, started_at, finished_at: self.clock.now(), result: result.map(reading) }
    }

    async fn result(&self, ask: &Ask, now: Timestamp) -> Result<metric::Reading, String> {
        if let Some(wanted) = &ask.provider.web {
            let request = self.with_token(web::request(wanted)?, wanted.authentication.as_ref()).await?;
            let (status, body) = self.send(request).await?;
            return web::parse(wanted, status, &body);
        }
        if let Some(wanted) = &ask.provider.prometheus {
            let request = prometheus::request(wanted, &self.prometheus, now)?;
            let request = self.with_token(request, wanted.authentication.as_ref()).await?;
            let (status, body) = self.send(request).await?;
            return prometheus::parse(status, &body);
        }
        Err("the metric provider is not supported by this version of Serinus".to_string())
    }

    async fn send(&self, request: Request) -> Result<(u16, Bytes), String> {
        self.transport.send(request).await.map_err(|unanswered| unanswered.to_string())
    }

    /// The request with a token, where the provider wants one: fetched anew for each measurement, each time within the
    /// request's own time.
    async fn with_token(&self, mut request: Request, given: Option<&Authentication>) -> Result<Request, String> {
        let Some(wanted) = oauth2::wanted(given)? else { return Ok(request) };
        let mut token = Err(String::new());
        for place in oauth2::PLACES {
            let asked = oauth2::request(wanted, place, request.timeout, request.insecure);
            let (status, body) = self.send(asked).await?;
            token = oauth2::parse(status, &body);
            if token.is_ok() {
                break;
            }
        }
        request.headers.push(("Authorization".to_string(), token?));
        Ok(request)
    }
}

fn reading(read: metric::Reading) -> Reading {
    Reading { result: read.result, value: read.value, metadata: read.metadata }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SystemClock;
    use serde_json::{Value, json};
    use std::sync::Mutex;

    /// A server of tokens that wants the client in the form, and one of metrics that wants the token.
    #[derive(Clone, Default)]
    struct Guarded {
        asked: Arc<Mutex<Vec<String>>>,
        no_token: bool,
    }

    impl Transport for Guarded {
        fn send(&self, request: Request) -> BoxFuture<'static, Result<(u16, Bytes), Unanswered>> {
            self.asked.lock().unwrap().push(request.url.clone());
            let has = |name: &str, value: &str| request.headers.iter().any(|one| one == &(name.into(), value.into()));
            let form = String::from_utf8_lossy(&request.body).into_owned();
            let (status, body) = match request.url.as_str() {
                "http://t/" if form.ends_with("&client_id=me&client_secret=word") && !self.no_token => {
                    (200, r#"{"access_token": "key", "token_type": "bearer"}"#)
                }
                "http://t/" => (401, r#"{"error": "who is word?"}"#),
                _ if has("Authorization", "Bearer key") => {
                    (200, r#"{"status": "success", "data": {"resultType": "scalar", "result": [1, "3"]}}"#)
                }
                _ => (403, "{}"),
            };
            Box::pin(async move { Ok((status, Bytes::from(body))) })
        }
    }

    fn ask(provider: &str, authentication: Value) -> Ask {
        let fields = json!({"url": "http://m/", "jsonPath": "{$.status}", "authentication": authentication});
        let fields = match provider {
            "web" => fields,
            _ => json!({"address": "http://m", "query": "up", "authentication": authentication}),
        };
        Ask { metric: "m".into(), provider: serde_json::from_value(json!({provider: fields})).unwrap() }
    }

    #[tokio::test]
    async fn a_token_is_fetched_first_and_goes_along() {
        let credentials = json!({"oauth2": {"tokenUrl": "http://t/", "clientId": "me", "clientSecret": "word"}});
        for (provider, value) in [("web", "success"), ("prometheus", "3")] {
            let server = Guarded::default();
            let measure = |server: &Guarded| Measure {
                transport: Arc::new(server.clone()),
                prometheus: "".into(),
                clock: Arc::new(SystemClock),
            };
            let answer = measure(&server).carry_out(ask(provider, credentials.clone())).await;
            assert_eq!(answer.result.unwrap().value, value);
            // The header first; this server wants the form.
            assert_eq!(server.asked.lock().unwrap()[..2], ["http://t/", "http://t/"]);

            let closed = Guarded { no_token: true, ..Guarded::default() };
            let answer = measure(&closed).carry_out(ask(provider, credentials.clone())).await;
            assert_eq!(answer.result.unwrap_err(), "authentication.oauth2: cannot fetch token: 401");
            assert_eq!(closed.asked.lock().unwrap().len(), 2, "without a token nothing is asked");
        }
    }
}
