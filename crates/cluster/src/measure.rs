//! Carries asks out: a metric's request over the network, and what its answer means. What comes back is an answer that the
//! next look at the run takes in.

use crate::Clock;
use bytes::Bytes;
use futures::future::BoxFuture;
use jiff::Timestamp;
use serinus_decide::analysis::{Answer, Ask, Reading};
use serinus_talk::metric::{self, Request, prometheus, web};
use std::sync::Arc;

/// Sends requests to metric providers.
pub trait Transport: Send + Sync + 'static {
    /// Status and body of the answer, at most [`metric::LARGEST`] bytes of it; or why there is none, in one line without
    /// credentials.
    fn send(&self, request: Request) -> BoxFuture<'static, Result<(u16, Bytes), String>>;
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
            let (status, body) = self.transport.send(web::request(wanted)?).await?;
            return web::parse(wanted, status, &body);
        }
        if let Some(wanted) = &ask.provider.prometheus {
            let (status, body) = self.transport.send(prometheus::request(wanted, &self.prometheus, now)?).await?;
            return prometheus::parse(status, &body);
        }
        Err("the metric provider is not supported by this version of Serinus".to_string())
    }
}

fn reading(read: metric::Reading) -> Reading {
    Reading { result: read.result, value: read.value, metadata: read.metadata }
}
