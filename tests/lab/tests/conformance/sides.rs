//! The two servers: the model in this process, and a real kube-apiserver behind a `kubectl proxy`.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use bytes::Bytes;
use http::{Method, header};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::SendRequest;
use serde_json::{Value, json};
use serinus_model::Model;
use serinus_tests_lab::http1::connect;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tower::ServiceExt;

/// What is sent.
#[derive(Clone, Debug)]
pub struct Ask {
    pub method: Method,
    pub path: String,
    pub accept: String,
    pub media: String,
    pub agent: String,
    pub body: String,
}

/// What comes back.
#[derive(Clone, Debug)]
pub struct Answer {
    pub code: u16,
    pub warnings: Vec<String>,
    pub text: String,
}

impl Ask {
    fn request(&self) -> Result<http::Request<Full<Bytes>>> {
        let mut request = http::Request::builder()
            .method(self.method.clone())
            .uri(&self.path)
            .header(header::HOST, "localhost")
            .header(header::ACCEPT, &self.accept)
            .header(header::USER_AGENT, &self.agent);
        if !self.media.is_empty() {
            request = request.header(header::CONTENT_TYPE, &self.media);
        }
        Ok(request.body(Full::new(Bytes::from(self.body.clone())))?)
    }
}

async fn whole<B>(response: http::Response<B>) -> Result<Answer>
where
    B: http_body::Body<Data = Bytes>,
    B::Error: Into<anyhow::Error>,
{
    let code = response.status().as_u16();
    let warnings = response.headers().get_all(header::WARNING).iter();
    let warnings = warnings.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned()).collect();
    let bytes = response.into_body().collect().await.map_err(Into::into)?.to_bytes();
    Ok(Answer { code, warnings, text: String::from_utf8_lossy(&bytes).into_owned() })
}

/// A server of the comparison.
pub enum Side {
    Model(Model),
    Real(String, Option<SendRequest<Full<Bytes>>>),
}

impl Side {
    /// One request, one answer.
    pub async fn ask(&mut self, ask: &Ask) -> Result<Answer> {
        match self {
            Side::Model(model) => {
                let response =
                    model.service().oneshot(ask.request()?).await.map_err(|error| anyhow::anyhow!("{error}"))?;
                whole(response).await
            }
            Side::Real(address, connection) => loop {
                if connection.as_ref().is_none_or(SendRequest::is_closed) {
                    *connection = Some(connect(address).await?);
                }
                let sender = connection.as_mut().context("a connection")?;
                sender.ready().await?;
                let answer = whole(sender.send_request(ask.request()?).await?).await?;
                // Its storage of a kind that was just defined begins a moment later.
                if answer.code != 429 {
                    return Ok(answer);
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
            },
        }
    }
}

/// The real API server.
pub struct Real {
    address: String,
    _proxy: Child,
    /// Whether it was started by this test.
    ours: bool,
    /// Differs from run to run: the server may still hold what an earlier one made.
    pub stamp: String,
}

fn lab(verb: &str) -> Command {
    let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../lab/lab");
    let setting = |name: &str, other: &str| std::env::var(name).unwrap_or_else(|_| other.to_owned());
    let mut command = Command::new("bash");
    // `env` names the API's kubeconfig and where kubectl is.
    let line = format!(
        "eval \"$({0} env)\"; case {verb} in proxy) exec kubectl proxy --port=0 ;; *) exec {0} {verb} ;; esac",
        script.display()
    );
    command.args(["-c", &line]);
    command
        .env("LAB_NAME", setting("CONFORMANCE_LAB", "conformance"))
        .env("LAB_PORT", setting("CONFORMANCE_PORT", "9543"));
    command
}

impl Real {
    /// Brings an API server up, or takes the one that is, and teaches it the Rollout kind.
    pub async fn open() -> Result<Real> {
        let up = lab("api").output().await.context("run lab/lab api")?;
        let said = String::from_utf8_lossy(&up.stderr);
        ensure!(up.status.success(), "lab/lab api: {said}");
        let ours = !said.contains("has its API already");
        let mut proxy =
            lab("proxy").stdout(Stdio::piped()).kill_on_drop(true).spawn().context("start kubectl proxy")?;
        let mut line = String::new();
        BufReader::new(proxy.stdout.take().context("its output")?).read_line(&mut line).await?;
        let address = line.trim().rsplit(' ').next().unwrap_or_default().to_owned();
        ensure!(address.contains(':'), "kubectl proxy does not say where it listens: {line:?}");
        let seconds = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?.as_secs();
        let real = Real { address, _proxy: proxy, ours, stamp: format!("{:x}", seconds % 0x100_0000) };
        real.define(&serinus_wire::crd::rollout()).await?;
        Ok(real)
    }

    /// A way to it.
    pub fn side(&self) -> Side {
        Side::Real(self.address.clone(), None)
    }

    /// Takes it down again if this test brought it up.
    pub async fn close(self) -> Result<()> {
        if self.ours && std::env::var_os("KEEP").is_none() {
            ensure!(lab("clean").status().await?.success(), "lab/lab clean failed");
        }
        Ok(())
    }

    async fn define(&self, crd: &Value) -> Result<()> {
        let name = crd["metadata"]["name"].as_str().unwrap_or_default();
        let path = format!("/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{name}");
        let mut side = self.side();
        let mut ask = Ask {
            method: Method::PATCH,
            path: format!("{path}?fieldManager=test&force=true"),
            accept: "application/json".into(),
            media: "application/apply-patch+yaml".into(),
            agent: "test".into(),
            body: crd.to_string(),
        };
        let answer = side.ask(&ask).await?;
        ensure!(answer.code < 300, "the CRD is refused: {}", answer.text);
        ask.method = Method::GET;
        ask.body = String::new();
        for _ in 0..300 {
            ask.path = path.clone();
            let crd: Value = serde_json::from_str(&side.ask(&ask).await?.text)?;
            let established = json!({"type": "Established", "status": "True"});
            let is = |one: &Value| one["type"] == established["type"] && one["status"] == established["status"];
            ask.path = "/apis/argoproj.io/v1alpha1/rollouts".into();
            if crd["status"]["conditions"].as_array().is_some_and(|all| all.iter().any(is))
                && side.ask(&ask).await?.code == 200
            {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        bail!("{name} is not established after 30 s")
    }
}
