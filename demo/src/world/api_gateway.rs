//! API Gateway as the acts use it: changed as a pipeline or a hand in the console would, looked at, and its log read.

use http::Method;
use serde_json::Value;

use super::{DRIFT_INTERVAL, World};
use crate::{
    call::{Call, spaced},
    failure::Failure,
    gateway::Answer,
};

impl World {
    /// Sends a request to API Gateway that no person types, and shows it with its status.
    pub(crate) async fn requests(&mut self, method: Method, path: &str, body: &Value) -> Result<Value, Failure> {
        let Answer { status, body: answer } = self.gateway()?.succeed(&method, path, body).await?;
        self.screen.request(&format!("{method} {path}  {status}  {}", spaced(body)))?;
        Ok(answer)
    }

    /// What API Gateway has below this path; `null` where there is nothing.
    pub(crate) async fn look_up(&self, path: &str) -> Result<Value, Failure> {
        let answer = self.gateway()?.send(&Method::GET, path, &Value::Null).await?;
        match answer.status {
            404 => Ok(Value::Null),
            200 => Ok(answer.body),
            status => Err(Failure::Answer { request: format!("GET {path}"), status, body: answer.body.to_string() }),
        }
    }

    /// Our stage as API Gateway has it.
    pub(crate) async fn stage(&self) -> Result<Value, Failure> {
        self.look_up(&format!("/restapis/{}/stages/prod", self.ids.rest_api)).await
    }

    /// The stages of our REST API as API Gateway has them.
    pub(super) async fn stages(&self) -> Result<Vec<Value>, Failure> {
        self.list("stages").await
    }

    /// The deployments of our REST API as API Gateway has them.
    pub(crate) async fn deployments(&self) -> Result<Vec<Value>, Failure> {
        self.list("deployments").await
    }

    async fn list(&self, what: &str) -> Result<Vec<Value>, Failure> {
        let mut page = self.look_up(&format!("/restapis/{}/{what}", self.ids.rest_api)).await?;
        let items = ["item", "_embedded"].into_iter().find_map(|member| page.get_mut(member).map(Value::take));
        Ok(match items {
            Some(Value::Array(items)) => items,
            Some(_) | None => Vec::new(),
        })
    }

    /// The methods of a deployment as API Gateway froze them, such as `GET /orders`.
    pub(crate) async fn methods_of(&self, deployment: &str) -> Result<Vec<String>, Failure> {
        let path = format!("/restapis/{}/deployments/{deployment}?embed=apisummary", self.ids.rest_api);
        let deployment = self.look_up(&path).await?;
        let summary = deployment.get("apiSummary").and_then(Value::as_object);
        let mut methods: Vec<String> = summary
            .into_iter()
            .flatten()
            .flat_map(|(path, verbs)| {
                let verbs = verbs.as_object().into_iter().flatten();
                verbs.map(move |(verb, _)| format!("{verb} {path}"))
            })
            .collect();
        methods.sort_unstable();
        Ok(methods)
    }

    /// Shows the operator's calls to API Gateway since the log was emptied; those that only look at stages at rest are
    /// told as a number. Gives all of them.
    pub(crate) async fn shows_calls(&mut self) -> Result<Vec<Call>, Failure> {
        let calls = self.gateway()?.calls().await?;
        self.screen.note("The operator's calls to API Gateway, from the simulator's log:")?;
        // What comes after the last write is polling, and how often it does is only a matter of time.
        let work = calls.iter().rposition(|call| !call.is_poll()).map_or(0, |last| last.saturating_add(1));
        for call in calls.iter().take(work) {
            self.screen.output(&call.to_string())?;
        }
        match calls.len().saturating_sub(work) {
            0 => {}
            polls => self.screen.note(&format!("then {polls} x GetStages: the look every {DRIFT_INTERVAL}"))?,
        }
        Ok(calls)
    }
}
