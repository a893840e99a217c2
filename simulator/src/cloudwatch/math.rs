//! Metric math: what an expression is worth over a grid of periods.

use std::collections::BTreeMap;

use super::expression::{Expression, Filling, Operator};

/// Values by the start of their period, in seconds since 1970.
pub(super) type Points = BTreeMap<i64, f64>;

/// A number or a time series.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Worth {
    Number(f64),
    Series(Points),
}

/// Where an expression is evaluated.
pub(super) struct Context<'c> {
    /// The other queries' results.
    pub(super) results: &'c BTreeMap<String, Points>,
    /// The starts of all periods, oldest first.
    pub(super) grid: &'c [i64],
}

impl Context<'_> {
    /// The worth of an expression. Series meet where both have a value; a division by zero gives none.
    ///
    /// # Errors
    ///
    /// A sentence about what does not fit.
    pub(super) fn worth(&self, expression: &Expression) -> Result<Worth, String> {
        Ok(match expression {
            Expression::Number(number) => Worth::Number(*number),
            Expression::Query(id) => Worth::Series(self.results.get(id).cloned().unwrap_or_default()),
            Expression::Negative(inner) => each(self.worth(inner)?, |value| Some(-value)),
            Expression::Binary(operator, left, right) => {
                meet(&self.worth(left)?, &self.worth(right)?, |left, right| apply(*operator, left, right))
            }
            Expression::Fill(series, filling) => {
                let Worth::Series(points) = self.worth(series)? else {
                    return Err("FILL needs a time series".to_owned());
                };
                Worth::Series(self.fill(&points, filling)?)
            }
            Expression::If(condition, then, otherwise) => {
                let otherwise = otherwise.as_ref().map(|value| self.worth(value)).transpose()?;
                choose(&self.worth(condition)?, &self.worth(then)?, otherwise.as_ref())
            }
        })
    }

    fn fill(&self, points: &Points, filling: &Filling) -> Result<Points, String> {
        // Once, not for each gap.
        let given = match filling {
            Filling::With(value) => Some(self.worth(value)?),
            Filling::Repeat | Filling::Linear => None,
        };
        let at = |moment: i64| {
            if let Some(value) = points.get(&moment) {
                return Some(*value);
            }
            let before = points.range(..moment).next_back();
            match (&given, filling) {
                (Some(Worth::Number(number)), _) => Some(*number),
                (Some(Worth::Series(others)), _) => others.get(&moment).copied(),
                (None, Filling::Linear) => before.zip(points.range(moment..).next()).map(|(left, right)| {
                    let share = seconds(moment.saturating_sub(*left.0)) / seconds(right.0.saturating_sub(*left.0));
                    left.1 + (right.1 - left.1) * share
                }),
                (None, Filling::Repeat | Filling::With(_)) => before.map(|(_, value)| *value),
            }
        };
        Ok(self.grid.iter().filter_map(|moment| Some((*moment, at(*moment)?))).collect())
    }
}

#[expect(clippy::cast_precision_loss, reason = "differences of instants in one request")]
fn seconds(difference: i64) -> f64 {
    difference as f64
}

fn each(worth: Worth, change: impl Fn(f64) -> Option<f64>) -> Worth {
    match worth {
        Worth::Number(number) => change(number).map_or_else(|| Worth::Series(Points::new()), Worth::Number),
        Worth::Series(points) => {
            Worth::Series(points.into_iter().filter_map(|(at, value)| Some((at, change(value)?))).collect())
        }
    }
}

fn meet(left: &Worth, right: &Worth, join: impl Fn(f64, f64) -> Option<f64>) -> Worth {
    match (left, right) {
        (Worth::Number(left), right) => each(right.clone(), |right| join(*left, right)),
        (left, Worth::Number(right)) => each(left.clone(), |left| join(left, *right)),
        (Worth::Series(left), Worth::Series(right)) => {
            let both = left.iter().filter_map(|(at, value)| Some((*at, join(*value, *right.get(at)?)?)));
            Worth::Series(both.collect())
        }
    }
}

fn choose(condition: &Worth, then: &Worth, otherwise: Option<&Worth>) -> Worth {
    let value_at = |worth: &Worth, at: i64| match worth {
        Worth::Number(number) => Some(*number),
        Worth::Series(points) => points.get(&at).copied(),
    };
    match condition {
        Worth::Number(number) if holds(*number) => then.clone(),
        Worth::Number(_) => otherwise.cloned().unwrap_or_else(|| Worth::Series(Points::new())),
        Worth::Series(conditions) => {
            let chosen = conditions.iter().filter_map(|(at, condition)| {
                let side = if holds(*condition) { Some(then) } else { otherwise };
                Some((*at, value_at(side?, *at)?))
            });
            Worth::Series(chosen.collect())
        }
    }
}

/// Everything but zero is true.
fn holds(number: f64) -> bool {
    number.abs() > 0.0
}

/// `None` where there is no number.
fn apply(operator: Operator, left: f64, right: f64) -> Option<f64> {
    let truth = |holds: bool| if holds { 1.0 } else { 0.0 };
    let value = match operator {
        Operator::Or => truth(holds(left) || holds(right)),
        Operator::And => truth(holds(left) && holds(right)),
        Operator::Equal => truth(!holds(left - right)),
        Operator::NotEqual => truth(holds(left - right)),
        Operator::Less => truth(left < right),
        Operator::LessOrEqual => truth(left <= right),
        Operator::Greater => truth(left > right),
        Operator::GreaterOrEqual => truth(left >= right),
        Operator::Add => left + right,
        Operator::Subtract => left - right,
        Operator::Multiply => left * right,
        Operator::Divide => left / right,
        Operator::Power => left.powf(right),
    };
    Some(value).filter(|value| value.is_finite())
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn points(values: &[(i64, f64)]) -> Points {
        values.iter().copied().collect()
    }

    /// `a` has the periods 0, 60 and 180, `b` has 60, 120 and 180; the grid goes on to 240.
    fn worth(text: &str) -> Result<Worth, String> {
        let a = points(&[(0, 1.0), (60, 2.0), (180, 4.0)]);
        let b = points(&[(60, 10.0), (120, 0.0), (180, 0.0)]);
        let results = BTreeMap::from([("a".to_owned(), a), ("b".to_owned(), b)]);
        Context { results: &results, grid: &[0, 60, 120, 180, 240] }.worth(&Expression::parse(text)?)
    }

    #[rstest]
    #[case("a+b", &[(60, 12.0), (180, 4.0)])]
    #[case("a/b", &[(60, 0.2)])]
    #[case("b/a", &[(60, 5.0), (180, 0.0)])]
    #[case("2*a-1", &[(0, 1.0), (60, 3.0), (180, 7.0)])]
    #[case("a>=2", &[(0, 0.0), (60, 1.0), (180, 1.0)])]
    #[case("FILL(a,0)+FILL(b,0)", &[(0, 1.0), (60, 12.0), (120, 0.0), (180, 4.0), (240, 0.0)])]
    #[case("FILL(a,REPEAT)", &[(0, 1.0), (60, 2.0), (120, 2.0), (180, 4.0), (240, 4.0)])]
    #[case("FILL(a,LINEAR)", &[(0, 1.0), (60, 2.0), (120, 3.0), (180, 4.0)])]
    #[case("IF(b>0,100*a/b,-1)", &[(60, 20.0), (120, -1.0), (180, -1.0)])]
    #[case("IF(a<2,a)", &[(0, 1.0)])]
    #[case("IF(1>2,a,b)", &[(60, 10.0), (120, 0.0), (180, 0.0)])]
    fn series_meet_where_both_have_values(#[case] text: &str, #[case] expected: &[(i64, f64)]) {
        assert_eq!(worth(text), Ok(Worth::Series(points(expected))));
    }

    #[test]
    fn numbers_alone_are_a_number_and_cannot_be_filled() {
        assert_eq!(worth("2^3+1"), Ok(Worth::Number(9.0)));
        assert_eq!(worth("FILL(1,0)"), Err("FILL needs a time series".to_owned()));
    }
}
