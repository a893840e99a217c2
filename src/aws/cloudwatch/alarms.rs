//! `DescribeAlarms`: the states of alarms by their names.

use std::collections::HashMap;

use aws_sdk_cloudwatch::types::{AlarmType, StateValue};
use futures::future::join_all;
use stagecraft_core::analysis::{AlarmState, Ask, Reading};

use super::{Inner, missing};
use crate::aws::call::Call;
use crate::aws::error::Error;
use crate::aws::operation::Operation;

/// Names a call; source: API reference, `DescribeAlarms`. So many alarms are one page, too.
const MOST_NAMES: usize = 100;

type States = HashMap<String, Option<StateValue>>;

impl Inner {
    pub(super) async fn alarm_states(&self, asks: Vec<Ask>) -> Vec<(Ask, Reading)> {
        let calls = asks.chunks(MOST_NAMES).map(|chunk| async move {
            let names: Vec<&str> = chunk.iter().filter_map(name).collect();
            let states = self.call(|| self.describe_alarms(&names)).await;
            chunk.iter().map(|ask| (ask.clone(), reading(ask, &states))).collect::<Vec<_>>()
        });
        join_all(calls).await.into_iter().flatten().collect()
    }

    async fn describe_alarms(&self, names: &[&str]) -> Result<States, Error> {
        let call = Call::new(Operation::DescribeAlarms).detail(format_args!("{} alarms", names.len()));
        let request = self
            .client
            .describe_alarms()
            .set_alarm_names(Some(names.iter().map(|name| (*name).to_owned()).collect()))
            .alarm_types(AlarmType::MetricAlarm)
            .alarm_types(AlarmType::CompositeAlarm)
            .max_records(i32::try_from(MOST_NAMES).unwrap_or(i32::MAX));
        let understand = |reply: aws_sdk_cloudwatch::operation::describe_alarms::DescribeAlarmsOutput| {
            let metric =
                reply.metric_alarms.unwrap_or_default().into_iter().map(|alarm| (alarm.alarm_name, alarm.state_value));
            let composite = reply
                .composite_alarms
                .unwrap_or_default()
                .into_iter()
                .map(|alarm| (alarm.alarm_name, alarm.state_value));
            metric.chain(composite).map(|(name, state)| Some((name?, state))).collect::<Option<States>>()
        };
        self.caller.read(call, |gate| request.customize().interceptor(gate).send(), understand).await
    }
}

fn name(ask: &Ask) -> Option<&str> {
    match ask {
        Ask::Alarm { name } => Some(name),
        Ask::Metric { .. } | Ask::Expression { .. } | Ask::Prometheus { .. } | Ask::StageDimensions { .. } => None,
    }
}

fn reading(ask: &Ask, states: &Result<States, Error>) -> Reading {
    let Some(name) = name(ask) else { return missing("it is no alarm") };
    let state = match states {
        Ok(states) => states.get(name),
        Err(error) => return missing(error),
    };
    match state {
        None => missing(format_args!("there is no alarm {name} in this account and Region")),
        Some(Some(StateValue::Ok)) => Reading::Alarm(AlarmState::Ok),
        Some(Some(StateValue::Alarm)) => Reading::Alarm(AlarmState::Alarm),
        Some(Some(StateValue::InsufficientData)) => Reading::Alarm(AlarmState::InsufficientData),
        Some(Some(other)) => missing(format_args!("alarm {name} is in state {other}, which is not known here")),
        Some(None) => missing(format_args!("CloudWatch tells no state of alarm {name}")),
    }
}
