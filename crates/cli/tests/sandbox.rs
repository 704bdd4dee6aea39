//! `serinus sandbox` as people start and end it: bad input, other people's manifests, Ctrl-C.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

fn sandbox(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_serinus"));
    command.arg("sandbox").args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// One line on standard error, and the exit code for what can't be begun.
fn refused(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert_eq!(text.lines().count(), 1, "{text}");
    text
}

#[test]
fn a_taken_port_is_named_with_the_remedy() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    for flag in ["--port", "--gateway-port"] {
        let text = refused(&sandbox(&[flag, &port]).output().unwrap());
        assert!(text.contains(&port) && text.contains(flag), "{text}");
    }
}

#[test]
fn an_unreadable_manifest_is_named_with_line_and_column() {
    let directory = tempfile::tempdir().unwrap();
    for (text, place) in [
        ("apiVersion: v1\nkind: Service\n  metadata: x\n", "web.yaml:3:"),
        ("apiVersion: v1\nkind: Service\n", "web.yaml:1:1: metadata.name"),
        (
            "# first\napiVersion: v1\nkind: Service\nmetadata: {name: Web}\nspec: {ports: [{port: 80}]}\n",
            "web.yaml:2:1: Service \"Web\" is invalid: metadata.name",
        ),
        ("apiVersion: none.io/v1\nkind: Gadget\nmetadata: {name: a}\n", "web.yaml:1:1: no kind \"Gadget\""),
    ] {
        std::fs::write(directory.path().join("web.yaml"), text).unwrap();
        let said = refused(
            &sandbox(&[directory.path().to_str().unwrap(), "--port", "0", "--gateway-port", "0"]).output().unwrap(),
        );
        assert!(said.contains(place), "{said}");
    }
    let said = refused(&sandbox(&["/no/such/directory"]).output().unwrap());
    assert!(said.contains("/no/such/directory"), "{said}");
}

/// A Deployment whose pod is a process that says its id in a file.
const OWN: &str = "
apiVersion: apps/v1
kind: Deployment
metadata: {name: own}
spec:
  selector: {matchLabels: {app: own}}
  template:
    metadata: {labels: {app: own}}
    spec:
      containers:
        - {name: own, image: any, command: [sh, -c, 'echo $$ > pid; exec sleep 600']}
";

#[test]
fn other_peoples_manifests_run_and_an_interrupt_leaves_nothing_behind() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("own.yaml"), OWN).unwrap();
    let mut child =
        sandbox(&[directory.path().to_str().unwrap(), "--port", "0", "--gateway-port", "0"]).spawn().unwrap();
    let kubeconfig = introduced(&mut child);
    assert!(kubeconfig.exists() && kubeconfig.starts_with(directory.path()), "{}", kubeconfig.display());
    let pid = when_there(&directory.path().join("pid"), &mut child);
    assert!(Path::new(&format!("/proc/{pid}")).exists());
    let interrupted = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(interrupted.success());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(!kubeconfig.exists(), "the kubeconfig is still there");
    assert!(!Path::new(&format!("/proc/{pid}")).exists(), "process {pid} is still there");
}

/// A registry without TLS that has two tags of every image.
fn registry() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let host = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut line = String::new();
            let _ = BufReader::new(&mut stream).read_line(&mut line);
            let body =
                if line.contains("/tags/list") { r#"{"name": "team/own", "tags": ["1.0.0", "1.1.0"]}"# } else { "" };
            let digest = format!("Docker-Content-Digest: sha256:{}", "a".repeat(64));
            let length = body.len();
            let _ = write!(
                stream,
                "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: close\r\n{digest}\r\n\r\n{body}"
            );
        }
    });
    host
}

#[test]
fn a_workload_that_asks_for_polling_gets_what_its_registry_has() {
    let directory = tempfile::tempdir().unwrap();
    let host = registry();
    let said =
        "{name: own, annotations: {keel.sh/policy: minor, keel.sh/trigger: poll, keel.sh/pollSchedule: '@every 1s'}}";
    let own = OWN
        .replace("{name: own}\nspec", &format!("{said}\nspec"))
        .replace("image: any", &format!("image: '{host}/team/own:1.0.0'"));
    std::fs::write(directory.path().join("own.yaml"), own).unwrap();
    let at = directory.path().to_str().unwrap();
    let mut child = sandbox(&[at, "--port", "0", "--gateway-port", "0", "--plain-registry", &host]).spawn().unwrap();
    let kubeconfig = introduced(&mut child);
    loop {
        let listed = Command::new(env!("CARGO_BIN_EXE_serinus"))
            .args(["--kubeconfig", kubeconfig.to_str().unwrap(), "updates", "--all"])
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&listed.stdout).into_owned();
        if text.contains("1.1.0 is written into Deployment own") {
            break;
        }
        assert!(child.try_wait().unwrap().is_none(), "the sandbox ended; its updates: {text}");
        std::thread::yield_now();
    }
    Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert_eq!(child.wait_with_output().unwrap().status.code(), Some(0));
}

/// Reads what the sandbox says until it is up; gives the path of its kubeconfig.
fn introduced(child: &mut Child) -> PathBuf {
    let mut lines = BufReader::new(child.stdout.take().unwrap());
    let (mut said, mut line) = (String::new(), String::new());
    while !line.starts_with("Ctrl-C") {
        line.clear();
        if lines.read_line(&mut line).unwrap() == 0 {
            let mut errors = String::new();
            child.stderr.take().unwrap().read_to_string(&mut errors).unwrap();
            panic!("the sandbox ended: {said}{errors}");
        }
        said.push_str(&line);
    }
    // Goes on reading: a full pipe would stop the sandbox.
    std::thread::spawn(move || std::io::copy(&mut lines, &mut std::io::sink()));
    let path = said.lines().find_map(|line| line.split_once("KUBECONFIG=")).expect(&said).1;
    PathBuf::from(path.trim())
}

/// The number in a file, once it is there; the sandbox must live on meanwhile.
fn when_there(path: &Path, child: &mut Child) -> u32 {
    loop {
        if let Some(number) = std::fs::read_to_string(path).ok().and_then(|text| text.trim().parse().ok()) {
            return number;
        }
        assert!(child.try_wait().unwrap().is_none(), "the sandbox ended before {} was written", path.display());
        std::thread::yield_now();
    }
}
