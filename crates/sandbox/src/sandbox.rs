//! Puts the parts together: API, pods, controller, gateway, client, story; and takes them apart again.

use crate::calls::Api;
use crate::gateway::counts::Counts;
use crate::gateway::rules::Rules;
use crate::gateway::table::{Key, Shared};
use crate::gateway::{follow, proxy, route};
use crate::kubeconfig::Kubeconfig;
use crate::manifests::Manifest;
use crate::pipeline::USER;
use crate::pods::kubelet::Kubelet;
use crate::pods::runner::Pods;
use crate::screen::Screen;
use crate::traffic::{self, Meter, Target};
use crate::watched::{self, Watched};
use crate::{api, listener, manifests, patrol, seed, story};
use http::HeaderMap;
use serinus_cluster::registry::Hosts;
use serinus_cluster::update::{Polls, Updates};
use serinus_model::Model;
use serinus_wire::k8s::Ingress;
use serinus_wire::{Rollout, crd};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;

/// How to run a sandbox.
#[derive(Clone, Debug)]
pub struct Options {
    /// Manifests to begin with; absent: the built-in ones.
    pub directory: Option<PathBuf>,
    /// Ship one good and one bad image, then end.
    pub once: bool,
    /// Port of the API; 0 for any.
    pub port: u16,
    /// Port of the gateway; 0 for any.
    pub gateway_port: u16,
    /// Port of the webhooks and approvals; 0 for any.
    pub updates_port: u16,
    /// Requests a second that the client sends; 0 for none.
    pub rate: u32,
    /// How registries are reached, for workloads that ask for polling.
    pub registries: Hosts,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            directory: None,
            once: false,
            port: 0,
            gateway_port: 0,
            updates_port: 0,
            rate: 100,
            registries: Hosts::default(),
        }
    }
}

/// A running sandbox.
pub struct Sandbox {
    /// The API, without a socket.
    pub api: Api,
    /// Where the API listens.
    pub api_address: SocketAddr,
    /// Where the gateway listens.
    pub gateway_address: SocketAddr,
    /// Where webhooks, votes and the approvals page are taken.
    pub updates_address: SocketAddr,
    /// What the client asks for; absent when no Ingress serves anything.
    pub target: Option<Target>,
    /// The client's count.
    pub meter: Meter,
    /// The gateway's count.
    pub counts: Counts,
    /// The Rollouts as last seen.
    pub watched: watch::Receiver<Watched>,
    kubeconfig: Kubeconfig,
    pods: Pods,
    client: Part,
    controller: Part,
    servers: Part,
    background: JoinSet<()>,
}

/// Something that runs until it is told to stop, and finishes then.
struct Part {
    stop: CancellationToken,
    tasks: Vec<JoinHandle<()>>,
}

impl Part {
    fn new() -> Part {
        Part { stop: CancellationToken::new(), tasks: Vec::new() }
    }
    async fn end(self) {
        self.stop.cancel();
        futures::future::join_all(self.tasks).await;
    }
}

impl Sandbox {
    /// Starts everything.
    ///
    /// # Errors
    /// One line for the person at the terminal: a manifest that can't be read, a port that is taken.
    pub async fn start(options: &Options, screen: &Screen) -> Result<Sandbox, String> {
        let manifests = match &options.directory {
            Some(directory) => manifests::of_directory(directory),
            None => seed::manifests(),
        };
        let manifests = manifests.map_err(|error| error.to_string())?;
        let (api_listener, api_address) = listener::bind("API", "--port", options.port).await?;
        let (gateway_listener, gateway_address) =
            listener::bind("gateway", "--gateway-port", options.gateway_port).await?;
        let (updates_listener, updates_address) =
            listener::bind("webhooks", "--updates-port", options.updates_port).await?;
        let namespace = namespace(&manifests);
        let kubeconfig = Kubeconfig::write(options.directory.as_deref(), api_address, &namespace)
            .map_err(|error| format!("can't write {}: {error}", crate::kubeconfig::FILE))?;

        let model = Model::new(jiff::Timestamp::now);
        let pods = pods(&model, options.directory.as_deref());
        fill(&model, &manifests)?;
        let api = Api::over(model.service());
        let mut servers = Part::new();
        servers.tasks.push(tokio::spawn(api::serve(api_listener, model.service(), servers.stop.clone())));
        let updates = Updates::default();
        let controller = controller(&model, updates.clone(), options.registries.clone(), screen);
        let router = serinus_serve::router(updates, doors());
        servers.tasks.push(tokio::spawn(serinus_serve::serve(updates_listener, router, None, servers.stop.clone())));

        let (table, counts, meter) = (Shared::default(), Counts::default(), Meter::default());
        let (sender, watched) = watch::channel(Watched::default());
        let mut background = JoinSet::new();
        background.spawn(model.run());
        background.spawn(follow::follow(api.clone(), pods.addresses(), table.clone()));
        background.spawn(watched::follow(api.clone(), sender, screen.clone()));
        background.spawn(patrol::walk(api.clone(), watched.clone(), counts.clone(), screen.clone()));
        let gateway = proxy::serve(gateway_listener, table.clone(), counts.clone(), servers.stop.clone());
        servers.tasks.push(tokio::spawn(gateway));

        let target = target(&manifests, gateway_address);
        let mut client = Part::new();
        if let Some(target) = target.clone().filter(|_| options.rate > 0) {
            background.spawn(show(meter.clone(), screen.clone()));
            let (rate, meter, stop) = (options.rate, meter.clone(), client.stop.clone());
            client.tasks.push(tokio::spawn(async move {
                // Before the first pod is ready there is nobody to ask.
                if stop.run_until_cancelled(served(&table, &target)).await.is_some() {
                    traffic::run(target, rate, meter, stop).await;
                }
            }));
        }
        Ok(Sandbox {
            api,
            api_address,
            gateway_address,
            updates_address,
            target,
            meter,
            counts,
            watched,
            kubeconfig,
            pods,
            client,
            controller,
            servers,
            background,
        })
    }

    /// The file that `kubectl` needs.
    pub fn kubeconfig(&self) -> &Path {
        self.kubeconfig.path()
    }

    /// Ends everything in an order in which nobody misses what is gone.
    pub async fn stop(mut self) {
        self.client.end().await;
        self.controller.end().await;
        self.background.shutdown().await;
        self.servers.end().await;
        self.pods.stop_all().await;
    }
}

/// As in the pipeline that started the project.
fn doors() -> serinus_serve::Options {
    let credentials = serinus_serve::Credentials { user: USER.to_string(), password: USER.to_string() };
    serinus_serve::Options {
        credentials: Some(credentials),
        authenticated_webhooks: true,
        ..serinus_serve::Options::default()
    }
}

fn controller(model: &Model, updates: Updates, hosts: Hosts, screen: &Screen) -> Part {
    let mut part = Part::new();
    let client = serinus_cluster::Client::new(model.service(), "default");
    let mut options = serinus_cluster::Options::new(serinus_decide::decide);
    options.updates = Some(updates);
    options.polls = Some(Polls { hosts, ..Polls::default() });
    let (stop, screen) = (part.stop.clone(), screen.clone());
    part.tasks.push(tokio::spawn(async move {
        if let Err(error) = serinus_cluster::run(client, options, stop).await {
            screen.tell(&format!("the controller ended: {error}"));
        }
    }));
    part
}

/// Runs the model's pods on this machine.
fn pods(model: &Model, directory: Option<&Path>) -> Pods {
    let directory = directory.map_or_else(|| PathBuf::from("."), Path::to_path_buf);
    let poked = model.clone();
    let pods = Pods::new(directory, move || poked.poke());
    model.set_pod_runner(Kubelet { pods: pods.clone() });
    pods
}

/// Puts the kind and the manifests into the API.
fn fill(model: &Model, manifests: &[Manifest]) -> Result<(), String> {
    for definition in crd::all() {
        let refused = |failure| format!("{} is refused: {failure}", definition["metadata"]["name"]);
        model.apply(&definition).map_err(refused)?;
    }
    for manifest in manifests {
        model.apply(&manifest.object).map_err(|failure| format!("{}: {}", manifest.place, failure.message))?;
    }
    Ok(())
}

/// The namespace of the first Rollout.
fn namespace(manifests: &[Manifest]) -> String {
    let rollout = manifests.iter().find(|manifest| manifest.object["kind"] == "Rollout");
    let namespace = rollout.and_then(|manifest| manifest.object["metadata"]["namespace"].as_str());
    namespace.unwrap_or("default").to_string()
}

/// What the first Ingress serves.
fn target(manifests: &[Manifest], gateway: SocketAddr) -> Option<Target> {
    let ingresses = manifests.iter().filter(|manifest| manifest.object["kind"] == "Ingress");
    let mut rules = ingresses.filter_map(|manifest| {
        let ingress: Ingress = serde_json::from_value(manifest.object.clone()).ok()?;
        Some(Rules::of(&ingress)).filter(|rules| rules.canary.is_none())
    });
    rules.find_map(|rules| {
        let path = rules.paths.first()?;
        let host = match path.host.strip_prefix("*.") {
            Some(domain) => format!("www.{domain}"),
            None if path.host.is_empty() => "localhost".to_string(),
            None => path.host.clone(),
        };
        Some(Target { gateway, host, path: path.path.clone() })
    })
}

/// Waits until the gateway has a pod for the target.
async fn served(table: &Shared, target: &Target) {
    let headers = HeaderMap::new();
    let head = route::Head { host: &target.host, path: &target.path, headers: &headers };
    loop {
        let now = table.now();
        let backend = route::route(&now.ingresses, head, u64::MAX);
        if backend.is_some_and(|backend| now.endpoints(backend).next().is_some()) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Shows the last second of the traffic, every second.
async fn show(meter: Meter, screen: Screen) {
    let mut earlier = meter.now();
    loop {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let now = meter.now();
        if now.sent > 0 {
            screen.live(&story::live(&now.since(&earlier)));
        }
        earlier = now;
    }
}

/// The first Rollout, once it was seen.
pub fn first_rollout(watched: &Watched) -> Option<(Key, Rollout)> {
    watched.rollouts.iter().next().map(|(key, rollout)| (key.clone(), rollout.clone()))
}
