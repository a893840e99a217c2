//! What the simulator's `CloudWatch` answers to the queries of a check, in process: a story need not wait for the operator's
//! gathering of questions, which has tests of its own.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};

use apigateway_simulator::Simulator;
use bytes::Bytes;
use serde_json::{Value, json};
use stagecraft::controller::{Asked, Sources};
use stagecraft_core::analysis::{AlarmState, Ask, Query, Reading, Readings, Window};

/// Reads the simulator's metrics and alarms, unless a story says what every source answers.
#[derive(Clone)]
pub(crate) struct Numbers {
    pub(crate) simulator: Simulator,
    pub(crate) told: Arc<Mutex<Option<Reading>>>,
}

impl Sources for Numbers {
    fn read<'a>(&'a self, asked: Asked<'a>) -> Pin<Box<dyn Future<Output = Readings> + Send + 'a>> {
        Box::pin(async move {
            let mut readings = Readings::new();
            for Query { id, ask } in asked.queries {
                let told = self.told.lock().unwrap().clone();
                let reading = match told {
                    Some(reading) => reading,
                    None => self.answer(ask).await,
                };
                readings.insert(id.clone(), reading);
            }
            readings
        })
    }
}

impl Numbers {
    /// From now on every query is answered with this.
    pub(crate) fn tell(&self, reading: Reading) {
        *self.told.lock().unwrap() = Some(reading);
    }

    async fn answer(&self, ask: &Ask) -> Reading {
        match ask {
            Ask::Metric { namespace, metric, dimensions, statistic, period_minutes, window } => {
                let dimensions: Vec<_> =
                    dimensions.iter().map(|(name, value)| json!({ "Name": name, "Value": value })).collect();
                let metric = json!({ "Namespace": namespace, "MetricName": metric, "Dimensions": dimensions });
                let stat = json!({ "Metric": metric, "Period": period_minutes * 60, "Stat": statistic });
                self.series(json!({ "Id": "q", "MetricStat": stat }), *window).await
            }
            Ask::Expression { expression, period_minutes, window } => {
                let query = json!({ "Id": "q", "Expression": expression, "Period": period_minutes * 60 });
                self.series(query, *window).await
            }
            Ask::Alarm { name } => {
                let alarms = self.call("DescribeAlarms", &json!({ "AlarmNames": [name] })).await;
                match alarms["MetricAlarms"][0]["StateValue"].as_str() {
                    Some("OK") => Reading::Alarm(AlarmState::Ok),
                    Some("ALARM") => Reading::Alarm(AlarmState::Alarm),
                    Some(_) => Reading::Alarm(AlarmState::InsufficientData),
                    None => Reading::Missing(format!("there is no alarm {name}")),
                }
            }
            Ask::StageDimensions { api_name } => {
                let dimensions = json!([{ "Name": "ApiName", "Value": api_name }, { "Name": "Stage" }]);
                let request = json!({ "Namespace": "AWS/ApiGateway", "MetricName": "Count", "Dimensions": dimensions });
                let listed = self.call("ListMetrics", &request).await;
                let of = |metric: &Value| {
                    let all = metric["Dimensions"].as_array().unwrap();
                    let stage = all.iter().find(|dimension| dimension["Name"] == "Stage").unwrap();
                    stage["Value"].as_str().unwrap().to_owned()
                };
                Reading::Names(listed["Metrics"].as_array().unwrap().iter().map(of).collect())
            }
            Ask::Prometheus { provider, .. } => Reading::Missing(format!("there is no Prometheus {provider}")),
        }
    }

    async fn series(&self, query: Value, window: Window) -> Reading {
        let request = json!({ "MetricDataQueries": [query], "StartTime": window.start(), "EndTime": window.end() });
        let answer = self.call("GetMetricData", &request).await;
        let result = &answer["MetricDataResults"][0];
        let times = result["Timestamps"].as_array().unwrap().iter().map(|at| at.as_i64().unwrap() / 60);
        let numbers = result["Values"].as_array().unwrap().iter().map(|value| value.as_f64().unwrap());
        let values: BTreeMap<i64, f64> = times.zip(numbers).collect();
        Reading::Series { values, complete: result["StatusCode"] == "Complete" }
    }

    /// One call in AWS JSON.
    async fn call(&self, operation: &str, body: &Value) -> Value {
        let scope = "AKIASTAGECRAFT/20260101/eu-west-1/monitoring/aws4_request";
        let signature = "0".repeat(64);
        let request = http::Request::post("/")
            .header("x-amz-target", format!("GraniteServiceVersion20100801.{operation}"))
            .header("content-type", "application/x-amz-json-1.0")
            .header(
                "authorization",
                format!("AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature={signature}"),
            )
            .body(Bytes::from(body.to_string()))
            .unwrap();
        let Some(reply) = self.simulator.handle(request).await.answer() else {
            // The tripwire struck: whoever asked is dead.
            return std::future::pending().await;
        };
        assert_eq!(reply.status(), 200, "{operation} {body}: {:?}", reply.body());
        serde_json::from_slice(reply.body()).unwrap()
    }
}
