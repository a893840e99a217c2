//! Names that somebody may have meant.

/// Names that are told at most.
const MOST: usize = 3;

/// The known names that are like `asked`, nearest first: a slip or two in typing, or a part of the name.
pub(crate) fn nearest<'a>(asked: &str, known: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    let slips = |name: &str| strsim::damerau_levenshtein(asked, name);
    let is_near = |name: &&str| {
        let part = asked.len() > 2 && (name.contains(asked) || (name.len() > 2 && asked.contains(*name)));
        part || slips(name) <= 1 + asked.chars().count() / 4
    };
    let mut near: Vec<&str> = known.into_iter().filter(is_near).collect();
    near.sort_by_key(|name| (slips(name), *name));
    near.truncate(MOST);
    near
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_and_parts_find_the_name_and_strangers_do_not() {
        let known = ["orders-prod", "orders-dev", "users-prod", "maps"];
        assert_eq!(nearest("orders-prdo", known), ["orders-prod"]);
        assert_eq!(nearest("orders", known), ["orders-dev", "orders-prod"]);
        assert_eq!(nearest("mps", known), ["maps"]);
        assert_eq!(nearest("billing", known), [""; 0]);
        assert_eq!(nearest("", known), [""; 0]);
    }
}
