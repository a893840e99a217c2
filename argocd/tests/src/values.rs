//! How Argo CD takes objects into Lua and out of it again: with the losses of its JSON library, and what it does about them.

use mlua::{Lua, Value as LuaValue};
use serde_json::{Map, Number, Value};

use crate::Error;

/// Into Lua: null is nil, and so is not there.
pub(crate) fn decode(lua: &Lua, value: &Value) -> mlua::Result<LuaValue> {
    Ok(match value {
        Value::Null => LuaValue::Nil,
        Value::Bool(value) => LuaValue::Boolean(*value),
        Value::Number(value) => value.as_f64().map_or(LuaValue::Nil, LuaValue::Number),
        Value::String(value) => LuaValue::String(lua.create_string(value)?),
        Value::Array(values) => {
            let table = lua.create_table()?;
            for value in values {
                table.push(decode(lua, value)?)?;
            }
            LuaValue::Table(table)
        }
        Value::Object(members) => {
            let table = lua.create_table()?;
            for (name, value) in members {
                table.set(name.as_str(), decode(lua, value)?)?;
            }
            LuaValue::Table(table)
        }
    })
}

/// Out of Lua: a table that is empty is an array, whatever it was.
pub(crate) fn encode(value: &LuaValue) -> Result<Value, Error> {
    Ok(match value {
        LuaValue::Nil => Value::Null,
        LuaValue::Boolean(value) => Value::Bool(*value),
        LuaValue::Integer(value) => Value::Number((*value).into()),
        LuaValue::Number(value) => Value::Number(number(*value)?),
        LuaValue::String(value) => Value::String(value.to_string_lossy()),
        LuaValue::Table(table) => {
            let mut items = Vec::new();
            let mut members = Map::new();
            for pair in table.pairs::<LuaValue, LuaValue>() {
                let (key, value) = pair.map_err(|error| Error::Script(error.to_string()))?;
                if let LuaValue::String(name) = key {
                    members.insert(name.to_string_lossy(), encode(&value)?);
                } else {
                    items.push(encode(&value)?);
                }
            }
            match (items.is_empty(), members.is_empty()) {
                (false, false) => return Err(Error::Encode("a table has numbers and names as keys")),
                (true, false) => Value::Object(members),
                (false | true, true) => Value::Array(items),
            }
        }
        LuaValue::LightUserData(_)
        | LuaValue::Function(_)
        | LuaValue::Thread(_)
        | LuaValue::UserData(_)
        | LuaValue::Error(_)
        | LuaValue::Other(_) => return Err(Error::Encode("it is a function, a thread or userdata")),
    })
}

fn number(value: f64) -> Result<Number, Error> {
    // JSON knows no difference between 2 and 2.0, and neither does a patch.
    if value.fract() == 0.0 && value.abs() < 9_007_199_254_740_992.0 {
        return Ok(format!("{value:.0}").parse::<i64>()?.into());
    }
    Number::from_f64(value).ok_or(Error::Encode("a number is infinite, or none"))
}

/// Makes empty arrays objects again where the live object has objects.
pub(crate) fn repair(returned: &mut Value, live: &Value) {
    match (&mut *returned, live) {
        (Value::Object(members), Value::Object(former)) => {
            for (name, value) in members {
                if let Some(former) = former.get(name) {
                    repair(value, former);
                }
            }
        }
        (Value::Array(items), Value::Object(_)) if items.is_empty() => *returned = live.clone(),
        (Value::Array(items), Value::Array(former)) => {
            for (value, former) in items.iter_mut().zip(former) {
                repair(value, former);
            }
        }
        _ => {}
    }
}

/// What makes of `from` what `to` is, as a merge patch (RFC 7386); `None` where they are the same.
pub(crate) fn merge_patch(from: &Value, to: &Value) -> Option<Value> {
    let (Value::Object(former), Value::Object(new)) = (from, to) else {
        return (!is_same(from, to)).then(|| to.clone());
    };
    let mut patch = Map::new();
    for name in former.keys().filter(|name| !new.contains_key(*name)) {
        // A null of the live object was nil in Lua, which is the same.
        if former.get(name) != Some(&Value::Null) {
            patch.insert(name.clone(), Value::Null);
        }
    }
    for (name, value) in new {
        let changed = match former.get(name) {
            Some(former) => merge_patch(former, value),
            None => Some(value.clone()),
        };
        if let Some(changed) = changed {
            patch.insert(name.clone(), changed);
        }
    }
    (!patch.is_empty()).then_some(Value::Object(patch))
}

/// Equal for JSON: 2 is 2.0.
fn is_same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => one.as_f64() == other.as_f64(),
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| is_same(one, other))
        }
        (Value::Object(one), Value::Object(other)) => {
            one.len() == other.len()
                && one.iter().all(|(name, value)| other.get(name).is_some_and(|other| is_same(value, other)))
        }
        _ => one == other,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_empty_object_comes_back_as_an_array_and_is_repaired() {
        let live = json!({ "metadata": { "labels": {}, "list": [] }, "spec": { "n": 2.5, "m": 3 }, "nothing": null });
        let lua = Lua::new();
        let mut back = encode(&decode(&lua, &live).unwrap()).unwrap();
        assert_eq!(back["metadata"]["labels"], json!([]), "as in Argo CD");
        repair(&mut back, &live);
        assert_eq!(merge_patch(&live, &back), None);
    }

    #[test]
    fn a_patch_has_what_differs() {
        let patch =
            merge_patch(&json!({ "a": 1, "b": { "c": [1], "d": 1 } }), &json!({ "a": 1.0, "b": { "c": [2] }, "e": 5 }));
        assert_eq!(patch, Some(json!({ "b": { "c": [2], "d": null }, "e": 5 })));
    }
}
