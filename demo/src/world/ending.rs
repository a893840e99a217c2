//! How the demo ends where it does not just end: with the world told, or left to play with.

use std::{fs, path::Path};

use serde_json::Value;

use super::{OPERATOR, SIMULATOR, World};
use crate::failure::Failure;

/// Lines of a log that a failed demo shows.
const LOG_LINES: usize = 30;

impl World {
    /// The world as it is, for whoever has to find out why `failure` ended the demo.
    pub(crate) async fn tell(&mut self, failure: &Failure) -> Result<(), Failure> {
        self.screen.cross(&testbed::chain(failure))?;
        if self.control_plane.is_none() {
            return Ok(());
        }
        self.screen.line("\nThe world as it is:")?;
        for command in ["kubectl get apistages,apicanaries -o yaml", "kubectl events"] {
            if let Err(error) = self.typed(command).await {
                self.screen.cross(&testbed::chain(&error))?;
            }
        }
        let (stages, deployments) = (self.stages().await, self.deployments().await);
        for (what, found) in [("stages", stages), ("deployments", deployments)] {
            let text = found.map_or_else(|error| testbed::chain(&error), |found| format!("{:#}", Value::from(found)));
            self.screen.output(&format!("{what} in API Gateway: {text}"))?;
        }
        if let Err(error) = self.shows_calls().await {
            self.screen.cross(&testbed::chain(&error))?;
        }
        for name in [SIMULATOR, OPERATOR] {
            // A program that never started has no log.
            let Ok(log) = fs::read_to_string(self.log_of(name)?) else { continue };
            self.screen.line(&format!("{name}.log, its end:"))?;
            let lines: Vec<&str> = log.lines().collect();
            self.screen.output(&lines.get(lines.len().saturating_sub(LOG_LINES)..).unwrap_or_default().join("\n"))?;
        }
        Ok(())
    }

    /// Says how to play with what is left running.
    pub(crate) fn invite(&mut self) -> Result<(), Failure> {
        let control_plane = self.control_plane()?;
        let quoted = |path: &Path| format!("'{}'", path.display().to_string().replace('\'', r"'\''"));
        let exports: Vec<String> = control_plane
            .environment()
            .into_iter()
            .filter_map(|(name, value)| match name {
                "KUBECONFIG" | "KUBECACHEDIR" => Some(format!("export {name}={}", quoted(Path::new(&value)))),
                "PATH" => {
                    let first = std::env::split_paths(&value).next()?;
                    Some(format!("export PATH={}:\"$PATH\"", quoted(&first)))
                }
                _ => None,
            })
            .collect();
        let (logs, url, api) = (control_plane.folder().display(), self.gateway()?.url(), &self.ids.rest_api);
        let text = format!(
            "\nAll of it goes on until Ctrl-C. From another terminal, in this folder:\n\n{}\n\n\
             kubectl apply -f examples/orders-r1.yaml\n\
             kubectl get apistages --watch\n\
             curl '{url}/_simulator/calls?format=text'     # what the operator asked of API Gateway\n\
             curl '{url}/_simulator/state'                 # what API Gateway holds; the REST API is {api}\n\n\
             Logs: {logs}/{{{OPERATOR},{SIMULATOR},kube-apiserver}}.log",
            exports.join("\n")
        );
        self.screen.output(&text)?;
        Ok(())
    }
}
