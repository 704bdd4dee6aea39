//! The file that tells `kubectl` where the sandbox is.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// Name of the file.
pub const FILE: &str = "sandbox.kubeconfig";
const FIRST_LINE: &str = "# Written by `serinus sandbox`; removed when it ends.";

/// The file, as long as it is needed. Dropping it removes it.
#[derive(Debug)]
pub struct Kubeconfig {
    path: PathBuf,
    made: Option<PathBuf>,
}

impl Kubeconfig {
    /// Writes it to `directory`, or to a new directory of its own below the one for temporary files.
    ///
    /// # Errors
    /// It can't be written, or there is a file of that name that the sandbox did not write.
    pub fn write(directory: Option<&Path>, api: SocketAddr, namespace: &str) -> io::Result<Kubeconfig> {
        let (home, made) = match directory {
            Some(directory) => (directory.to_path_buf(), None),
            None => {
                let own = std::env::temp_dir().join(format!("serinus-sandbox-{}", std::process::id()));
                let own = own.join(api.port().to_string());
                std::fs::create_dir_all(&own)?;
                (own.clone(), Some(own))
            }
        };
        let path = home.join(FILE);
        match std::fs::read_to_string(&path) {
            Ok(text) if !text.starts_with(FIRST_LINE) => {
                return Err(io::Error::new(
                    io::ErrorKind::AlreadyExists,
                    "it exists and is not the sandbox's: move it away",
                ));
            }
            _ => std::fs::write(&path, text(api, namespace))?,
        }
        Ok(Kubeconfig { path, made })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Kubeconfig {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
        if let Some(made) = &self.made {
            let _ = std::fs::remove_dir(made);
            let _ = made.parent().map(std::fs::remove_dir);
        }
    }
}

fn text(api: SocketAddr, namespace: &str) -> String {
    format!(
        "{FIRST_LINE}
apiVersion: v1
kind: Config
current-context: sandbox
clusters:
- name: sandbox
  cluster:
    server: http://{api}
contexts:
- name: sandbox
  context:
    cluster: sandbox
    user: sandbox
    namespace: {namespace}
users:
- name: sandbox
  user: {{}}
"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_removed_and_never_takes_the_place_of_another() {
        let directory = tempfile::tempdir().unwrap();
        let api = SocketAddr::from(([127, 0, 0, 1], 1234));
        let config = Kubeconfig::write(Some(directory.path()), api, "shop").unwrap();
        let text = std::fs::read_to_string(config.path()).unwrap();
        assert!(text.contains("server: http://127.0.0.1:1234\n") && text.contains("namespace: shop\n"), "{text}");
        drop(config);
        assert!(!directory.path().join(FILE).exists());
        std::fs::write(directory.path().join(FILE), "mine").unwrap();
        let error = Kubeconfig::write(Some(directory.path()), api, "shop").unwrap_err();
        assert!(error.to_string().contains("move it away"), "{error}");
        let own = Kubeconfig::write(None, api, "shop").unwrap();
        let path = own.path().to_path_buf();
        assert!(path.exists());
        drop(own);
        assert!(!path.parent().unwrap().exists());
    }
}
