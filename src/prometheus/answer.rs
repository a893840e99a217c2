//! One number out of what Prometheus answers to an instant query.
//!
//! The shapes are those of its HTTP API ("Expression query result formats").

use serde::Deserialize;
use serde_json::Value;

use crate::http_client::{Answer, quote};

#[derive(Deserialize)]
struct Envelope {
    status: String,
    data: Option<Data>,
    error: Option<String>,
    /// Parts of the answer are missing: a remote store, or a Thanos that could not reach all.
    #[serde(default)]
    warnings: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Data {
    result_type: String,
    result: Value,
}

/// The time in seconds, and the value as text.
type Sample = (f64, String);

#[derive(Deserialize)]
struct Series {
    /// Absent where the value is a native histogram.
    value: Option<Sample>,
}

/// The value, or a phrase that goes on after the provider's name.
pub(super) fn read(answer: &Answer) -> Result<f64, String> {
    let status = answer.status;
    if !answer.whole {
        return Err("answered more than 1 MiB: ask for one number".to_owned());
    }
    if status.is_redirection() {
        return Err(format!(
            "answered {status}, and redirects are not followed: correct its url in the operator's configuration"
        ));
    }
    let envelope: Option<Envelope> = serde_json::from_slice(&answer.body).ok();
    let Some(envelope) = envelope else {
        return Err(if status.is_success() {
            "answered something that is not of Prometheus' HTTP API".to_owned()
        } else {
            format!("answered {status}")
        });
    };
    if let Some(error) = envelope.error {
        return Err(format!("refused the query: {}", quote(&error)));
    }
    if !status.is_success() || envelope.status != "success" {
        return Err(format!("answered {status}"));
    }
    if let Some(warning) = envelope.warnings.first() {
        return Err(format!("answered in part only: {}", quote(warning)));
    }
    let data = envelope.data.ok_or("answered without data")?;
    finite(&only_value(data)?)
}

fn only_value(data: Data) -> Result<String, String> {
    let odd = || "answered something that is not of Prometheus' HTTP API".to_owned();
    match data.result_type.as_str() {
        "scalar" => {
            let (_, value): Sample = serde_json::from_value(data.result).ok().ok_or_else(odd)?;
            Ok(value)
        }
        "vector" => {
            let mut series: Vec<Series> = serde_json::from_value(data.result).ok().ok_or_else(odd)?;
            match (series.pop(), series.len()) {
                (None, _) => Err("has no series that matches the query".to_owned()),
                (Some(one), 0) => match one.value {
                    Some((_, value)) => Ok(value),
                    None => Err("answered a histogram: ask for one number".to_owned()),
                },
                (Some(_), others) => Err(format!("answered {} series: aggregate them, such as by sum(…)", others + 1)),
            }
        }
        other => Err(format!("answered a {}: ask for one number", quote(other))),
    }
}

fn finite(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(value) if value.is_finite() => Ok(value),
        Ok(_) | Err(_) => Err(format!("answered {:?}, which is no number", quote(text))),
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::StatusCode;
    use proptest::prelude::*;

    use super::*;

    fn answer(status: u16, body: impl Into<Bytes>) -> Answer {
        Answer { status: StatusCode::from_u16(status).unwrap(), body: body.into(), whole: true }
    }

    fn success(kind: &str, result: &str) -> String {
        format!(r#"{{"status":"success","data":{{"resultType":"{kind}","result":{result}}}}}"#)
    }

    #[test]
    fn one_number_is_a_value() {
        let cases = [
            (success("scalar", r#"[1763800000.123,"0.8"]"#), 0.8),
            (success("vector", r#"[{"metric":{},"value":[1763800000,"42"]}]"#), 42.0),
            (success("vector", r#"[{"metric":{"job":"a"},"value":[1763800000,"-1e-3"]}]"#), -0.001),
        ];
        for (body, value) in cases {
            assert_eq!(read(&answer(200, body.clone())), Ok(value), "{body}");
        }
    }

    #[test]
    fn everything_else_is_missing_with_its_reason() {
        let odd = "answered something that is not of Prometheus' HTTP API";
        let cases = [
            (200, String::new(), odd),
            (200, "<html>login</html>".to_owned(), odd),
            (200, "[".repeat(5000), odd),
            (200, "{}".to_owned(), odd),
            (200, r#"{"status":"success"}"#.to_owned(), "answered without data"),
            (200, r#"{"status":"failed"}"#.to_owned(), "answered 200 OK"),
            (200, success("scalar", r#"[1763800000,"NaN"]"#), "answered \"NaN\", which is no number"),
            (200, success("scalar", r#"[1763800000,"+Inf"]"#), "answered \"+Inf\", which is no number"),
            (200, success("scalar", r#"[1763800000,"-Inf"]"#), "answered \"-Inf\", which is no number"),
            (200, success("scalar", r#"[1763800000,"1e999"]"#), "answered \"1e999\", which is no number"),
            (200, success("scalar", r#"[1763800000,""]"#), "answered \"\", which is no number"),
            (200, success("scalar", r"[1763800000,5]"), odd),
            (200, success("scalar", "null"), odd),
            (200, success("vector", "[]"), "has no series that matches the query"),
            (200, success("vector", r#"[{"value":[1,"1"]},{"value":[1,"2"]}]"#), "answered 2 series: aggregate them, such as by sum(…)"),
            (200, success("vector", r#"[{"metric":{},"histogram":[1,{}]}]"#), "answered a histogram: ask for one number"),
            (200, success("matrix", "[]"), "answered a matrix: ask for one number"),
            (200, success("string", r#"[1,"5"]"#), "answered a string: ask for one number"),
            (
                200,
                r#"{"status":"success","warnings":["store 2 is down."],"data":{"resultType":"scalar","result":[1,"5"]}}"#.to_owned(),
                "answered in part only: store 2 is down",
            ),
            (
                400,
                r#"{"status":"error","errorType":"bad_data","error":"1:5: parse error: unexpected end of input"}"#.to_owned(),
                "refused the query: 1:5: parse error: unexpected end of input",
            ),
            (503, "no healthy upstream".to_owned(), "answered 503 Service Unavailable"),
            (401, String::new(), "answered 401 Unauthorized"),
            (500, success("scalar", r#"[1,"5"]"#), "answered 500 Internal Server Error"),
            (302, String::new(), "answered 302 Found, and redirects are not followed: correct its url in the operator's configuration"),
        ];
        for (status, body, reason) in cases {
            assert_eq!(read(&answer(status, body.clone())), Err(reason.to_owned()), "{status} {body:.80}");
        }
        let cut = Answer { whole: false, ..answer(200, success("scalar", r#"[1,"5"]"#)) };
        assert_eq!(read(&cut), Err("answered more than 1 MiB: ask for one number".to_owned()));
    }

    proptest! {
        #[test]
        fn no_answer_panics_and_every_value_is_finite(status in 200_u16..600, body in prop::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(read(&answer(status, body)).map_or(true, f64::is_finite));
        }

        #[test]
        fn whatever_the_value_says_it_is_finite_or_missing(text in "[-+]?([0-9]{0,3}[.]?[0-9]{1,3}(e[-+]?[0-9]{1,4})?|[Ii]nf|[Nn]a[Nn]|infinity|[-+0-9a-zA-Z.]{0,12})") {
            let read = read(&answer(200, success("scalar", &format!(r#"[1,"{text}"]"#))));
            match text.parse::<f64>() {
                Ok(value) if value.is_finite() => prop_assert_eq!(read, Ok(value)),
                Ok(_) | Err(_) => prop_assert!(read.is_err()),
            }
        }
    }
}
