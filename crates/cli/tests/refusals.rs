//! What does not work: one line that names the value and the remedy, exit code 1, and nothing changed.
#![allow(missing_docs, clippy::unwrap_used)]

mod support;

use serinus_model::Fault;
use support::{World, kubeconfig};

#[tokio::test]
async fn what_is_not_there_is_named() {
    let world = World::at_a_pause().await;
    let before = world.rollout("web")["spec"].clone();
    let missing = "serinus: rollout 'wbe' not found in namespace 'shop': `list rollouts -A` shows those that exist, -n chooses the namespace\n";
    let container = "serinus: no container 'app' in rollout 'web': it has init, web; * means all of them\n";
    let table: [(&[&str], &str); 16] = [
        (&["get", "rollout", "wbe"], missing),
        (&["get", "rollout", "wbe", "-w"], missing),
        (&["status", "wbe"], missing),
        (&["promote", "wbe"], missing),
        (&["promote", "wbe", "--full"], missing),
        (&["abort", "wbe"], missing),
        (&["retry", "rollout", "wbe"], missing),
        (&["pause", "wbe"], missing),
        (&["restart", "wbe"], missing),
        (&["undo", "wbe"], missing),
        (&["set", "image", "wbe", "web=web:3"], missing),
        (&["set", "image", "web", "app=web:3"], container),
        // The first is right, the second is not: neither is written.
        (&["set", "image", "web", "web=web:3", "app=web:3"], container),
        (
            &["terminate", "analysisrun", "run"],
            "serinus: analysisRun 'run' not found in namespace 'shop': correct the name, or choose the namespace with -n\n",
        ),
        (
            &["get", "experiment", "exp"],
            "serinus: experiment 'exp' not found in namespace 'shop': correct the name, or choose the namespace with -n\n",
        ),
        (
            &["undo", "web", "--to-revision", "7"],
            "serinus: rollout 'web' has no revision 7: kept are 1, 2; choose with --to-revision\n",
        ),
    ];
    for (args, wanted) in table {
        let said = world.run(args).await;
        assert_eq!((said.out.as_str(), said.err.as_str(), said.code), ("", wanted, 1), "{args:?}");
    }
    assert_eq!(world.rollout("web")["spec"], before);
}

const WRITES: [&[&str]; 9] = [
    &["promote", "web"],
    &["abort", "web"],
    &["retry", "rollout", "web"],
    &["pause", "web"],
    &["restart", "web"],
    &["undo", "web"],
    &["set", "image", "web", "web=web:3"],
    &["retry", "experiment", "web"],
    &["terminate", "experiment", "web"],
];

#[tokio::test]
async fn a_server_that_refuses_is_heard() {
    let world = World::at_a_pause().await;
    let before = world.rollout("web");
    // The controller runs on; only what people send is refused.
    world.model.set_fault_hook(|call| {
        let people = !call.agent.is_empty() || call.is_write();
        if people && call.is_write() && call.resource != "events" { Fault::Refuse(403) } else { Fault::None }
    });
    for args in WRITES {
        let said = world.run(args).await;
        assert_eq!((said.out.as_str(), said.code), ("", 1), "{args:?}");
        assert_eq!(said.err.lines().count(), 1, "{}", said.err);
        assert!(said.err.contains("'web'") && said.err.contains("ask for that right"), "{}", said.err);
    }
    world.model.set_fault_hook(|call| match call.verb.as_str() {
        "list" | "watch" => Fault::Refuse(403),
        _ => Fault::None,
    });
    for args in [&["get", "rollout", "web"][..], &["list", "rollouts"], &["list", "rollouts", "-w"], &["status", "web"]]
    {
        let said = world.run(args).await;
        assert_eq!((said.err.lines().count(), said.code), (1, 1), "{args:?} {}", said.err);
        assert!(said.err.contains("ask for that right"), "{}", said.err);
    }
    world.model.clear_fault_hook();
    assert_eq!(world.rollout("web")["spec"], before["spec"]);
}

#[tokio::test]
async fn no_cluster_no_wait() {
    let world = World::new().await;
    // A port that was free a moment ago: nobody listens.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    std::fs::write(world.kubeconfig(), kubeconfig(&format!("http://{port}"))).unwrap();
    let reads: [&[&str]; 4] =
        [&["get", "rollout", "web"], &["list", "rollouts"], &["status", "web"], &["get", "rollout", "web", "-w"]];
    for args in WRITES.into_iter().chain(reads) {
        let said = world.run(args).await;
        assert_eq!((said.out.as_str(), said.err.lines().count(), said.code), ("", 1, 1), "{args:?} {}", said.err);
        assert!(said.err.contains("can't talk to the server") && said.err.contains("--kubeconfig"), "{}", said.err);
    }
    std::fs::remove_file(world.kubeconfig()).unwrap();
    let said = world.run(&["list", "rollouts"]).await;
    assert!(said.err.contains("kubeconfig") && said.err.lines().count() == 1 && said.code == 1, "{}", said.err);
}

#[tokio::test]
async fn a_cluster_without_the_kind_says_what_to_install() {
    let world = World::new().await;
    world.model.delete("apiextensions.k8s.io", "CustomResourceDefinition", "", "rollouts.argoproj.io").unwrap();
    world.model.settle();
    let said = world.run(&["list", "rollouts"]).await;
    let wanted = "serinus: the server does not know /apis/argoproj.io/v1alpha1/namespaces/shop/rollouts: install the CRDs (`serinus crd`), or check --context\n";
    assert_eq!((said.out.as_str(), said.err.as_str(), said.code), ("", wanted, 1));
}

#[tokio::test]
async fn wrong_usage_is_2() {
    let world = World::new().await;
    for (args, wanted) in [
        (&["set", "image", "web", "web"][..], "CONTAINER=IMAGE"),
        (&["undo", "web", "--to-revision", "-1"], "-1"),
        (&["undo", "web", "--to-revision", "one"], "one"),
        (&["status", "web", "-t", "soon"], "90s, 5m or 1h30m"),
        (&["dance"], "dance"),
    ] {
        let said = world.run(args).await;
        assert!(said.err.contains(wanted) && said.code == 2, "{args:?} {}", said.err);
    }
}
