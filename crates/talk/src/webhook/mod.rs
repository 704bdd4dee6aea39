//! What registries and pipelines post when an image was pushed (spec: keel 2.3 to 2.5), one file for each sender.
//!
//! All of them read JSON as Go does (`serinus_gocompat::lenient`): a body that is followed by other text is fine.

mod azure;
mod dockerhub;
mod github;
mod harbor;
mod jfrog;
mod native;
mod quay;
mod registry;

use serinus_gocompat::lenient::Misfit;

/// Who posts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Sender {
    /// Keel's own format: `{"name": "host:5000/app", "tag": "1.2.3"}`.
    Native,
    /// Docker Hub.
    DockerHub,
    /// Quay.
    Quay,
    /// Azure Container Registry.
    Azure,
    /// GitHub packages.
    GitHub,
    /// Harbor.
    Harbor,
    /// JFrog Artifactory.
    JFrog,
    /// Notifications of a plain registry.
    Registry,
}

/// What a body needs beside itself to be understood.
#[derive(Clone, Copy, Debug, Default)]
pub struct Context<'a> {
    /// The header `X-GitHub-Event`.
    pub github_event: &'a str,
    /// The registry in front of what JFrog names; `PRIVATE_REGISTRY` of Keel.
    pub private_registry: &'a str,
}

/// One image that was pushed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Push {
    /// Repository and tag as the sender names them, for example `host:5000/app:1.2.3`. Not checked yet.
    pub image: String,
    /// The digest, when the sender says it; not checked yet.
    pub digest: Option<String>,
}

/// What a body says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Received {
    /// What was pushed, in order.
    pub pushes: Vec<Push>,
    /// The request is answered with status 400 and this text, after the pushes were taken; it may be empty.
    pub refusal: Option<String>,
    /// For the log: why nothing, or not all, was taken.
    pub remark: Option<String>,
}

impl Sender {
    /// All of them.
    pub const ALL: [Sender; 8] = [
        Sender::Native,
        Sender::DockerHub,
        Sender::Quay,
        Sender::Azure,
        Sender::GitHub,
        Sender::Harbor,
        Sender::JFrog,
        Sender::Registry,
    ];

    /// Last part of the path: `/v1/webhooks/<segment>`.
    pub fn segment(self) -> &'static str {
        match self {
            Sender::Native => "native",
            Sender::DockerHub => "dockerhub",
            Sender::Quay => "quay",
            Sender::Azure => "azure",
            Sender::GitHub => "github",
            Sender::Harbor => "harbor",
            Sender::JFrog => "jfrog",
            Sender::Registry => "registry",
        }
    }

    /// What updates call the trigger.
    pub fn trigger(self) -> &'static str {
        match self {
            Sender::Registry => "registry-notification",
            other => other.segment(),
        }
    }

    /// Understands a body. Total: every text gives an answer.
    pub fn parse(self, body: &[u8], context: Context<'_>) -> Received {
        let received = match self {
            Sender::Native => native::parse(body),
            Sender::DockerHub => dockerhub::parse(body),
            Sender::Quay => quay::parse(body),
            Sender::Azure => azure::parse(body),
            Sender::GitHub => github::parse(body, context.github_event),
            Sender::Harbor => harbor::parse(body),
            Sender::JFrog => jfrog::parse(body, context.private_registry),
            Sender::Registry => registry::parse(body),
        };
        received.unwrap_or_else(|misfit| Received {
            refusal: Some(String::new()),
            remark: Some(misfit.to_string()),
            ..Received::default()
        })
    }
}

impl Received {
    /// These pushes and nothing to complain about.
    fn of(pushes: Vec<Push>) -> Received {
        Received { pushes, ..Received::default() }
    }

    /// Status 400 with this text.
    fn refused(text: &str) -> Received {
        Received { refusal: Some(text.to_string()), remark: Some(text.to_string()), ..Received::default() }
    }

    /// Status 200 although nothing is taken: why.
    fn ignored(why: impl Into<String>) -> Received {
        Received { remark: Some(why.into()), ..Received::default() }
    }
}

impl Push {
    fn new(repository: &str, tag: &str, digest: &str) -> Push {
        let digest = (!digest.is_empty()).then(|| digest.to_string());
        Push { image: format!("{repository}:{tag}"), digest }
    }
}

/// What parsing gives: the body is refused with an empty text when its JSON does not fit.
type Parsed = Result<Received, Misfit>;
