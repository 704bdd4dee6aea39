//! The verbs that change something: what a person reads, and what is sent to the server.
#![allow(missing_docs, clippy::unwrap_used)]

mod support;

use serde_json::{Value, json};
use support::{NS, World};

const ROLLOUT: &str = "PATCH /apis/argoproj.io/v1alpha1/namespaces/shop/rollouts/web";

fn status() -> String {
    format!("{ROLLOUT}/status")
}

#[tokio::test]
async fn each_verb_is_one_small_patch() {
    let world = World::at_a_pause().await;
    let steps: [(&[&str], &str, String, Value); 8] = [
        (&["pause", "web"], "rollout 'web' paused\n", ROLLOUT.into(), json!({"spec": {"paused": true}})),
        (&["abort", "web"], "rollout 'web' aborted\n", status(), json!({"status": {"abort": true}})),
        (&["retry", "rollout", "web"], "rollout 'web' retried\n", status(), json!({"status": {"abort": false}})),
        (&["promote", "web", "-c"], "rollout 'web' promoted\n", status(), json!({"status": {"currentStepIndex": 1}})),
        (
            &["promote", "web", "--skip-all-steps"],
            "rollout 'web' promoted\n",
            status(),
            json!({"status": {"currentStepIndex": 4}}),
        ),
        (
            &["promote", "web", "--full"],
            "rollout 'web' fully promoted\n",
            status(),
            json!({"status": {"promoteFull": true}}),
        ),
        (
            &["retry", "experiment", "exp"],
            "experiment 'exp' retried\n",
            "PATCH /apis/argoproj.io/v1alpha1/namespaces/shop/experiments/exp".into(),
            json!({"status": null}),
        ),
        (
            &["terminate", "ar", "run"],
            "analysisRun 'run' terminated\n",
            "PATCH /apis/argoproj.io/v1alpha1/namespaces/shop/analysisruns/run".into(),
            json!({"spec": {"terminate": true}}),
        ),
    ];
    // The rollout stands still: with `paused` the controller changes neither step nor hash between the verbs.
    for (kind, name, spec) in
        [("Experiment", "exp", json!({"templates": []})), ("AnalysisRun", "run", json!({"metrics": []}))]
    {
        let meta = json!({"name": name, "namespace": NS});
        let object = json!({"apiVersion": "argoproj.io/v1alpha1", "kind": kind, "metadata": meta, "spec": spec});
        world.model.apply(&object).unwrap();
    }
    for (args, out, line, patch) in steps {
        world.until("web", |_| true).await;
        let said = world.run(args).await;
        assert_eq!((said.out.as_str(), said.err.as_str(), said.code), (out, "", 0), "{args:?}");
        let written = world.written();
        assert!(written.contains(&(line, patch)), "{args:?}: {written:?}");
        if args == ["abort", "web"] {
            world.until("web", |rollout| rollout["status"]["currentStepIndex"] == 0).await;
        }
    }
}

#[tokio::test]
async fn promote_resumes_and_a_restart_has_its_time() {
    let world = World::at_a_pause().await;
    let said = world.run(&["promote", "web"]).await;
    assert_eq!((said.out.as_str(), said.code), ("rollout 'web' promoted\n", 0));
    assert_eq!(world.written(), [(status(), json!({"status": {"pauseConditions": null}}))]);
    let second_pause =
        |rollout: &Value| rollout["status"]["currentStepIndex"] == 3 && !rollout["status"]["pauseConditions"].is_null();
    world.until("web", second_pause).await;
    world.run(&["pause", "web"]).await;
    world.until("web", |rollout| rollout["spec"]["paused"] == true).await;
    world.forget();
    world.run(&["promote", "web"]).await;
    let (spec, ended) = (json!({"spec": {"paused": false}}), json!({"status": {"pauseConditions": null}}));
    assert_eq!(world.written(), [(ROLLOUT.to_string(), spec), (status(), ended)]);
    world.until("web", |rollout| rollout["status"]["phase"] == "Healthy").await;
    world.forget();
    let said = world.run(&["restart", "web", "-i", "10m"]).await;
    assert_eq!((said.out.as_str(), said.code), ("rollout 'web' restarts in 10m\n", 0));
    let (_, patch) = world.written().remove(0);
    let at: jiff::Timestamp = patch["spec"]["restartAt"].as_str().unwrap().parse().unwrap();
    let from_now = at.as_second() - jiff::Timestamp::now().as_second();
    assert!((540..=600).contains(&from_now), "{patch}");
    // Nothing is being rolled out: there is nothing to write.
    let said = world.run(&["promote", "web", "--full"]).await;
    assert_eq!((said.out.as_str(), said.code, world.written().len()), ("rollout 'web' fully promoted\n", 0, 0));
}

#[tokio::test]
async fn a_kind_without_a_status_of_its_own_is_patched_as_a_whole() {
    let world = World::new().await;
    let mut old = serinus_wire::crd::rollout();
    old["spec"]["versions"][0]["subresources"] = json!({});
    world.model.apply(&old).unwrap();
    world.model.delete("apiextensions.k8s.io", "CustomResourceDefinition", "", "rollouts.argoproj.io").unwrap();
    world.model.settle();
    world.model.apply(&old).unwrap();
    world.model.apply(&support::rollout("web")).unwrap();
    let said = world.run(&["abort", "web"]).await;
    assert_eq!((said.out.as_str(), said.err.as_str(), said.code), ("rollout 'web' aborted\n", "", 0));
    let lines: Vec<String> = world.written().into_iter().map(|(line, _)| line).collect();
    assert_eq!(lines, [status(), ROLLOUT.to_string()]);
    assert_eq!(world.rollout("web")["status"]["abort"], true);
}

#[tokio::test]
async fn what_files_hold_is_created() {
    let world = World::new().await;
    let rollout = support::rollout("web").to_string();
    let template = "apiVersion: argoproj.io/v1alpha1\nkind: ClusterAnalysisTemplate\nmetadata: {name: rate}\nspec: {metrics: []}\n";
    std::fs::write(world.home.path().join("all.yaml"), format!("{template}---\n{rollout}\n")).unwrap();
    let said = world.run(&["create", "-f", "all.yaml"]).await;
    let wanted = "clusteranalysistemplate.argoproj.io/rate created\nrollout.argoproj.io/web created\n";
    assert_eq!((said.out.as_str(), said.err.as_str(), said.code), (wanted, "", 0));
    assert!(world.model.get("argoproj.io", "ClusterAnalysisTemplate", "", "rate").is_some());
    for (text, wanted) in [
        (rollout.clone(), "serinus: -:1:1: rollouts.argoproj.io \"web\" already exists\n"),
        ("a: [".to_string(), "serinus: -:1:"),
        (
            rollout.replace("\"shop\"", "\"else\""),
            "serinus: -:1:1: it is for namespace 'else', not 'shop': give -n else\n",
        ),
        (
            "{apiVersion: v1, kind: Pod, metadata: {name: a}}".to_string(),
            "serinus: -:1:1: \"v1\" \"Pod\" can't be created here, only Rollout, ",
        ),
    ] {
        let said = world.run_with_input(&["create", "-f", "-"], &text).await;
        assert!(said.err.starts_with(wanted) && said.err.lines().count() == 1, "{}", said.err);
        assert_eq!((said.out.as_str(), said.code), ("", 1));
    }
}

#[tokio::test]
async fn a_run_is_made_from_a_template() {
    let world = World::new().await;
    let metrics = "metrics: [{name: m, provider: {web: {url: 'http://a'}}}]";
    let template = |kind: &str, name: &str| {
        format!(
            "apiVersion: argoproj.io/v1alpha1\nkind: {kind}\nmetadata: {{name: {name}}}\n\
             spec: {{args: [{{name: service}}, {{name: port, value: '80'}}], {metrics}}}\n"
        )
    };
    let both = format!("{}---\n{}", template("AnalysisTemplate", "rate"), template("ClusterAnalysisTemplate", "wide"));
    std::fs::write(world.home.path().join("templates.yaml"), both).unwrap();
    assert_eq!(world.run(&["create", "-f", "templates.yaml"]).await.code, 0);
    world.forget();
    let from_cluster =
        ["create", "analysisrun", "--from", "rate", "-a", "service=web", "-a", "port=90", "--name", "run"];
    let said = world.run(&from_cluster).await;
    assert_eq!((said.out.as_str(), said.err.as_str(), said.code), ("analysisrun.argoproj.io/run created\n", "", 0));
    let run = world.model.get("argoproj.io", "AnalysisRun", NS, "run").unwrap();
    assert_eq!(run["spec"]["args"], json!([{"name": "service", "value": "web"}, {"name": "port", "value": "90"}]));
    assert_eq!(run["spec"]["metrics"][0]["name"], "m");
    for args in [&["--global", "--from", "wide"][..], &["--global", "--from-file", "templates.yaml"]] {
        let all = [&["create", "ar", "-a", "service=x=y", "--instance-id", "two"], args].concat();
        let said = world.run(&all).await;
        assert!(said.out.starts_with("analysisrun.argoproj.io/wide-") && said.code == 0, "{said:?}");
        let name = said.out.trim_start_matches("analysisrun.argoproj.io/").trim_end_matches(" created\n");
        let run = world.model.get("argoproj.io", "AnalysisRun", NS, name).unwrap();
        assert_eq!(run["metadata"]["labels"]["argo-rollouts.argoproj.io/controller-instance-id"], "two");
        assert_eq!(run["spec"]["args"][0]["value"], "x=y");
    }
    world.forget();
    for (args, wanted, code) in [
        (&["--from", "rate"][..], "argument 'service' of template 'rate' has no value: give -a service=VALUE", 1),
        (&["--from", "rate", "-a", "service=a", "-a", "prot=1"], "no argument 'prot': it has service, port", 1),
        (&["--from", "none"], "analysisTemplate 'none' not found in namespace 'shop'", 1),
        (&["--global", "--from", "rate"], "clusterAnalysisTemplate 'rate' not found", 1),
        (&["--from-file", "none.yaml"], "none.yaml", 1),
        (&["--from", "rate", "-a", "service"], "NAME=VALUE", 2),
        (&[], "--from", 2),
    ] {
        let said = world.run(&[&["create", "analysisrun"], args].concat()).await;
        assert!(said.out.is_empty() && said.err.contains(wanted) && said.code == code, "{args:?} {said:?}");
    }
    assert_eq!(world.written(), []);
}
