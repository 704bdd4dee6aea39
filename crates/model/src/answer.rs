//! One request, one answer: verbs, subresources, options and media types.

use crate::builtin;
use crate::catalogue::Kind;
use crate::discovery;
use crate::failure::Failure;
use crate::faults::Call;
use crate::model::Model;
use crate::object::Fields;
use crate::patch::PatchType;
use crate::pods::LogOptions;
use crate::read::{Filter, List};
use crate::route::{Address, Query, Route};
use crate::selector::{FieldTerms, Labels};
use crate::state::State;
use crate::verbs::{DeleteOptions, Deleted, FieldValidation, Options, Part, Target, Written, success};
use crate::view::View;
use crate::watch::Watch;
use bytes::Bytes;
use futures::stream::BoxStream;
use serde_json::{Value, json};
use std::sync::Arc;

/// A request with its body read.
#[derive(Clone, Debug)]
pub struct Request {
    /// Method.
    pub method: http::Method,
    /// Where it leads.
    pub route: Route,
    /// Query.
    pub query: Query,
    /// `Accept`.
    pub accept: String,
    /// `Content-Type`.
    pub content_type: String,
    /// `User-Agent`.
    pub agent: String,
    /// Body.
    pub body: Bytes,
}

/// An answer.
pub enum Answer {
    /// JSON with a code and warnings.
    Json(u16, Value, Vec<String>),
    /// Plain text with a code.
    Text(u16, String),
    /// Lines as they come.
    Stream(&'static str, BoxStream<'static, Bytes>),
}

impl Request {
    /// The verb, as audit logs name it.
    pub fn verb(&self) -> &'static str {
        let Route::Objects(address) = &self.route else { return "meta" };
        let one = !address.name.is_empty();
        match self.method.as_str() {
            "GET" | "HEAD" if self.query.flag("watch") && self.query.has("watch") => "watch",
            "GET" | "HEAD" if one => "get",
            "GET" | "HEAD" => "list",
            "POST" => "create",
            "PUT" => "update",
            "PATCH" => "patch",
            "DELETE" if one => "delete",
            "DELETE" => "deletecollection",
            _ => "unknown",
        }
    }
    /// The request as fault hooks see it.
    pub fn call(&self) -> (Call, bool) {
        let verb = self.verb();
        let writes = !matches!(verb, "meta" | "get" | "list" | "watch" | "unknown");
        let address = match &self.route {
            Route::Objects(address) => address.clone(),
            Route::Meta(_) => Address::default(),
        };
        let call = Call {
            verb: verb.to_string(),
            group: address.group,
            resource: address.plural,
            subresource: address.subresource,
            namespace: address.namespace,
            name: address.name,
            agent: self.agent.clone(),
            number: 0,
            write: 0,
        };
        (call, writes)
    }
    fn json(&self) -> Result<Value, Failure> {
        if self.body.is_empty() {
            return Ok(Value::Null);
        }
        if self.content_type.contains("protobuf") {
            return builtin::protobuf::read(&self.body).ok_or_else(|| {
                Failure::unsupported_media_type(
                    "the body of the request was in an unknown format - accepted media types include: application/json",
                )
            });
        }
        serde_json::from_slice(&self.body)
            .map_err(|error| Failure::bad_request(format!("couldn't read the body as JSON: {error}")))
    }
    fn options(&self) -> Options {
        let manager = self.query.text("fieldManager");
        let product = self.agent.split('/').next().unwrap_or("");
        Options {
            dry_run: self.query.text("dryRun") == "All",
            manager: if manager.is_empty() && self.content_type.contains("apply-patch") {
                String::new()
            } else if manager.is_empty() {
                product.to_string()
            } else {
                manager.to_string()
            },
            agent: self.agent.clone(),
            validation: match self.query.text("fieldValidation") {
                "Strict" => FieldValidation::Strict,
                "Ignore" => FieldValidation::Ignore,
                _ => FieldValidation::Warn,
            },
            force: self.query.text("force") == "true",
        }
    }
}

/// Answers a request. `cut`: a watch ends after so many events.
pub fn answer(model: &Model, request: &Request, cut: Option<usize>) -> Result<Answer, Failure> {
    match &request.route {
        Route::Meta(path) => meta(model, request, path),
        Route::Objects(address) => objects(model, request, address, cut),
    }
}

fn meta(model: &Model, request: &Request, path: &[String]) -> Result<Answer, Failure> {
    if let [only] = path
        && matches!(only.as_str(), "healthz" | "readyz" | "livez")
    {
        return Ok(Answer::Text(200, "ok".into()));
    }
    let first = request.accept.split(',').next().unwrap_or("");
    if first.contains("protobuf") && !request.accept.contains("json") {
        return Err(Failure::not_acceptable("only the following media types are accepted: application/json"));
    }
    let aggregated = request.accept.split(',').any(|clause| {
        clause.contains("g=apidiscovery.k8s.io") && clause.contains("v=v2") && !clause.contains("v2beta1")
    });
    let body = model.look(|state| discovery::answer(&state.catalogue, path, aggregated))?;
    if aggregated && matches!(path, [only] if only == "api" || only == "apis") {
        let media = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";
        let text = Bytes::from(body.to_string());
        return Ok(Answer::Stream(media, Box::pin(futures::stream::once(async move { text }))));
    }
    Ok(Answer::Json(200, body, vec![]))
}

fn objects(model: &Model, request: &Request, address: &Address, cut: Option<usize>) -> Result<Answer, Failure> {
    if address.group == "authorization.k8s.io" && request.verb() == "create" {
        return review(request);
    }
    let view = View::parse(&request.accept, request.query.text("includeObject"))
        .ok_or_else(|| Failure::not_acceptable("only the following media types are accepted: application/json"))?;
    let kind = model.look(|state| state.catalogue.find(&address.group, &address.version, &address.plural));
    let Some(kind) = kind else {
        let built_in = model
            .look(|state| state.catalogue.all().any(|kind| kind.resource.group == address.group && !kind.is_custom()));
        // Groups that nobody serves, and custom resources that nobody defined, don't even get a Status.
        return if built_in {
            Err(Failure::no_such_path())
        } else {
            Ok(Answer::Text(404, "404 page not found\n".into()))
        };
    };
    if kind.namespaced
        && address.namespace.is_empty()
        && !matches!(request.verb(), "list" | "watch" | "deletecollection")
    {
        return Err(if request.verb() == "create" { Failure::method_not_allowed() } else { Failure::no_such_path() });
    }
    if !kind.namespaced && !address.namespace.is_empty() {
        return Err(Failure::no_such_path());
    }
    match address.subresource.as_str() {
        "log" if kind.kind == "Pod" => return logs(model, request, address),
        "exec" | "attach" | "portforward" | "proxy" => {
            let way = "the sandbox has no way into a pod: its pods are processes of this machine, their addresses are in the EndpointSlices";
            return Err(Failure::bad_request(way));
        }
        "eviction" if kind.kind == "Pod" && request.verb() == "create" => return evict(model, request, address, &kind),
        _ => {}
    }
    let part = part(&kind, &address.subresource)?;
    if address.name.is_empty() && matches!(request.verb(), "update" | "patch") {
        return Err(Failure::method_not_allowed());
    }
    match request.verb() {
        "watch" => {
            let filter = Filter::parse(&kind, &with_name(address), &name_as_field(address, &request.query))?;
            let watch = model.look(|state| Watch::start(model, state, kind, filter, view, &request.query, cut))?;
            Ok(Answer::Stream("application/json", Box::pin(watch.lines())))
        }
        "list" => model.look(|state| {
            Labels::parse(request.query.text("labelSelector"))?;
            FieldTerms::check(request.query.text("fieldSelector"))?;
            state.check_list(&request.query)?;
            let list = state.list(&kind, &Filter::parse(&kind, address, &request.query)?, &request.query)?;
            Ok(Answer::Json(200, view.list(&kind, list, state.now), vec![]))
        }),
        "get" => model.look(|state| {
            let target = Target { kind: &kind, part, namespace: &address.namespace, name: &address.name };
            if part == Part::Scale {
                return Ok(Answer::Json(200, state.scale(target)?, vec![]));
            }
            let object = state.get(&kind, &address.namespace, &address.name)?;
            Ok(Answer::Json(200, view.one(&kind, &object, state.now), vec![]))
        }),
        "create" if !address.name.is_empty() => Err(Failure::method_not_allowed()),
        "create" | "update" | "patch" => {
            let body = match request.verb() {
                "patch" => request.json()?,
                _ => request.json().map_err(|failure| unreadable(&kind, failure))?,
            };
            model.work(|state| {
                let written = change(state, request, address, &kind, part, body)?;
                let shown = if part == Part::Scale {
                    (*written.object).clone()
                } else {
                    view.one(&kind, &written.object, state.now)
                };
                Ok(Answer::Json(written.code, shown, written.warnings))
            })
        }
        "delete" if part == Part::Main => delete(model, request, address, &kind, view),
        "deletecollection" => delete_collection(model, request, address, &kind, view),
        _ => Err(Failure::method_not_allowed()),
    }
}

/// Who asks what he may do: nobody is asked who he is, so everybody may do everything.
fn review(request: &Request) -> Result<Answer, Failure> {
    let mut review = request.json()?;
    if review.text("/kind") != "SelfSubjectAccessReview" {
        return Err(Failure::no_such_path());
    }
    review.put(&["status"], json!({"allowed": true, "reason": "nobody is asked who he is here"}));
    Ok(Answer::Json(201, review, vec![]))
}

fn unreadable(kind: &Kind, failure: Failure) -> Failure {
    let message = format!(
        "the object provided is unrecognized (must be of type {}): couldn't get version/kind; json parse error: {}",
        kind.kind, failure.message
    );
    if failure.code == 400 { Failure { message, ..failure } } else { failure }
}

/// A watch of one object is a watch of the collection with one name.
fn with_name(address: &Address) -> Address {
    Address { name: String::new(), ..address.clone() }
}

fn name_as_field(address: &Address, query: &Query) -> Query {
    if address.name.is_empty() {
        query.clone()
    } else {
        query.with("fieldSelector", &format!("metadata.name={}", address.name))
    }
}

fn part(kind: &Kind, subresource: &str) -> Result<Part, Failure> {
    match subresource {
        "" => Ok(Part::Main),
        "status" if kind.status => Ok(Part::Status),
        "scale" if kind.scale.is_some() => Ok(Part::Scale),
        "finalize" if kind.kind == "Namespace" => Ok(Part::Finalize),
        _ => Err(Failure::no_such_path()),
    }
}

fn change(
    state: &mut State,
    request: &Request,
    address: &Address,
    kind: &Kind,
    part: Part,
    body: Value,
) -> Result<Written, Failure> {
    let options = request.options();
    let target = Target { kind, part, namespace: &address.namespace, name: &address.name };
    match request.verb() {
        "create" => state.create(kind, &address.namespace, body, &options),
        "update" => state.update(target, body, &options),
        _ => {
            let Some(how) = PatchType::parse(&request.content_type) else {
                return Err(Failure::unsupported_patch(kind.is_custom()));
            };
            state.patch(target, how, body, &options)
        }
    }
}

fn delete_options(request: &Request) -> Result<DeleteOptions, Failure> {
    let mut how = DeleteOptions::read(&request.json()?)?;
    let policy = request.query.text("propagationPolicy");
    if !policy.is_empty() {
        how.policy = DeleteOptions::read(&json!({"propagationPolicy": policy}))?.policy;
    }
    if let Some(grace) = request.query.number("gracePeriodSeconds") {
        how.grace = i64::try_from(grace).ok();
    }
    Ok(how)
}

fn delete(
    model: &Model,
    request: &Request,
    address: &Address,
    kind: &Arc<Kind>,
    view: View,
) -> Result<Answer, Failure> {
    let how = delete_options(request)?;
    let mut options = request.options();
    // The dry run of a delete may stand in its body.
    options.dry_run |= request.json()?.items("/dryRun").iter().any(|one| one.as_str() == Some("All"));
    model.work(|state| {
        let keeps_pods = kind.kind == "Job" && how.policy.is_none();
        let warnings = if keeps_pods { vec![KEEPS_PODS.to_string()] } else { vec![] };
        let deleted = state
            .delete(kind, &address.namespace, &address.name, &how, &options)
            .map_err(|failure| failure.warning(&warnings))?;
        let body = match &deleted {
            Deleted::Gone(object) if !gives_back(kind) => success(kind, object),
            Deleted::Gone(object) | Deleted::Leaving(object) => view.one(kind, object, state.now),
        };
        Ok(Answer::Json(200, body, warnings))
    })
}

const KEEPS_PODS: &str = "child pods are preserved by default when jobs are deleted; set propagationPolicy=Background to remove them or set propagationPolicy=Orphan to suppress this warning";

/// Kinds whose delete answers with the object itself.
fn gives_back(kind: &Kind) -> bool {
    matches!(kind.kind.as_str(), "Pod" | "Service" | "ServiceAccount" | "PersistentVolumeClaim" | "PodTemplate")
}

fn delete_collection(
    model: &Model,
    request: &Request,
    address: &Address,
    kind: &Arc<Kind>,
    view: View,
) -> Result<Answer, Failure> {
    if kind.kind == "Namespace" {
        return Err(Failure::method_not_allowed());
    }
    let (how, options) = (delete_options(request)?, request.options());
    let keeps_pods = kind.kind == "Job" && how.policy.is_none();
    let warnings = if keeps_pods { vec![KEEPS_PODS.to_string()] } else { vec![] };
    model.work(|state| {
        let filter = Filter::parse(kind, address, &request.query)?;
        let chosen = state.list(kind, &filter, &Query::default())?.items;
        let items = state.delete_collection(kind, chosen, &how, &options)?;
        let metadata =
            [("resourceVersion".to_string(), Value::from(state.store.version().to_string()))].into_iter().collect();
        Ok(Answer::Json(200, view.list(kind, List { items, metadata }, state.now), warnings))
    })
}

fn evict(model: &Model, request: &Request, address: &Address, kind: &Kind) -> Result<Answer, Failure> {
    let body = request.json()?;
    let how = DeleteOptions::read(body.get("deleteOptions").unwrap_or(&Value::Null))?;
    model.work(|state| {
        state.delete(kind, &address.namespace, &address.name, &how, &request.options())?;
        Ok(Answer::Json(
            201,
            json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201}),
            vec![],
        ))
    })
}

fn logs(model: &Model, request: &Request, address: &Address) -> Result<Answer, Failure> {
    let pod = model
        .get("", "Pod", &address.namespace, &address.name)
        .ok_or_else(|| Failure::not_found("", "pods", &address.name))?;
    let query = &request.query;
    let options = LogOptions {
        container: query.text("container").to_string(),
        follow: query.has("follow") && query.flag("follow"),
        tail: query.number("tailLines"),
        since: query.number("sinceSeconds"),
        timestamps: query.has("timestamps") && query.flag("timestamps"),
    };
    if !options.container.is_empty()
        && !pod.items("/spec/containers").iter().any(|one| one.text("/name") == options.container)
    {
        return Err(Failure::bad_request(format!(
            "container {} is not valid for pod {}",
            options.container, address.name
        )));
    }
    let lines = model.with_runner(|runner| runner.logs(&pod, &options)).map_err(Failure::bad_request)?;
    Ok(Answer::Stream("text/plain", lines))
}
