//! Metric math: reads an expression into a tree. What the tree is worth is `math`.
//!
//! Known are numbers, ids of the request, `+ - * / ^`, comparisons, `AND`, `OR`, `FILL` and `IF`. What else CloudWatch
//! knows is refused by name.

use std::fmt;

/// Longest expression, and deepest nesting of one.
const LONGEST: usize = 2048;
const DEEPEST: usize = 64;

/// A tree of metric math.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Expression {
    Number(f64),
    /// The result of another query of this request.
    Query(String),
    Negative(Box<Self>),
    Binary(Operator, Box<Self>, Box<Self>),
    /// `FILL(series, filling)`
    Fill(Box<Self>, Filling),
    /// `IF(condition, then, else)`; without an else there is no value where the condition does not hold.
    If(Box<Self>, Box<Self>, Option<Box<Self>>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operator {
    Or,
    And,
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Add,
    Subtract,
    Multiply,
    Divide,
    Power,
}

/// What stands in for missing minutes.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Filling {
    With(Box<Expression>),
    /// The value before the gap; none before the first.
    Repeat,
    /// A line between the values around the gap; none before the first and behind the last.
    Linear,
}

impl Operator {
    /// How it is written, and how strongly it binds.
    const TABLE: [(&'static str, Self, u8); 15] = [
        ("||", Self::Or, 1),
        ("OR", Self::Or, 1),
        ("&&", Self::And, 2),
        ("AND", Self::And, 2),
        ("==", Self::Equal, 3),
        ("!=", Self::NotEqual, 3),
        ("<=", Self::LessOrEqual, 4),
        (">=", Self::GreaterOrEqual, 4),
        ("<", Self::Less, 4),
        (">", Self::Greater, 4),
        ("+", Self::Add, 5),
        ("-", Self::Subtract, 5),
        ("*", Self::Multiply, 6),
        ("/", Self::Divide, 6),
        ("^", Self::Power, 7),
    ];
}

#[derive(Debug, Clone, PartialEq)]
enum Token<'t> {
    Number(f64),
    Name(&'t str),
    Symbol(&'t str),
}

impl fmt::Display for Token<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => write!(formatter, "{number}"),
            Self::Name(text) | Self::Symbol(text) => formatter.write_str(text),
        }
    }
}

impl Expression {
    /// Reads an expression.
    ///
    /// # Errors
    ///
    /// A sentence about what cannot be read.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        if text.len() > LONGEST {
            return Err(format!("it has more than {LONGEST} characters"));
        }
        let tokens = tokens(text)?;
        let mut reader = Reader { tokens: &tokens, depth: 0 };
        let expression = reader.binary(0)?;
        match reader.peek() {
            None => Ok(expression),
            Some(token) => Err(format!("'{token}' is not expected there")),
        }
    }

    /// The queries that it needs.
    pub(super) fn queries(&self) -> Vec<&str> {
        match self {
            Self::Number(_) => Vec::new(),
            Self::Query(id) => vec![id],
            Self::Negative(inner) => inner.queries(),
            Self::Binary(_, left, right) => [left.queries(), right.queries()].concat(),
            Self::Fill(series, Filling::With(value)) => [series.queries(), value.queries()].concat(),
            Self::Fill(series, Filling::Repeat | Filling::Linear) => series.queries(),
            Self::If(condition, then, otherwise) => {
                let otherwise = otherwise.as_ref().map(|value| value.queries()).unwrap_or_default();
                [condition.queries(), then.queries(), otherwise].concat()
            }
        }
    }
}

fn tokens(text: &str) -> Result<Vec<Token<'_>>, String> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let length = |wanted: fn(char) -> bool| rest.find(|letter| !wanted(letter)).unwrap_or(rest.len());
        let (read, taken) = if first.is_ascii_digit() || first == '.' {
            let taken = length(|letter| letter.is_ascii_digit() || letter == '.');
            let digits = rest.get(..taken).unwrap_or_default();
            let number = digits.parse().map_err(|_not_a_number| format!("'{digits}' is not a number"))?;
            (Token::Number(number), taken)
        } else if first.is_ascii_alphabetic() {
            let taken = length(|letter| letter.is_ascii_alphanumeric() || letter == '_');
            (Token::Name(rest.get(..taken).unwrap_or_default()), taken)
        } else {
            let two = rest.get(..2).filter(|two| ["||", "&&", "==", "!=", "<=", ">="].contains(two));
            let one = rest.get(..1).filter(|one| "+-*/^<>(),".contains(*one));
            let symbol = two.or(one).ok_or_else(|| format!("'{first}' is not known"))?;
            (Token::Symbol(symbol), symbol.len())
        };
        tokens.push(read);
        rest = rest.get(taken..).unwrap_or_default().trim_start();
    }
    Ok(tokens)
}

struct Reader<'r, 't> {
    tokens: &'r [Token<'t>],
    depth: usize,
}

impl<'t> Reader<'_, 't> {
    fn peek(&self) -> Option<&Token<'t>> {
        self.tokens.first()
    }

    fn next(&mut self) -> Result<Token<'t>, String> {
        let (first, rest) = self.tokens.split_first().ok_or("it ends too early")?;
        self.tokens = rest;
        Ok(first.clone())
    }

    fn expect(&mut self, symbol: &str) -> Result<(), String> {
        match self.next()? {
            Token::Symbol(found) if found == symbol => Ok(()),
            found @ (Token::Number(_) | Token::Name(_) | Token::Symbol(_)) => {
                Err(format!("'{found}' is not expected there, but '{symbol}' is"))
            }
        }
    }

    /// Operators that bind more strongly than `binding`.
    fn binary(&mut self, binding: u8) -> Result<Expression, String> {
        self.depth = self.depth.saturating_add(1);
        if self.depth > DEEPEST {
            return Err(format!("it nests more than {DEEPEST} deep"));
        }
        let mut left = self.unary()?;
        while let Some((operator, stronger)) = self.operator().filter(|(_, stronger)| *stronger > binding) {
            self.next()?;
            let right = self.binary(stronger)?;
            left = Expression::Binary(operator, Box::new(left), Box::new(right));
        }
        self.depth = self.depth.saturating_sub(1);
        Ok(left)
    }

    fn operator(&self) -> Option<(Operator, u8)> {
        let text = match self.peek()? {
            Token::Number(_) => return None,
            Token::Name(text) | Token::Symbol(text) => *text,
        };
        let row = Operator::TABLE.iter().find(|(written, ..)| *written == text)?;
        Some((row.1, row.2))
    }

    fn unary(&mut self) -> Result<Expression, String> {
        match self.next()? {
            Token::Number(number) => Ok(Expression::Number(number)),
            // Binds like a factor: -a*b is (-a)*b.
            Token::Symbol("-") => Ok(Expression::Negative(Box::new(self.binary(6)?))),
            Token::Symbol("(") => {
                let inner = self.binary(0)?;
                self.expect(")")?;
                Ok(inner)
            }
            Token::Name("FILL") => self.fill(),
            Token::Name("IF") => self.condition(),
            Token::Name(name) if name.starts_with(|first: char| first.is_ascii_lowercase()) => {
                Ok(Expression::Query(name.to_owned()))
            }
            Token::Name(name) => Err(format!(
                "the function {name} is not simulated; there are FILL, IF, comparisons, AND, OR and + - * / ^"
            )),
            token @ Token::Symbol(_) => Err(format!("'{token}' is not expected there")),
        }
    }

    fn fill(&mut self) -> Result<Expression, String> {
        self.expect("(")?;
        let series = self.binary(0)?;
        self.expect(",")?;
        let keyword = match self.peek() {
            Some(Token::Name("REPEAT")) => Some(Filling::Repeat),
            Some(Token::Name("LINEAR")) => Some(Filling::Linear),
            _ => None,
        };
        let filling = match keyword {
            Some(filling) => {
                self.next()?;
                filling
            }
            None => Filling::With(Box::new(self.binary(0)?)),
        };
        self.expect(")")?;
        Ok(Expression::Fill(Box::new(series), filling))
    }

    fn condition(&mut self) -> Result<Expression, String> {
        self.expect("(")?;
        let condition = self.binary(0)?;
        self.expect(",")?;
        let then = self.binary(0)?;
        let otherwise = if self.peek() == Some(&Token::Symbol(",")) {
            self.next()?;
            Some(Box::new(self.binary(0)?))
        } else {
            None
        };
        self.expect(")")?;
        Ok(Expression::If(Box::new(condition), Box::new(then), otherwise))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    /// With all parentheses.
    fn shown(expression: &Expression) -> String {
        match expression {
            Expression::Number(number) => number.to_string(),
            Expression::Query(id) => id.clone(),
            Expression::Negative(inner) => format!("-{}", shown(inner)),
            Expression::Binary(operator, left, right) => {
                let written = Operator::TABLE.iter().find(|(_, known, _)| known == operator).unwrap().0;
                format!("({}{written}{})", shown(left), shown(right))
            }
            Expression::Fill(series, Filling::With(value)) => format!("FILL({},{})", shown(series), shown(value)),
            Expression::Fill(series, filling) => format!("FILL({},{filling:?})", shown(series)),
            Expression::If(condition, then, otherwise) => {
                let otherwise = otherwise.as_ref().map(|value| format!(",{}", shown(value))).unwrap_or_default();
                format!("IF({},{}{otherwise})", shown(condition), shown(then))
            }
        }
    }

    #[rstest]
    #[case("1+2*3", "(1+(2*3))")]
    #[case("10-4-3", "((10-4)-3)")]
    #[case("-a*b", "(-a*b)")]
    #[case("100*e/(r+0.5)", "((100*e)/(r+0.5))")]
    #[case("a>1 AND b<=2 || c!=d", "(((a>1)&&(b<=2))||(c!=d))")]
    #[case("IF(FILL(m1, 0) > 5, m1, -1)", "IF((FILL(m1,0)>5),m1,-1)")]
    #[case("FILL(m_1,REPEAT)+FILL(m2 , LINEAR)", "(FILL(m_1,Repeat)+FILL(m2,Linear))")]
    fn operators_bind_as_in_arithmetic(#[case] text: &str, #[case] tree: &str) {
        assert_eq!(shown(&Expression::parse(text).unwrap()).replace("OR", "||").replace("AND", "&&"), tree);
    }

    #[rstest]
    #[case("", "it ends too early")]
    #[case("a+", "it ends too early")]
    #[case("a b", "'b' is not expected there")]
    #[case("(a", "it ends too early")]
    #[case("a ? b", "'?' is not known")]
    #[case("1.2.3", "'1.2.3' is not a number")]
    #[case(
        "SUM(METRICS())",
        "the function SUM is not simulated; there are FILL, IF, comparisons, AND, OR and + - * / ^"
    )]
    #[case("FILL(a)", "')' is not expected there, but ',' is")]
    fn what_cannot_be_read_is_told(#[case] text: &str, #[case] why: &str) {
        assert_eq!(Expression::parse(text).unwrap_err(), why);
    }

    #[test]
    fn nesting_has_an_end() {
        assert_eq!(Expression::parse(&"(".repeat(500)).unwrap_err(), "it nests more than 64 deep");
        assert_eq!(Expression::parse(&"-".repeat(500)).unwrap_err(), "it nests more than 64 deep");
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "[ -~é]{0,60}|[a-c0-9+*/(),<>=&|^ -]{0,60}") {
            Expression::parse(&text).ok();
        }
    }
}
