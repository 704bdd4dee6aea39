//! `set image` and `undo`: where the template stands, and what is refused.
#![allow(missing_docs, clippy::unwrap_used)]

mod support;

use serde_json::{Value, json};
use support::{NS, World, rollout};

fn images(object: &Value) -> Vec<String> {
    serinus_wire::pod::images(&object["spec"]["template"]).into_iter().map(|(_, image)| image).collect()
}

#[tokio::test]
async fn an_earlier_revision_comes_back() {
    let world = World::at_a_pause().await;
    let stable = world.rollout("web")["status"]["stableRS"].clone();
    let said = world.run(&["undo", "web"]).await;
    assert_eq!((said.out.as_str(), said.err.as_str(), said.code), ("rollout 'web' undo\n", "", 0));
    let (line, patch) = world.written().remove(0);
    assert_eq!(line, "PATCH /apis/argoproj.io/v1alpha1/namespaces/shop/rollouts/web");
    assert_eq!((&patch[0]["op"], &patch[0]["path"]), (&json!("replace"), &json!("/spec/template")));
    assert_eq!(patch[0]["value"]["metadata"]["labels"], json!({"app": "web"}));
    assert_eq!(images(&world.rollout("web")), ["init:1", "web:1"]);
    // The old set is found again: nothing new is rolled out.
    let back = world.until("web", |rollout| rollout["status"]["phase"] == "Healthy").await;
    assert_eq!((&back["status"]["stableRS"], &back["status"]["currentPodHash"]), (&stable, &stable));
    assert_eq!(world.model.list("apps", "ReplicaSet", NS).len(), 2);

    // Going back made the old template revision 3, so the one before is 2.
    world.forget();
    let said = world.run(&["undo", "web", "--to-revision=3"]).await;
    assert_eq!(said.out, "skipped rollback (current template already matches revision 3)\n", "{}", said.err);
    assert_eq!((said.code, world.written().len()), (0, 0));
    let said = world.run(&["undo", "web", "--to-revision", "9"]).await;
    let wanted = "serinus: rollout 'web' has no revision 9: kept are 2, 3; choose with --to-revision\n";
    assert_eq!((said.out.as_str(), said.err.as_str(), said.code), ("", wanted, 1));
    assert_eq!(world.written(), []);
    let said = world.run(&["undo", "web"]).await;
    assert_eq!((said.code, images(&world.rollout("web"))), (0, vec!["init:1".to_string(), "web:2".to_string()]));
}

#[tokio::test]
async fn a_first_revision_has_none_before_it() {
    let world = World::new().await;
    world.model.apply(&rollout("web")).unwrap();
    world.until("web", |rollout| rollout["status"]["phase"] == "Healthy").await;
    let said = world.run(&["undo", "web"]).await;
    let wanted = "serinus: rollout 'web' has no earlier revision to go back to: kept are 1\n";
    assert_eq!((said.out.as_str(), said.err.as_str(), said.code), ("", wanted, 1));
    assert_eq!(world.written(), []);
}

#[tokio::test]
async fn images_are_written_where_the_template_is() {
    let world = World::new().await;
    let mut deployment = rollout("web");
    deployment["apiVersion"] = json!("apps/v1");
    deployment["kind"] = json!("Deployment");
    deployment["spec"].as_object_mut().unwrap().remove("strategy");
    deployment["spec"]["replicas"] = json!(0);
    world.model.apply(&deployment).unwrap();
    let mut subject = rollout("web");
    let spec = subject["spec"].as_object_mut().unwrap();
    spec.remove("template");
    spec.remove("selector");
    spec.insert("workloadRef".into(), json!({"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}));
    world.model.apply(&subject).unwrap();
    world.until("web", |rollout| rollout["status"]["phase"] == "Healthy").await;
    let said = world.run(&["set", "image", "web", "*=web:2"]).await;
    assert_eq!((said.out.as_str(), said.err.as_str(), said.code), ("rollout \"web\" image updated\n", "", 0));
    let written = world.written();
    assert_eq!(written.len(), 1);
    assert_eq!(written[0].0, "PUT /apis/apps/v1/namespaces/shop/deployments/web");
    assert_eq!(images(&written[0].1), ["web:2", "web:2"]);
    world.until("web", |rollout| rollout["status"]["phase"] == "Paused").await;
    let said = world.run(&["undo", "web"]).await;
    assert_eq!((said.out.as_str(), said.err.as_str(), said.code), ("rollout 'web' undo\n", "", 0));
    assert_eq!(world.written()[0].0, "PATCH /apis/apps/v1/namespaces/shop/deployments/web");
    let deployment = world.model.get("apps", "Deployment", NS, "web").unwrap();
    assert_eq!(images(&deployment), ["init:1", "web:1"]);
}

#[tokio::test]
async fn a_write_that_came_too_late_is_made_again() {
    let world = World::at_a_pause().await;
    let mut left = 2;
    world.model.set_fault_hook(move |call| {
        let late = call.verb == "update" && call.resource == "rollouts" && left > 0;
        left -= i32::from(late);
        if late { serinus_model::Fault::Refuse(409) } else { serinus_model::Fault::None }
    });
    let said = world.run(&["set", "image", "web", "init=init:2", "web=web:3"]).await;
    assert_eq!((said.out.as_str(), said.err.as_str(), said.code), ("rollout \"web\" image updated\n", "", 0));
    assert_eq!(
        (world.written().len(), images(&world.rollout("web"))),
        (3, vec!["init:2".to_string(), "web:3".to_string()])
    );
}
