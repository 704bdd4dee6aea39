use super::*;

fn parsed(line: &str) -> Result<Cli, clap::Error> {
    parse(line.split(' ').map(OsString::from).collect()).map(|(_, cli)| cli)
}

#[test]
fn the_definition_is_sound() {
    for persona in [Persona::Serinus, Persona::KubectlSerinus, Persona::ArgoRollouts] {
        command(persona).debug_assert();
    }
}

#[test]
fn lines_that_parse() {
    for line in [
        "serinus get rollout web",
        "serinus get ro web -w --no-color --timeout-seconds 5",
        "serinus get rollouts web --watch=false -n shop",
        "serinus -n shop --context=c list ro -A --timestamps",
        "serinus list rollout --name web -w",
        "serinus promote web --full",
        "serinus promote web -c",
        "serinus promote web -a",
        "serinus abort a b c",
        "serinus retry rollout a b",
        "serinus retry ro a",
        "serinus pause web",
        "serinus status web -w=false -t 5m",
        "serinus status web --watch --timeout=90",
        "serinus restart a b -i 10s",
        "serinus restart a --in=1h",
        "serinus undo web --to-revision=3",
        "serinus set image web web=nginx:1.27 -n shop",
        "serinus set image web *=nginx:1.27 init=i:2",
        "serinus lint -f a.yaml -f dir -R",
        "serinus create -n shop -f a.yaml --filename b.yaml -w --no-color",
        "serinus create -n shop analysisrun --from t -a a=b --argument c=d --instance-id i --generate-name g-",
        "serinus create ar --from-file t.yaml --global --name r",
        "serinus terminate ar a b",
        "serinus terminate exp a",
        "serinus retry exp a",
        "serinus get exp a -w",
        "serinus list exp -A",
        "serinus completion zsh",
        "serinus version --short",
        "serinus explain web",
        "serinus sandbox dir --once --port 1 --gateway-port 2",
        "serinus controller --namespaced -n web --metricsPort 1 --healthzPort=0 --leader-elect=false",
        "serinus controller --instance-id x --loglevel debug --logformat json --rollout-resync 60",
        "/x/kubectl-argo-rollouts get rollout web -s https://h:1 --token t --as u --as-group g --as-group h",
    ] {
        if let Err(error) = parsed(line) {
            panic!("{line}: {error}");
        }
    }
}

#[test]
fn lines_that_do_not() {
    for line in [
        "serinus",
        "serinus get rollout",
        "serinus abort",
        "serinus promote a b",
        "serinus promote a -c --full",
        "serinus status web -t soon",
        "serinus controller --metricsPort 70000",
        "serinus controller --rollout-threads 0",
        "serinus undo web --to-revision=-1",
        "serinus set image web",
        "serinus set image web web",
        "serinus lint",
        "serinus create",
        "serinus create ar",
        "serinus create ar --from a --from-file b",
        "serinus create ar --from a --name b --generate-name c",
        "serinus completion tcsh",
        "serinus dance",
    ] {
        assert!(parsed(line).is_err(), "{line}");
    }
}

#[test]
fn switches_take_values() {
    let watch = |line: &str| match parsed(line).unwrap().verb {
        Verb::Status(status) => status.watch,
        Verb::Get(Get::Rollout(get)) => get.watch,
        verb => panic!("{verb:?}"),
    };
    for (line, wanted) in [
        ("s status a", true),
        ("s status a --watch=false", false),
        ("s status a -w=false", false),
        ("s get ro a", false),
        ("s get ro a -w", true),
        ("s get ro a --watch=true", true),
        ("s get ro a --watch=false", false),
    ] {
        assert_eq!(watch(line), wanted, "{line}");
    }
}

#[test]
fn the_name_decides() {
    for (program, persona, usage, own) in [
        ("serinus", Persona::Serinus, "Usage: serinus ", true),
        ("/usr/bin/serinus", Persona::Serinus, "Usage: serinus ", true),
        ("/usr/local/bin/kubectl-argo-rollouts", Persona::ArgoRollouts, "Usage: kubectl argo rollouts ", false),
        ("kubectl-serinus", Persona::KubectlSerinus, "Usage: kubectl serinus ", false),
        ("kubectl-argo-rollouts.exe", Persona::ArgoRollouts, "Usage: kubectl argo rollouts ", false),
    ] {
        assert_eq!(Persona::of(Path::new(program)), persona);
        let help = parse(vec![program.into(), "--help".into()]).unwrap_err().to_string();
        assert!(help.contains(usage), "{help}");
        assert_eq!(help.contains("controller"), own, "{help}");
        assert!(help.contains("promote") && help.contains("Exit codes"), "{help}");
        let help =
            parse(vec![program.into(), "get".into(), "rollout".into(), "--help".into()]).unwrap_err().to_string();
        assert!(help.contains(&format!("{usage}get rollout ")), "{help}");
    }
}
