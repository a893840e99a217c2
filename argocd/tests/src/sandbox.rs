//! The interpreter as Argo CD sets it up.

use mlua::{Lua, LuaOptions, StdLib, Value as LuaValue};
use serde_json::Value;

use crate::{Error, values};

/// What Lua's base library has and a script must not need: it reads files, loads code, or writes to Argo CD's log. gopher-lua
/// has some of them; what uses none of them works whatever a release of Argo CD leaves in.
const FORBIDDEN: [&str; 11] = [
    "collectgarbage",
    "dofile",
    "getfenv",
    "load",
    "loadfile",
    "loadstring",
    "module",
    "newproxy",
    "print",
    "require",
    "setfenv",
];

/// Runs a script on an object, and tells what it returned as JSON.
pub(crate) fn run(script: &str, object: &Value) -> Result<Value, Error> {
    let told = |error: mlua::Error| Error::Script(error.to_string());
    let lua = Lua::new_with(StdLib::TABLE, LuaOptions::default()).map_err(told)?;
    for name in FORBIDDEN {
        lua.globals().set(name, LuaValue::Nil).map_err(told)?;
    }
    let object = values::decode(&lua, object).map_err(told)?;
    lua.globals().set("obj", object).map_err(told)?;
    let returned: LuaValue = lua.load(script).set_name("script").eval().map_err(told)?;
    if !returned.is_table() {
        return Err(Error::Encode("it is no table"));
    }
    values::encode(&returned)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_script_has_what_argo_cd_gives_it_and_nothing_else() {
        let has =
            |name: &str| run(&format!("return {{ there = {name} ~= nil }}"), &json!({})).unwrap()["there"] == true;
        for name in ["ipairs", "pairs", "tostring", "type", "error", "table.insert", "obj"] {
            assert!(has(name), "{name}");
        }
        for name in ["string", "math", "os", "io", "debug", "package", "require", "load", "loadstring", "dofile"] {
            assert!(!has(name), "{name}");
        }
        assert!(run("return { s = ('x'):upper() }", &json!({})).is_err(), "strings have no methods");
    }

    #[test]
    fn what_is_no_table_is_an_error() {
        assert!(run("return 'Healthy'", &json!({})).is_err());
        assert!(run("local x = obj.status.conditions return x", &json!({})).is_err());
        assert!(run("return {", &json!({})).is_err());
    }
}
