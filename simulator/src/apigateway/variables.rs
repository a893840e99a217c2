//! Names and values of stage variables and of a canary's overrides.

use std::collections::BTreeMap;

use crate::error::ApiError;

/// Limits of AWS: variables a stage, characters of a key and of a value.
const MOST: usize = 100;
const LONGEST_NAME: usize = 64;
const LONGEST_VALUE: usize = 512;

/// Checks one variable. The value's characters are those of the documented pattern and those of the server's own
/// message together.
pub(super) fn check(name: &str, value: Option<&str>) -> Result<(), ApiError> {
    let word = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if !word || name.len() > LONGEST_NAME {
        return Err(ApiError::bad_request(format!(
            "Invalid stage variable name: {name}.  Please use names with only word characters."
        )));
    }
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:/?#&=, ".contains(&byte);
    let text = value.unwrap_or_default();
    if text.is_empty() || text.len() > LONGEST_VALUE || !text.bytes().all(allowed) {
        let shown = value.unwrap_or("null");
        return Err(ApiError::bad_request(format!(
            "Invalid stage variable value: {shown}.  Please use values with alphanumeric characters and the symbols ' ', \
             -', '.', '_', ':', '/', '?', '&', '=', and ','."
        )));
    }
    Ok(())
}

/// Checks a whole map.
pub(super) fn check_all(variables: &BTreeMap<String, String>) -> Result<(), ApiError> {
    variables.iter().try_for_each(|(name, value)| check(name, Some(value)))?;
    check_count(variables)
}

/// Checks that there are not too many.
pub(super) fn check_count(variables: &BTreeMap<String, String>) -> Result<(), ApiError> {
    if variables.len() <= MOST {
        return Ok(());
    }
    let given = variables.len();
    Err(ApiError::bad_request(format!("A stage has at most {MOST} stage variables and this one would have {given}")))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("url", Some("https://a.example:8443/x?y=1&z=~,#"), true)]
    #[case("url", Some("two words"), true)]
    #[case("a-b", Some("x"), false)]
    #[case("", Some("x"), false)]
    #[case("a", Some(""), false)]
    #[case("a", None, false)]
    #[case("a", Some("{x}"), false)]
    #[case("a", Some("ü"), false)]
    fn names_and_values(#[case] name: &str, #[case] value: Option<&str>, #[case] taken: bool) {
        assert_eq!(check(name, value).is_ok(), taken);
    }

    #[test]
    fn the_texts_are_those_of_aws() {
        assert_eq!(
            [check("a-b", Some("x")).unwrap_err().message, check("a", None).unwrap_err().message],
            [
                "Invalid stage variable name: a-b.  Please use names with only word characters.",
                "Invalid stage variable value: null.  Please use values with alphanumeric characters and the symbols \
                 ' ', -', '.', '_', ':', '/', '?', '&', '=', and ','."
            ]
        );
    }
}
