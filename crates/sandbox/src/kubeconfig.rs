//! The file that tells `kubectl` where the sandbox is.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// Name of the file.
pub const FILE: &str = "sandbox.kubeconfig";
/// What the directory of a process is called, before its id.
const HOME: &str = "serinus-sandbox-";
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
                let temporary = std::env::temp_dir();
                sweep(&temporary);
                let own = temporary.join(format!("{HOME}{}", std::process::id())).join(api.port().to_string());
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

/// Removes what sandboxes have left that were killed. Only what a sandbox has written goes, and nothing of one that lives.
fn sweep(temporary: &Path) {
    for home in folders(temporary) {
        let name = home.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let Some(id) = name.strip_prefix(HOME).and_then(|id| id.parse().ok()) else { continue };
        if lives(id) {
            continue;
        }
        for port in folders(&home) {
            let file = port.join(FILE);
            if std::fs::read_to_string(&file).is_ok_and(|text| text.starts_with(FIRST_LINE)) {
                let _ = std::fs::remove_file(file);
            }
            let _ = std::fs::remove_dir(port);
        }
        let _ = std::fs::remove_dir(home);
    }
}

/// The folders in a folder; a link to one is none.
fn folders(parent: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(parent).into_iter().flatten().flatten();
    entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())).map(|entry| entry.path()).collect()
}

/// Whether there is a process of that id; one of somebody else's counts.
fn lives(id: i32) -> bool {
    let Some(id) = rustix::process::Pid::from_raw(id) else { return true };
    rustix::process::test_kill_process(id) != Err(rustix::io::Errno::SRCH)
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

    #[test]
    fn what_a_killed_sandbox_has_left_goes_and_nothing_else() {
        let mut ended = std::process::Command::new("true").spawn().unwrap();
        let (dead, alive) = (ended.id(), std::process::id());
        ended.wait().unwrap();
        let temporary = tempfile::tempdir().unwrap();
        let leave = |folder: &str, text: &str| {
            let folder = temporary.path().join(folder);
            std::fs::create_dir_all(&folder).unwrap();
            std::fs::write(folder.join(FILE), text).unwrap();
        };
        let ours = text(SocketAddr::from(([127, 0, 0, 1], 1234)), "shop");
        leave(&format!("{HOME}{dead}/1234"), &ours);
        leave(&format!("{HOME}{dead}/1235"), &ours);
        leave(&format!("{HOME}{alive}/1234"), &ours);
        leave(&format!("{HOME}{dead}x/1234"), &ours);
        sweep(temporary.path());
        let left = |folder: String| temporary.path().join(folder).exists();
        assert!(!left(format!("{HOME}{dead}")));
        assert!(left(format!("{HOME}{alive}/1234/{FILE}")) && left(format!("{HOME}{dead}x/1234/{FILE}")));
        leave(&format!("{HOME}{dead}/1234"), "mine");
        sweep(temporary.path());
        assert!(left(format!("{HOME}{dead}/1234/{FILE}")));
    }
}
