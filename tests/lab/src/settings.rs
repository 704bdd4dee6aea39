//! What the environment of a test run decides: where the cluster, the ingress and the controller are.

use std::env;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};

/// The kubeconfig of the lab, from `KUBECONFIG`.
pub fn kubeconfig() -> Result<PathBuf> {
    let path = PathBuf::from(env::var_os("KUBECONFIG").context("KUBECONFIG is not set; run: eval \"$(lab/lab env)\"")?);
    ensure!(path.is_file(), "KUBECONFIG names {}, which is no file; run: lab/lab up", path.display());
    Ok(path)
}

/// The kubeconfig of our controller: `SERINUS_KUBECONFIG`, which has the rights of the chart and no more, or else the lab's.
pub fn controllers_kubeconfig() -> Result<PathBuf> {
    env::var_os("SERINUS_KUBECONFIG").map_or_else(kubeconfig, |path| Ok(PathBuf::from(path)))
}

/// Name and tag of the image that `lab/lab pack` made of the binary.
pub fn image() -> Result<(String, String)> {
    let variable = |name| env::var(name).with_context(|| format!("{name} is not set; run: lab/suite chart"));
    Ok((variable("LAB_SERINUS_IMAGE")?, variable("LAB_SERINUS_TAG")?))
}

/// `host:port` of the ingress data plane, from `LAB_INGRESS`.
pub fn ingress() -> Result<String> {
    let url = env::var("LAB_INGRESS")
        .context("LAB_INGRESS is not set; run: lab/lab ingress, then: eval \"$(lab/lab env)\"")?;
    Ok(url.trim_start_matches("http://").to_owned())
}

/// The URL of Prometheus, from `LAB_PROMETHEUS`.
pub fn prometheus() -> Result<String> {
    env::var("LAB_PROMETHEUS")
        .context("LAB_PROMETHEUS is not set; run: lab/lab prometheus, then: eval \"$(lab/lab env)\"")
}

/// `host:port` of the lab's registry, from `LAB_REGISTRY`.
pub fn registry() -> Result<String> {
    env::var("LAB_REGISTRY").context("LAB_REGISTRY is not set; run: lab/lab node, then: eval \"$(lab/lab env)\"")
}

/// Where the registry of the pipeline that started the project is, and where it expects Serinus; from `LAB_SEED_REGISTRY` and
/// `LAB_SEED_SERINUS`.
pub fn seed() -> Result<(String, SocketAddr)> {
    let variable = |name| {
        env::var(name).with_context(|| format!("{name} is not set; run: lab/lab seed, then: eval \"$(lab/lab env)\""))
    };
    Ok((variable("LAB_SEED_REGISTRY")?, variable("LAB_SEED_SERINUS")?.parse().context("LAB_SEED_SERINUS")?))
}

/// An address of this machine where nobody listens.
pub fn free_address() -> Result<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}

/// The API server's audit log, from `LAB_AUDIT`.
pub fn audit() -> Result<PathBuf> {
    let path = PathBuf::from(env::var_os("LAB_AUDIT").context("LAB_AUDIT is not set; run: eval \"$(lab/lab env)\"")?);
    ensure!(path.is_file(), "LAB_AUDIT names {}, which is no file; run: AUDIT=1 lab/lab up", path.display());
    Ok(path)
}

/// The `serinus` binary: `SERINUS_BIN`, or the one that cargo built beside this test.
pub fn serinus() -> Result<PathBuf> {
    if let Some(path) = env::var_os("SERINUS_BIN") {
        return Ok(PathBuf::from(path));
    }
    let test = env::current_exe().context("the path of this test")?;
    let built = test.ancestors().nth(2).context("the folder above this test")?.join("serinus");
    ensure!(built.is_file(), "{} is missing; run: cargo build -p serinus-cli", built.display());
    Ok(built)
}
