//! What is shown of rollouts and experiments, once and kept current.
#![allow(missing_docs, clippy::unwrap_used)]

mod support;

use serde_json::{Value, json};
use support::{NS, World, said};
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout};

/// The text with ages and generated names made alike, and nothing behind the last word of a line.
fn steady(world: &World, text: &str) -> String {
    let mut text = text.to_string();
    for (kind, short) in [("Pod", "POD"), ("ReplicaSet", "SET")] {
        let group = if kind == "Pod" { "" } else { "apps" };
        let mut objects = world.model.list(group, kind, NS);
        objects.sort_by_key(|object| std::cmp::Reverse(object["metadata"]["name"].as_str().unwrap().len()));
        for name in objects.iter().filter_map(|object| object["metadata"]["name"].as_str()) {
            text = text.replace(name, short);
        }
    }
    let line = |line: &str| {
        let words = line.split_whitespace().map(|word| if is_age(word) { "AGE" } else { word });
        words.collect::<Vec<_>>().join(" ")
    };
    text.lines().map(line).collect::<Vec<_>>().join("\n")
}

fn is_age(word: &str) -> bool {
    word.strip_suffix('s').is_some_and(|number| !number.is_empty() && number.chars().all(|c| c.is_ascii_digit()))
}

const PICTURE: &str = "\
Name: web
Namespace: shop
Status: ॥ Paused
Message: CanaryPauseStep
Strategy: Canary
Step: 1/4
SetWeight: 20
ActualWeight: 20
Images: init:1 (canary, stable)
web:1 (stable)
web:2 (canary)
Replicas:
Desired: 5
Current: 5
Updated: 1
Ready: 5
Available: 5

NAME KIND STATUS AGE INFO
⟳ web Rollout ॥ Paused AGE
├──# revision:2
│ ├──⧉ SET ReplicaSet ✔ Healthy AGE canary
│ │ └──□ POD Pod ✔ Running AGE ready:1/1
│ └──α web-run AnalysisRun ✖ Failed AGE ✔ 2,✖ 3,⚠ 1
│ └──⊞ web-job Job ✖ Failed AGE
└──# revision:1
├──⧉ SET ReplicaSet ✔ Healthy AGE stable
│ ├──□ POD Pod ✔ Running AGE ready:1/1
│ ├──□ POD Pod ✔ Running AGE ready:1/1
│ ├──□ POD Pod ✔ Running AGE ready:1/1
│ └──□ POD Pod ✔ Running AGE ready:1/1
└──Σ web-exp Experiment ◌ Running AGE
└──α web-exp-run AnalysisRun ◷ Pending AGE";

/// An object that the rollout, or another object, owns. Another controller looks after it, so that ours leaves its status alone.
fn owned(kind: &str, name: &str, owner: &Value, revision: &str, status: Value) -> Value {
    let owner = json!({"apiVersion": owner["apiVersion"], "kind": owner["kind"], "name": owner["metadata"]["name"],
        "uid": owner["metadata"]["uid"], "controller": true});
    json!({
        "apiVersion": "argoproj.io/v1alpha1", "kind": kind, "status": status,
        "spec": if kind == "Experiment" { json!({"duration": "1h", "templates": []}) } else { json!({"metrics": []}) },
        "metadata": {"name": name, "namespace": NS, "ownerReferences": [owner],
            "labels": {"argo-rollouts.argoproj.io/controller-instance-id": "other"}, "annotations": {"rollout.argoproj.io/revision": revision}},
    })
}

#[tokio::test]
async fn a_rollout_is_a_tree() {
    let world = World::at_a_pause().await;
    let rollout = world.rollout("web");
    let measured = json!([{"phase": "Failed", "startedAt": jiff::Timestamp::now(), "metadata": {"job-name": "web-job"}}, {"phase": "Error"}]);
    let metrics = json!([
        {"name": "a", "phase": "Failed", "successful": 2, "failed": 3},
        {"name": "b", "phase": "Error", "error": 1, "measurements": measured},
    ]);
    let run = owned("AnalysisRun", "web-run", &rollout, "2", json!({"phase": "Failed", "metricResults": metrics}));
    world.model.apply(&run).unwrap();
    let experiment = owned("Experiment", "web-exp", &rollout, "1", json!({"phase": "Running"}));
    let experiment = world.model.apply(&experiment).unwrap();
    world.model.apply(&owned("AnalysisRun", "web-exp-run", &experiment, "", json!({"phase": "Pending"}))).unwrap();

    for args in [&["get", "rollout", "web"][..], &["get", "ro", "web", "--no-color", "-w", "--timeout-seconds", "1"]] {
        let said = world.run(args).await;
        let first: Vec<&str> = said.out.split("\n\nName:").collect();
        assert_eq!((steady(&world, first[0].trim_end()).as_str(), said.err.as_str(), said.code), (PICTURE, "", 0));
    }
    let said = world.run(&["get", "experiment", "web-exp"]).await;
    let wanted = "\
Name: web-exp
Namespace: shop
Status: ◌ Running

NAME KIND STATUS AGE INFO
Σ web-exp Experiment ◌ Running AGE
└──α web-exp-run AnalysisRun ◷ Pending AGE";
    assert_eq!((steady(&world, &said.out).as_str(), said.code), (wanted, 0));
    let said = world.run(&["list", "experiments"]).await;
    assert!(said.out.starts_with("NAME        STATUS   DURATION"), "{}", said.out);
    assert_eq!(steady(&world, &said.out), "NAME STATUS DURATION REMAINING AGE\nweb-exp Running 60m - AGE");
}

/// Reads lines until one holds the text.
async fn until(lines: &mut Lines<BufReader<ChildStdout>>, text: &str) -> String {
    let wait = async {
        loop {
            let line = lines.next_line().await.unwrap().unwrap_or_else(|| panic!("ended without {text:?}"));
            if line.contains(text) {
                return line;
            }
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(60), wait).await.unwrap_or_else(|_| panic!("no {text:?}"))
}

fn lines(child: &mut Child) -> Lines<BufReader<ChildStdout>> {
    BufReader::new(child.stdout.take().unwrap()).lines()
}

#[tokio::test]
async fn pictures_and_lists_keep_themselves_current() {
    let world = World::at_a_pause().await;
    let mut picture = world.start(&["get", "rollout", "web", "-w"]);
    let mut list = world.start(&["list", "rollouts", "-w", "--timestamps"]);
    let status = world.start(&["status", "web"]);
    let (mut picture, mut list) = (lines(&mut picture), lines(&mut list));
    until(&mut picture, "Message:         CanaryPauseStep").await;
    let head = until(&mut list, "NAME").await;
    assert!(head.starts_with("TIMESTAMP             NAME        STRATEGY "), "{head}");
    until(&mut list, "Paused        1/4   20          5/5").await;
    // A server that cuts its watches is asked again.
    world.model.cut_watches();
    let promoted = world.run(&["promote", "web"]).await;
    assert_eq!(promoted.code, 0);
    until(&mut picture, "  Step:          3/4").await;
    until(&mut list, "Paused        3/4   60          5/5").await;
    assert_eq!(world.run(&["promote", "web"]).await.code, 0);
    until(&mut picture, "Status:          ✔ Healthy").await;
    until(&mut list, "Healthy       4/4   100         5/5").await;
    let said = said(status).await;
    let told: Vec<&str> = said.out.lines().collect();
    assert_eq!(
        (told.first(), told.last(), said.code),
        (Some(&"Paused - CanaryPauseStep"), Some(&"Healthy"), 0),
        "{told:?}"
    );
    assert!(told.windows(2).all(|two| two[0] != two[1]), "{told:?}");
    world.model.delete("argoproj.io", "Rollout", NS, "web").unwrap();
    assert!(picture.next_line().await.is_ok());
    while let Ok(Some(_)) = picture.next_line().await {}
}

#[tokio::test]
async fn status_has_an_end() {
    let world = World::at_a_pause().await;
    let said = world.run(&["status", "web", "--watch=false"]).await;
    assert_eq!((said.out.as_str(), said.err.as_str(), said.code), ("Paused - CanaryPauseStep\n", "", 0));
    let said = world.run(&["status", "web", "--timeout", "1s"]).await;
    assert_eq!((said.out.as_str(), said.code), ("Paused - CanaryPauseStep\n", 1));
    assert!(said.err.contains("after 1s") && said.err.contains("explain web"), "{}", said.err);
    world.run(&["abort", "web"]).await;
    let aborted = "Degraded - RolloutAborted: Rollout aborted update to revision 2\n";
    world.until("web", |rollout| rollout["status"]["phase"] == "Degraded").await;
    for args in [&["status", "web"][..], &["status", "web", "-w=false"]] {
        let said = world.run(args).await;
        assert_eq!((said.out.as_str(), said.err.as_str(), said.code), (aborted, "", 1), "{args:?}");
    }
}

#[tokio::test]
async fn nothing_to_list() {
    let world = World::new().await;
    for args in [&["list", "rollouts"][..], &["list", "ro", "-A"], &["list", "experiments"], &["list", "exp", "-A"]] {
        let said = world.run(args).await;
        assert_eq!((said.out.as_str(), said.err.as_str(), said.code), ("", "No resources found.\n", 0), "{args:?}");
    }
}

#[tokio::test]
async fn the_name_of_the_file_is_the_name_it_answers_to() {
    let world = World::at_a_pause().await;
    for (file, spelled) in [("kubectl-argo-rollouts", "kubectl argo rollouts"), ("kubectl-serinus", "kubectl serinus")]
    {
        let program = world.home.path().join(file);
        std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_serinus"), &program).unwrap();
        let said = world.run_as(&program, &["status", "web", "-w=false"], "").await;
        assert_eq!((said.out.as_str(), said.code), ("Paused - CanaryPauseStep\n", 0));
        let said = world.run_as(&program, &["pause", "wbe"], "").await;
        assert!(said.err.starts_with(&format!("{spelled}: rollout 'wbe' not found")), "{}", said.err);
        let said = world.run_as(&program, &["--help"], "").await;
        assert!(said.out.contains(&format!("Usage: {spelled} ")) && !said.out.contains("sandbox"), "{}", said.out);
        let said = world.run_as(&program, &["version"], "").await;
        let number = format!("{file}: v{}\n", env!("CARGO_PKG_VERSION"));
        assert!(said.out.starts_with(&format!("{number}  Platform: ")), "{}", said.out);
        assert_eq!(world.run_as(&program, &["version", "--short"], "").await.out, number);
        let said = world.run_as(&program, &["completion", "bash"], "").await;
        assert!(said.out.contains("complete -F ") && said.out.contains(&format!(" {file}\n")), "{}", said.out);
    }
}
