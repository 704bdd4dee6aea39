//! `lint`: what is found in files, where, and what the exit code says.
#![allow(missing_docs, clippy::unwrap_used)]

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

const GOOD: &str = "\
apiVersion: argoproj.io/v1alpha1
kind: Rollout
metadata: {name: web}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: 'web:1'}]}
  strategy:
    canary:
      stableService: web-stable
      canaryService: web-canary
      steps:
      - setWeight: 20
      - pause: {}
";
const SERVICE: &str = "\
apiVersion: v1
kind: Service
metadata: {name: web-stable}
spec: {selector: {app: web}, ports: [{port: 80}]}
";

/// Runs it in a directory with these files; standard output, standard error, exit code.
fn lint(files: &[(&str, &str)], args: &[&str], input: &str) -> (String, String, i32) {
    let home = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = home.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap_or(Path::new("."))).unwrap();
        std::fs::write(path, text).unwrap();
    }
    let mut child = Command::new(env!("CARGO_BIN_EXE_serinus"))
        .arg("lint")
        .args(args)
        .current_dir(home.path())
        .env_remove("KUBECONFIG")
        .env("HOME", home.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (text(output.stdout), text(output.stderr), output.status.code().unwrap())
}

#[test]
fn a_good_rollout_is_passed_over_in_silence() {
    let both = format!("{SERVICE}---\n{GOOD}");
    for (files, args, input) in [
        (&[("web.yaml", GOOD)][..], &["-f", "web.yaml"][..], ""),
        (&[("web.yaml", both.as_str())], &["--filename", "web.yaml"], ""),
        (&[("a/web.yaml", GOOD), ("a/service.yml", SERVICE), ("a/values.yaml", "replicas: 3\n")], &["-f", "a"], ""),
        (&[("web.yaml", GOOD), ("service.yaml", SERVICE)], &["-f", "web.yaml", "-f", "service.yaml"], ""),
        (&[], &["-f", "-"], both.as_str()),
    ] {
        assert_eq!(lint(files, args, input), (String::new(), String::new(), 0), "{args:?}");
    }
}

#[test]
fn each_finding_has_its_place_path_value_and_remedy() {
    let bad = GOOD
        .replace("- setWeight: 20", "- setWeight: 120\n      - {}\n      - pause: {duration: soon}")
        .replace("  selector:", "  replicas: three\n  paws: 4\n  selector:");
    let (out, err, code) = lint(&[("web.yaml", &bad)], &["-f", "web.yaml"], "");
    let wanted = [
        r#"web.yaml:5:13: spec.replicas: Invalid value: "three": "#,
        "web.yaml:6:9: spec.paws: Invalid value: unknown field: remove it or correct its spelling",
        "web.yaml:16:20: spec.strategy.canary.steps[0].setWeight: Invalid value: 120: SetWeight needs to be between 0 and 100",
        "web.yaml:17:9: spec.strategy.canary.steps[1]: Invalid value: ",
        "web.yaml:18:27: spec.strategy.canary.steps[2].pause.duration: Invalid value: -1: Duration needs to be greater than 0; write seconds (30), or a duration such as 90s, 5m or 1h30m",
    ];
    let lines: Vec<&str> = out.lines().collect();
    assert_eq!((lines.len(), err.as_str(), code), (wanted.len(), "", 1), "{out}");
    for (line, wanted) in lines.iter().zip(wanted) {
        assert!(line.starts_with(wanted), "{line}\n{wanted}");
    }
}

#[test]
fn documents_are_seen_together() {
    let other = SERVICE.replace("app: web", "app: other");
    let file = format!("{other}---\n{GOOD}");
    let (out, err, code) = lint(&[("web.yaml", &file)], &["-f", "web.yaml"], "");
    let wanted = "web.yaml:16:22: spec.strategy.canary.stableService: Invalid value: \"web-stable\": Service \"web-stable\" has unmatch label \"app\" in rollout; give the pod template the label app: other, or take it out of the Service's selector\n";
    assert_eq!((out.as_str(), err.as_str(), code), (wanted, "", 1));
    // In another namespace it is another Service.
    let far = file
        .replace("{name: web-stable}", "{name: web-stable, namespace: a}")
        .replace("{name: web}", "{name: web, namespace: b}");
    assert_eq!(lint(&[("web.yaml", &far)], &["-f", "web.yaml"], ""), (String::new(), String::new(), 0));
    // The template of the Deployment that is referred to is looked at.
    let workload = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec:\n  selector: {matchLabels: {app: web}}\n  template:\n    metadata: {labels: {app: web}}\n    spec: {containers: [{name: web}]}\n";
    let (head, tail) = (GOOD.find("  selector:").unwrap(), GOOD.find("  strategy:").unwrap());
    let reference = "  workloadRef: {apiVersion: apps/v1, kind: Deployment, name: web}\n";
    let file = format!("{workload}---\n{}{reference}{}", &GOOD[..head], &GOOD[tail..]);
    let (out, _, code) = lint(&[("web.yaml", &file)], &["-f", "web.yaml"], "");
    assert!(out.contains("spec.template.spec.containers[0].image: Required value") && code == 1, "{out}");
}

#[test]
fn what_can_not_be_read_is_2() {
    let broken = "apiVersion: v1\nkind: Service\n  metadata: x\n";
    let template = "apiVersion: {{ .Values.version }}\nkind: Rollout\n";
    for (files, args, wanted) in [
        (&[("web.yaml", broken)][..], &["-f", "web.yaml"][..], "web.yaml:3:"),
        (&[("web.yaml", template)], &["-f", "web.yaml"], "helm template"),
        (&[("a.yaml", GOOD), ("b.yaml", broken)], &["-f", "."], "./b.yaml:3:"),
        (&[], &["-f", "gone.yaml"], "gone.yaml: No such file"),
    ] {
        let (out, err, code) = lint(files, args, "");
        assert!(out.is_empty() && err.contains(wanted) && err.lines().count() == 1 && code == 2, "{out}{err}{code}");
    }
    // What can be read is checked all the same.
    let bad = GOOD.replace("setWeight: 20", "setWeight: 120");
    let (out, err, code) = lint(&[("a.yaml", &bad), ("b.yaml", broken)], &["-f", "."], "");
    assert!(out.starts_with("./a.yaml:14:20: ") && err.starts_with("./b.yaml:3:") && code == 2, "{out}{err}{code}");
}

#[test]
fn nothing_to_check_is_said() {
    for args in [&["-f", "."][..], &["-f", "a"], &["-f", "."]] {
        let (out, err, code) = lint(&[("a/b/web.yaml", GOOD)], args, "");
        assert!(out.is_empty() && err.contains("no Rollout") && code == 0, "{args:?} {out}{err}{code}");
    }
    assert_eq!(lint(&[("a/b/web.yaml", GOOD)], &["-R", "-f", "."], ""), (String::new(), String::new(), 0));
}
