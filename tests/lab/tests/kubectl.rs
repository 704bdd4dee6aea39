//! A real `kubectl` on `serinus sandbox`: what people type, and what it prints.
//!
//! The sandbox is the binary as it ships (`SERINUS_BIN`, or the one beside this test); `kubectl` is the one in `PATH`. No cluster is needed.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serinus_tests_lab::settings;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, Command};

/// A running sandbox; it ends with this.
struct Sandbox {
    _child: Child,
    kubeconfig: String,
}

/// What a command came to: its output with its errors, and whether it went well.
struct Said {
    good: bool,
    text: String,
}

impl Sandbox {
    async fn start() -> Result<Sandbox> {
        let mut command = Command::new(settings::serinus()?);
        command.args(["sandbox", "--port", "0", "--gateway-port", "0"]).stdout(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().context("start the sandbox")?;
        let mut lines = BufReader::new(child.stdout.take().context("its output")?).lines();
        let mut kubeconfig = String::new();
        while let Some(line) = lines.next_line().await? {
            if let Some((_, path)) = line.split_once("export KUBECONFIG=") {
                kubeconfig = path.trim().to_owned();
            }
            if line.starts_with("Ctrl-C") {
                break;
            }
        }
        ensure!(!kubeconfig.is_empty(), "the sandbox does not say where its kubeconfig is");
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        Ok(Sandbox { _child: child, kubeconfig })
    }

    async fn run(&self, words: &str, input: &str) -> Result<Said> {
        let mut command = Command::new("kubectl");
        command.args(split(words)).env("KUBECONFIG", &self.kubeconfig).kill_on_drop(true);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().context("start kubectl; run: eval \"$(lab/lab env)\"")?;
        let mut stdin = child.stdin.take().context("its input")?;
        stdin.write_all(input.as_bytes()).await?;
        drop(stdin);
        let ended = tokio::time::timeout(Duration::from_secs(90), child.wait_with_output()).await;
        let output = ended.with_context(|| format!("kubectl {words} hangs"))??;
        let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        Ok(Said { good: output.status.success(), text })
    }

    /// Each command goes well and says what is beside it.
    async fn says(&self, commands: &[(&str, &str)]) -> Result<()> {
        self.all(commands, true, "").await
    }

    /// Each command is refused with what is beside it.
    async fn refuses(&self, commands: &[(&str, &str)]) -> Result<()> {
        self.all(commands, false, "").await
    }

    async fn all(&self, commands: &[(&str, &str)], good: bool, input: &str) -> Result<()> {
        for (words, expected) in commands {
            let said = self.run(words, input).await?;
            ensure!(
                said.good == good,
                "kubectl {words}: went {}: {}",
                if said.good { "well" } else { "wrong" },
                said.text
            );
            ensure!(said.text.contains(expected), "kubectl {words}: {expected:?} is not in: {}", said.text);
        }
        Ok(())
    }
}

/// Words between spaces; single quotes hold some together.
fn split(text: &str) -> Vec<String> {
    let (mut words, mut word, mut quoted) = (Vec::new(), String::new(), false);
    for letter in text.chars() {
        match letter {
            '\'' => quoted = !quoted,
            ' ' if !quoted => words.extend(Some(std::mem::take(&mut word)).filter(|word| !word.is_empty())),
            other => word.push(other),
        }
    }
    words.extend(Some(word).filter(|word| !word.is_empty()));
    words
}

fn app(replicas: u32, data: &str) -> String {
    format!(
        "apiVersion: apps/v1
kind: Deployment
metadata: {{name: app, labels: {{app: app}}}}
spec:
  replicas: {replicas}
  selector: {{matchLabels: {{app: app}}}}
  template:
    metadata: {{labels: {{app: app}}}}
    spec:
      terminationGracePeriodSeconds: 1
      containers: [{{name: app, image: 'serinus/demo:1.0.0', ports: [{{containerPort: 8080}}]}}]
---
apiVersion: v1
kind: ConfigMap
metadata: {{name: app}}
data: {data}
"
    )
}

#[tokio::test]
async fn looking_around() -> Result<()> {
    let sandbox = Sandbox::start().await?;
    sandbox
        .says(&[
            ("wait --for=jsonpath='{.status.phase}'=Healthy rollout/rollout-pregap --timeout=30s", "condition met"),
            ("version", "Server Version"),
            ("api-resources", "rollouts"),
            ("get all", "replicaset.apps/rollout-pregap-"),
            ("get pods -o wide", "NOMINATED NODE"),
            ("get pods -A --no-headers", "Running"),
            ("get rollout", "DESIRED"),
            ("get rollout rollout-pregap -o yaml", "stableService: test2-pregap"),
            ("get deploy,svc,ing,cm,secret,ns,no,endpointslices,leases,crd -A -o wide", "serinus/demo:1.0.0"),
            ("get deploy -o jsonpath='{.items[*].metadata.name}'", "test2-pregap"),
            ("get svc -o custom-columns=N:.metadata.name,T:.spec.type", "ClusterIP"),
            ("get pods -o go-template='{{range .items}}{{.status.phase}} {{end}}'", "Running"),
            ("get pods -l app=test2-pregap,app!=other -o name", "pod/rollout-pregap-"),
            ("get pods --field-selector status.phase=Running -o json", "\"phase\": \"Running\""),
            ("get events", "RolloutCompleted"),
            ("get rollout --show-managed-fields -o yaml", "fieldsV1"),
            ("describe rollout rollout-pregap", "Stable Service:  test2-pregap"),
            ("describe deploy test2-pregap", "serinus/demo:1.0.0"),
            ("describe svc test2-pregap", "Endpoints:"),
            ("describe pods", "Readiness:"),
            ("describe node", "Non-terminated Pods"),
            ("explain deployment.spec.strategy.rollingUpdate", "maxSurge"),
            ("explain pod.spec.containers.ports", "containerPort"),
            ("explain rollout.spec.strategy.canary.steps", "setWeight"),
            ("auth can-i create pods", "yes"),
            ("logs -l app=test2-pregap --tail=2", ""),
            ("get --raw /readyz", "ok"),
        ])
        .await?;
    sandbox
        .refuses(&[
            ("get pods nosuch", "pods \"nosuch\" not found"),
            ("get nosuch", "the server doesn't have a resource type \"nosuch\""),
            ("get pods -l 'a in b'", "unable to parse requirement"),
            ("exec deploy/test2-pregap -- ls", ""),
        ])
        .await
}

#[tokio::test]
async fn a_working_day() -> Result<()> {
    let sandbox = Sandbox::start().await?;
    sandbox
        .says(&[
            ("create namespace play", "namespace/play created"),
            ("config set-context --current --namespace=play", "modified"),
        ])
        .await?;
    let (first, second) = (app(2, "{a: '1', b: '2'}"), app(3, "{a: '1', c: '3'}"));
    for (manifest, words, expected) in [
        (&first, "apply -f -", "deployment.apps/app created"),
        (&first, "apply -f -", "deployment.apps/app unchanged"),
        (&second, "apply -f -", "configmap/app configured"),
        (&second, "apply --server-side --force-conflicts -f -", "serverside-applied"),
        (&second, "apply --server-side --force-conflicts -f -", "serverside-applied"),
        (&first, "apply --server-side --force-conflicts -f -", "serverside-applied"),
        (&second, "replace -f -", "deployment.apps/app replaced"),
    ] {
        sandbox.all(&[(words, expected)], true, manifest).await?;
    }
    sandbox.all(&[("apply --server-side --field-manager=other -f -", "conflict with")], false, &first).await?;
    sandbox
        .says(&[
            // The other manager's ConfigMap was in nobody's way.
            ("get cm app -o jsonpath='{.data}'", "{\"a\":\"1\",\"b\":\"2\",\"c\":\"3\"}"),
            ("rollout status deploy/app --timeout=60s", "successfully rolled out"),
            ("patch deploy app -p '{\"spec\":{\"replicas\":1}}'", "patched"),
            ("patch deploy app --type=merge -p '{\"spec\":{\"replicas\":2}}'", "patched"),
            (
                "patch deploy app --type=json -p '[{\"op\":\"replace\",\"path\":\"/spec/replicas\",\"value\":1}]'",
                "patched",
            ),
            ("scale deploy app --replicas=2", "scaled"),
            ("scale rollout rollout-pregap -n pregap --replicas=2", "scaled"),
            ("rollout restart deploy/app", "restarted"),
            ("rollout status deploy/app --timeout=60s", "successfully rolled out"),
            ("rollout history deploy/app", "2"),
            ("rollout undo deploy/app", "rolled back"),
            ("set image deploy/app app=serinus/demo:2.0.0", "image updated"),
            ("rollout status deploy/app --timeout=60s", "successfully rolled out"),
            ("wait --for=condition=Available deploy/app --timeout=30s", "condition met"),
            ("label cm app x=y", "labeled"),
            ("annotate cm app x=y", "annotated"),
            ("create configmap one --from-literal=a=b", "created"),
            ("create secret generic one --from-literal=a=b", "created"),
            ("create deployment one --image=serinus/demo:1.0.0", "created"),
            ("create service clusterip one --tcp=80:8080", "created"),
            ("expose deploy app --port=80", "exposed"),
            ("create job good --image=none -- sh -c 'echo hello; exit 0'", "created"),
            ("wait --for=condition=Complete job/good --timeout=30s", "condition met"),
            ("logs job/good", "hello"),
            ("get jobs", "1/1"),
            ("delete deploy one --cascade=foreground --timeout=60s", "deleted"),
            ("delete deploy app --cascade=orphan", "deleted"),
            ("get rs -l app=app -o name", "replicaset.apps/app-"),
            ("delete rs -l app=app --cascade=background", "deleted"),
            ("delete job good", "deleted"),
            ("delete namespace play --timeout=60s", "deleted"),
        ])
        .await?;
    sandbox
        .refuses(&[
            ("get namespace play", "namespaces \"play\" not found"),
            ("patch deploy test2-pregap -n pregap --type=json -p '[{\"op\":\"test\",\"path\":\"/spec/replicas\",\"value\":7}]'", ""),
            ("create configmap app -n play", "namespaces \"play\" not found"),
        ])
        .await
}

/// What the sandbox prints for the next image is typed as it stands; a bad job fails with what it printed.
#[tokio::test]
async fn the_next_image_and_a_job_that_fails() -> Result<()> {
    let sandbox = Sandbox::start().await?;
    let job = "{apiVersion: batch/v1, kind: Job, metadata: {name: bad}, spec: {backoffLimit: 0, template: {spec: {restartPolicy: Never,
        containers: [{name: c, image: none, command: [sh, -c, 'echo no; exit 3']}]}}}}";
    sandbox.all(&[("apply -f -", "job.batch/bad created")], true, job).await?;
    sandbox
        .says(&[
            ("wait --for=jsonpath='{.status.phase}'=Healthy rollout/rollout-pregap --timeout=30s", "condition met"),
            ("set image deployment/test2-pregap test2-pregap=serinus/demo:2.0.0", "image updated"),
            ("wait --for=condition=Failed job/bad --timeout=30s", "condition met"),
            ("logs job/bad", "no"),
            ("wait --for=jsonpath='{.status.phase}'=Progressing rollout/rollout-pregap --timeout=30s", "condition met"),
            ("wait --for=jsonpath='{.status.phase}'=Healthy rollout/rollout-pregap --timeout=80s", "condition met"),
            ("get pods -o jsonpath='{.items[*].spec.containers[0].image}'", "serinus/demo:2.0.0"),
        ])
        .await
}
