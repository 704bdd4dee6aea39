//! The API as a `tower::Service`: reads the request, lets faults have their way, writes the answer.

use crate::answer::{Answer, Request, answer};
use crate::failure::Failure;
use crate::faults::{Broken, Fault};
use crate::model::Model;
use crate::route::{Query, Route};
use bytes::Bytes;
use futures::StreamExt;
use futures::future::BoxFuture;
use http::header::{ACCEPT, CONTENT_TYPE, HeaderName, USER_AGENT};
use http_body::Frame;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use std::convert::Infallible;
use std::task::{Context, Poll};

/// An error of any kind.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;
/// The body of an answer.
pub type Body = UnsyncBoxBody<Bytes, Infallible>;

/// The API of a model.
#[derive(Clone, Debug)]
pub struct ApiService {
    model: Model,
}

impl ApiService {
    pub(crate) fn new(model: Model) -> ApiService {
        ApiService { model }
    }
}

impl<B> tower::Service<http::Request<B>> for ApiService
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    type Response = http::Response<Body>;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<Self::Response, BoxError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<B>) -> Self::Future {
        let model = self.model.clone();
        Box::pin(async move {
            let request = read(request).await?;
            handle(&model, &request).await
        })
    }
}

async fn read<B>(request: http::Request<B>) -> Result<Request, BoxError>
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    let (parts, body) = request.into_parts();
    let header =
        |name: HeaderName| parts.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or("").to_string();
    let accept: Vec<&str> = parts.headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok()).collect();
    Ok(Request {
        route: Route::parse(parts.uri.path()),
        query: Query::parse(parts.uri.query().unwrap_or("")),
        accept: accept.join(","),
        content_type: header(CONTENT_TYPE),
        agent: header(USER_AGENT),
        method: parts.method,
        body: body.collect().await.map_err(Into::into)?.to_bytes(),
    })
}

async fn handle(model: &Model, request: &Request) -> Result<http::Response<Body>, BoxError> {
    let (mut call, writes) = request.call();
    let fault = model.judge(&mut call, writes);
    match fault {
        Fault::Refuse(code) => return Ok(refusal(&Failure::injected(code))),
        Fault::Drop => return Err(Broken.into()),
        Fault::Stall => std::future::pending().await,
        Fault::None | Fault::RefuseAfter(_) | Fault::DropAfter | Fault::StallAfter | Fault::CutWatch(_) => {}
    }
    let cut = if let Fault::CutWatch(events) = fault { Some(events) } else { None };
    let result = answer(model, request, cut);
    match fault {
        Fault::RefuseAfter(code) => return Ok(refusal(&Failure::injected(code))),
        Fault::DropAfter => return Err(Broken.into()),
        Fault::StallAfter => std::future::pending().await,
        Fault::None | Fault::Refuse(_) | Fault::Drop | Fault::Stall | Fault::CutWatch(_) => {}
    }
    Ok(match result {
        Ok(answer) => response(answer),
        Err(failure) => refusal(&failure),
    })
}

fn refusal(failure: &Failure) -> http::Response<Body> {
    let mut response = whole(failure.code, "application/json", failure.body().to_string());
    warn(&mut response, &failure.warnings);
    if matches!(failure.code, 429 | 504) {
        response.headers_mut().insert(http::header::RETRY_AFTER, http::HeaderValue::from_static("1"));
    }
    response
}

fn warn(response: &mut http::Response<Body>, warnings: &[String]) {
    for warning in warnings {
        if let Ok(value) = http::HeaderValue::from_str(&format!("299 - {warning:?}")) {
            response.headers_mut().append(http::header::WARNING, value);
        }
    }
}

fn whole(code: u16, media: &'static str, text: String) -> http::Response<Body> {
    let mut response = http::Response::new(Full::new(Bytes::from(text)).boxed_unsync());
    *response.status_mut() = http::StatusCode::from_u16(code).unwrap_or(http::StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(CONTENT_TYPE, http::HeaderValue::from_static(media));
    response
}

fn response(answer: Answer) -> http::Response<Body> {
    match answer {
        Answer::Json(code, body, warnings) => {
            let mut response = whole(code, "application/json", body.to_string());
            warn(&mut response, &warnings);
            response
        }
        Answer::Text(code, text) => whole(code, "text/plain; charset=utf-8", text),
        Answer::Stream(media, lines) => {
            let body = StreamBody::new(lines.map(|line| Ok::<_, Infallible>(Frame::data(line))));
            let mut response = http::Response::new(BodyExt::boxed_unsync(body));
            response.headers_mut().insert(CONTENT_TYPE, http::HeaderValue::from_static(media));
            response
        }
    }
}
