//! Pushes of images, as a pipeline does them.

use anyhow::{Result, ensure};
use tokio::process::Command;

use crate::settings;

/// Pushes the lab's web server of `version` as `image`, for example `172.16.77.115:5000/pregap:1.2.3`.
pub async fn push(version: &str, image: &str) -> Result<()> {
    let from = format!("docker://{}/serinus/web:{version}", settings::registry()?);
    let out = Command::new("skopeo")
        .args(["copy", "-q", "--insecure-policy", "--src-tls-verify=false", "--dest-tls-verify=false"])
        .args([from, format!("docker://{image}")])
        .output()
        .await?;
    ensure!(out.status.success(), "push {image}: {}", String::from_utf8_lossy(&out.stderr));
    Ok(())
}
