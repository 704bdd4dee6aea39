//! A container that is a local process: started with `PORT` in its environment, its output kept as the pod's log.

use super::log::Log;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::net::TcpListener;
use tokio::process::{Child, Command};

/// A running process. Dropping it kills it.
#[derive(Debug)]
pub struct Process {
    child: Child,
    address: SocketAddr,
}

impl Process {
    /// Starts `command` and `args` of a container in `directory` or the container's `workingDir`.
    ///
    /// # Errors
    /// One line: what could not be started and why.
    pub async fn start(container: &Value, directory: &Path, log: &Log) -> Result<Process, String> {
        let words: Vec<&str> = ["command", "args"]
            .iter()
            .flat_map(|field| container[*field].as_array().into_iter().flatten())
            .filter_map(Value::as_str)
            .collect();
        let Some((program, arguments)) = words.split_first() else {
            return Err("the container has no command".to_string());
        };
        let address = free_address().await.map_err(|error| format!("no free port: {error}"))?;
        let mut command = Command::new(program);
        command.args(arguments).current_dir(container["workingDir"].as_str().map_or(directory, Path::new));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        for variable in container["env"].as_array().into_iter().flatten() {
            if let (Some(name), Some(value)) = (variable["name"].as_str(), variable["value"].as_str()) {
                command.env(name, value);
            }
        }
        command.env("PORT", address.port().to_string());
        let mut child = command.spawn().map_err(|error| format!("can't start {program:?}: {error}"))?;
        keep(child.stdout.take(), log);
        keep(child.stderr.take(), log);
        Ok(Process { child, address })
    }

    /// Where it was told to listen.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Waits for its end; the exit code, or 128 and the number of the signal that ended it.
    pub async fn ended(&mut self) -> i32 {
        use std::os::unix::process::ExitStatusExt;
        match self.child.wait().await {
            Ok(status) => status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0)),
            Err(_) => 255,
        }
    }

    /// Asks it to end, and ends it when it has not after `grace`.
    pub async fn stop(mut self, grace: Duration) {
        let pid = self.child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        if let Some(pid) = pid {
            let _ = kill_process(pid, Signal::TERM);
        }
        if tokio::time::timeout(grace, self.child.wait()).await.is_err() {
            let _ = self.child.kill().await;
        }
    }
}

/// A port that was free a moment ago: the process binds it itself, so it can't be kept for it.
async fn free_address() -> std::io::Result<SocketAddr> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?.local_addr()
}

fn keep(output: Option<impl AsyncRead + Unpin + Send + 'static>, log: &Log) {
    let Some(output) = output else { return };
    let log = log.clone();
    tokio::spawn(async move {
        let mut lines = BufReader::new(output).split(b'\n');
        while let Ok(Some(line)) = lines.next_segment().await {
            log.line(String::from_utf8_lossy(&line).trim_end_matches('\r'));
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn shell(script: &str) -> Value {
        json!({"command": ["sh", "-c"], "args": [script], "env": [{"name": "WORD", "value": "hello"}]})
    }

    fn texts(log: &Log) -> Vec<String> {
        log.since(0).0.into_iter().map(|line| line.text).collect()
    }

    #[tokio::test]
    async fn output_is_the_log_and_the_end_has_a_code() {
        let log = Log::default();
        let mut process = Process::start(&shell("echo $WORD on $PORT; exit 3"), Path::new("/"), &log).await.unwrap();
        let want = format!("hello on {}", process.address().port());
        assert_eq!(process.ended().await, 3);
        assert!(log.wait_for(0).await);
        assert_eq!(texts(&log), [want]);
    }

    #[tokio::test]
    async fn it_is_asked_to_end_first() {
        let log = Log::default();
        let script = "trap 'echo bye; exit 0' TERM; echo up; while :; do sleep 0.05; done";
        let process = Process::start(&shell(script), Path::new("/"), &log).await.unwrap();
        assert!(log.wait_for(0).await);
        process.stop(Duration::from_secs(20)).await;
        assert!(log.wait_for(1).await);
        assert_eq!(texts(&log), ["up", "bye"]);
    }

    #[tokio::test]
    async fn what_can_not_start_says_why() {
        let missing = json!({"command": ["/no/such/program"]});
        let error = Process::start(&missing, Path::new("/"), &Log::default()).await.unwrap_err();
        assert!(error.starts_with("can't start \"/no/such/program\""), "{error}");
    }
}
