//! Remembers what a play makes, and clears it away.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::check::in_short;
use super::{NAME_PREFIX, Player, Side};
use crate::client::ClientError;
use crate::exchange::{Body, Outcome, Reply, Request, Service, Target};
use crate::facts::Row;

/// Something to clear away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Made {
    RestApi(String),
    Deployment(String, String),
    Stage(String, String),
    Certificate(String),
    LogGroup(String),
}

impl Player<'_> {
    /// Notes what a request made.
    pub(super) fn remember(&mut self, request: &Request, reply: &Reply) {
        let Outcome::Success(body) = &reply.outcome else { return };
        let member = |name: &str| body.as_ref().and_then(|body| body.get(name)?.as_str().map(str::to_owned));
        let sent = |name: &str| match &request.body {
            Body::Json(body) => body.get(name).and_then(Value::as_str).map(str::to_owned),
            Body::None | Body::Text(_) => None,
        };
        let made = match &request.target {
            Target::Rest { method, path, .. } if method == "POST" => {
                let segments: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).collect();
                match segments.as_slice() {
                    ["restapis"] => member("id").map(Made::RestApi),
                    ["clientcertificates"] => member("clientCertificateId").map(Made::Certificate),
                    ["restapis", api, "stages"] => sent("stageName").map(|stage| Made::Stage((*api).to_owned(), stage)),
                    ["restapis", api, "deployments"] => {
                        let stage = sent("stageName").filter(|stage| !stage.is_empty());
                        self.made.extend(stage.map(|stage| Made::Stage((*api).to_owned(), stage)));
                        member("id").map(|id| Made::Deployment((*api).to_owned(), id))
                    }
                    _ => None,
                }
            }
            Target::Operation { name, .. } if name == "CreateLogGroup" => sent("logGroupName").map(Made::LogGroup),
            Target::Rest { .. } | Target::Operation { .. } => None,
        };
        self.made.extend(made);
    }

    /// Clears away what a row made; on a simulator also its switches, faults and quotas.
    pub(super) async fn clear(&mut self, row: &Row) -> Result<(), String> {
        let made = std::mem::take(&mut self.made);
        let of_own_api = |api: &String| made.iter().any(|thing| matches!(thing, Made::RestApi(id) if id == api));
        let mut problems = Vec::new();
        // Stages first: they guard their deployments. What is below an API that goes as a whole is not asked for.
        let mut requests: Vec<Request> = Vec::new();
        for thing in &made {
            if let Made::Stage(api, stage) = thing
                && !of_own_api(api)
            {
                requests.push(Request::rest("DELETE", &format!("/restapis/{api}/stages/{stage}")));
            }
        }
        for thing in &made {
            match thing {
                Made::Deployment(api, id) if !of_own_api(api) => {
                    requests.push(Request::rest("DELETE", &format!("/restapis/{api}/deployments/{id}")));
                }
                Made::RestApi(id) => requests.push(Request::rest("DELETE", &format!("/restapis/{id}"))),
                Made::Certificate(id) => requests.push(Request::rest("DELETE", &format!("/clientcertificates/{id}"))),
                Made::LogGroup(name) => {
                    let target = Target::Operation { service: Service::Logs, name: "DeleteLogGroup".to_owned() };
                    let body = Body::Json(json!({"logGroupName": name}));
                    requests.push(Request { target, body, headers: BTreeMap::default() });
                }
                Made::Stage(..) | Made::Deployment(..) => {}
            }
        }
        if self.side == Side::Simulator {
            problems.extend(self.reset().await.err());
        }
        for request in requests {
            problems.extend(self.remove(&request).await.err());
        }
        if problems.is_empty() { Ok(()) } else { Err(format!("{}: {}", row.id, problems.join("; "))) }
    }

    /// Deletes; what is gone already is fine.
    pub(super) async fn remove(&mut self, request: &Request) -> Result<(), String> {
        // An SDK without the service leaves it to the other client.
        let reply = match self.send(request).await {
            Err(ClientError::Inexpressible(_)) => match &self.control {
                Some(control) => control.exchange(request).await,
                None => return Ok(()),
            },
            reply => reply,
        };
        match reply.map_err(|error| format!("{}: {error}", request.line()))? {
            Reply { outcome: Outcome::Success(_), .. } | Reply { status: 404, .. } => Ok(()),
            Reply { outcome: Outcome::Refusal { code, .. }, .. } if code == "ResourceNotFoundException" => Ok(()),
            reply => Err(format!("{}: {}", request.line(), in_short(&reply))),
        }
    }

    pub(super) async fn reset(&self) -> Result<(), String> {
        self.ask_simulator(&Request::rest("DELETE", "/_simulator/faults")).await?;
        self.ask_simulator(&Request::rest("PUT", "/_simulator/quota").with(json!({"mode": "off"}))).await?;
        let switches = serde_json::to_value(apigateway_simulator::Switches::default());
        let switches = switches.map_err(|error| error.to_string())?;
        self.ask_simulator(&Request::rest("PUT", "/_simulator/switches").with(switches)).await.map(drop)
    }

    /// Deletes what rows share.
    ///
    /// # Errors
    ///
    /// What could not be deleted.
    pub async fn finish(&mut self) -> Result<(), String> {
        let Some(shared) = self.shared.take() else { return Ok(()) };
        let Ok(api) = shared.text("api") else { return Ok(()) };
        self.remove(&Request::rest("DELETE", &format!("/restapis/{api}"))).await
    }

    /// Deletes all APIs and client certificates whose names begin as those of our runs do, also of runs that were
    /// killed. Gives what it deleted.
    ///
    /// # Errors
    ///
    /// What could not be listed or deleted.
    pub async fn clean(&mut self) -> Result<Vec<String>, String> {
        let mut removed = Vec::new();
        for (collection, id_of, name_of) in
            [("/restapis", "id", "name"), ("/clientcertificates", "clientCertificateId", "description")]
        {
            for item in self.list(collection).await? {
                let text = |name: &str| item.get(name).and_then(Value::as_str);
                if let (Some(id), Some(name)) = (text(id_of), text(name_of))
                    && name.starts_with(NAME_PREFIX)
                {
                    self.remove(&Request::rest("DELETE", &format!("{collection}/{id}"))).await?;
                    removed.push(format!("{collection}/{id} {name}"));
                }
            }
        }
        Ok(removed)
    }

    /// A whole list, page by page.
    async fn list(&mut self, collection: &str) -> Result<Vec<Value>, String> {
        let mut items = Vec::new();
        let mut position: Option<String> = None;
        loop {
            let mut query = vec![("limit".to_owned(), "500".to_owned())];
            query.extend(position.take().map(|position| ("position".to_owned(), position)));
            let target = Target::Rest { method: "GET".to_owned(), path: collection.to_owned(), query };
            let request = Request { target, body: Body::None, headers: BTreeMap::default() };
            let reply = self.send(&request).await.map_err(|error| format!("{}: {error}", request.line()))?;
            let Outcome::Success(Some(body)) = reply.outcome else { return Err(in_short(&reply)) };
            items.extend(body.get("item").and_then(Value::as_array).into_iter().flatten().cloned());
            position = body.get("position").and_then(Value::as_str).map(str::to_owned);
            if position.is_none() {
                return Ok(items);
            }
        }
    }
}
