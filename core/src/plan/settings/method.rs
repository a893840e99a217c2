//! Method settings: a declared entry is wholly ours, one that was declared is removed, any other is left alone.
//!
//! What an entry leaves out follows the declared `*/*`, else it is AWS's default. AWS makes a new entry from `*/*` as it is at that
//! moment and does not follow it afterwards, so what is followed is written out (aws-facts: method settings).

use super::difference::Difference;
use crate::method::{MethodKey, Setting, Values, field_of_aws_key, observed};
use crate::observed::Stage;
use crate::patch::PatchOperation;
use crate::plan::draft::Draft;
use crate::validate::Desired;

/// What a throttle goes to that nothing declares any more: not limited here. AWS's own number is not known (decision 0008).
const NOT_LIMITED: &str = "-1";

/// Bytes of `status.unmanaged` at most; the rest is counted.
const MOST_UNMANAGED: usize = 2048;

/// Removals first, then all settings but logging, `*/*` before single methods.
pub(super) fn settings(draft: &Draft<'_>, desired: &Desired, stage: &Stage) -> impl Iterator<Item = Difference> {
    let removed = stage
        .method_settings
        .keys()
        .filter(|key| is_dropped(draft, desired, key))
        .map(|key| Difference::patch(field_of_aws_key(key), PatchOperation::remove(format!("/{key}"))));
    let changed = entries(draft, desired, stage, |setting| !setting.is_logging());
    removed.chain(changed).collect::<Vec<_>>().into_iter()
}

/// Log levels and data traces, `*/*` before single methods.
pub(super) fn logging(draft: &Draft<'_>, desired: &Desired, stage: &Stage) -> impl Iterator<Item = Difference> {
    entries(draft, desired, stage, Setting::is_logging).into_iter()
}

/// Entries of others, as people write them.
pub(super) fn unmanaged(draft: &Draft<'_>, desired: &Desired, stage: &Stage) -> Vec<String> {
    let foreign = stage
        .method_settings
        .keys()
        .filter(|key| !is_declared(desired, key) && !is_dropped(draft, desired, key))
        .map(|key| field_of_aws_key(key));
    let (mut listed, mut bytes, mut more) = (Vec::new(), 0_usize, 0_usize);
    for path in foreign {
        bytes = bytes.saturating_add(path.len());
        if bytes <= MOST_UNMANAGED {
            listed.push(path);
        } else {
            more += 1;
        }
    }
    if more > 0 {
        listed.push(format!("and {more} more"));
    }
    listed
}

fn is_declared(desired: &Desired, key: &str) -> bool {
    desired.settings.methods.keys().any(|declared| declared.in_aws() == key)
}

/// Whether the entry was declared and is not any more.
fn is_dropped(draft: &Draft<'_>, desired: &Desired, key: &str) -> bool {
    draft.status.managed.contains(&field_of_aws_key(key)) && !is_declared(desired, key)
}

fn entries(draft: &Draft<'_>, desired: &Desired, stage: &Stage, mine: impl Fn(Setting) -> bool) -> Vec<Difference> {
    let mut differences = Vec::new();
    for key in desired.settings.methods.keys() {
        let wanted = wanted(draft, desired, key);
        let pending = match stage.method_settings.get(&key.in_aws()) {
            Some(entry) => changed(&wanted, &observed(entry)),
            None => of_new(draft, desired, stage, key, &wanted),
        };
        differences.extend(pending.into_iter().filter(|(setting, _)| mine(*setting)).map(|(setting, value)| {
            let path = if is_declared_throttle(desired, key, setting) { key.field() } else { key.field_of(setting) };
            let operation = PatchOperation::replace(format!("/{}/{}", key.in_aws(), setting.suffix()), value);
            Difference::patch(path, operation)
        }));
    }
    differences
}

/// False only for a throttle that we once set and nothing declares any more: it is remembered by a path of its own.
fn is_declared_throttle(desired: &Desired, key: &MethodKey, setting: Setting) -> bool {
    setting.default().is_some() || declared(desired, key, setting).is_some()
}

/// The declared value of a setting: the entry's own, else that of `*/*`.
fn declared<'a>(desired: &'a Desired, key: &MethodKey, setting: Setting) -> Option<&'a String> {
    let methods = &desired.settings.methods;
    let own = methods.get(key).and_then(|values| values.get(&setting));
    own.or_else(|| methods.get(&MethodKey::all()).and_then(|values| values.get(&setting)))
}

/// What a declared entry shall hold. A throttle that nothing declares is not in it, so it stays as AWS made it.
fn wanted(draft: &Draft<'_>, desired: &Desired, key: &MethodKey) -> Values {
    let value = |setting: Setting| {
        let dropped = || draft.status.managed.contains(&key.field_of(setting)).then_some(NOT_LIMITED);
        let value =
            declared(desired, key, setting).map(String::as_str).or_else(|| setting.default()).or_else(dropped)?;
        Some((setting, value.to_owned()))
    };
    Setting::ALL.into_iter().filter_map(value).collect()
}

fn changed(wanted: &Values, observed: &Values) -> Values {
    let differs = |(setting, value): &(&Setting, &String)| observed.get(*setting) != Some(*value);
    wanted.iter().filter(differs).map(|(setting, value)| (*setting, value.clone())).collect()
}

/// What a new entry must be told: what differs from what AWS makes it of, and all that the entry itself declares, since what AWS
/// makes it of is known from recordings only. Something is always sent, for the entry to be there.
fn of_new(draft: &Draft<'_>, desired: &Desired, stage: &Stage, key: &MethodKey, wanted: &Values) -> Values {
    let made_of = made_of(draft, desired, stage, key);
    let mut pending = changed(wanted, &made_of);
    let own = desired.settings.methods.get(key).into_iter().flatten();
    // Whether a log level comes along with `*/*` is not known, so a level is always told, but for OFF where nothing is on: that
    // would need the account's role for nothing.
    let told = |setting: Setting, value: &str| setting != Setting::LoggingLevel || value != "OFF";
    let follows = wanted.get_key_value(&Setting::LoggingLevel);
    for (setting, value) in own.chain(follows).filter(|(setting, value)| told(**setting, value)) {
        pending.insert(*setting, value.clone());
    }
    if pending.keys().all(|setting| setting.is_logging())
        && let Some(value) = wanted.get(&Setting::Metrics)
    {
        pending.insert(Setting::Metrics, value.clone());
    }
    pending
}

/// What AWS makes a new entry of: `*/*` as the group's earlier operations leave it, without `*/*` its defaults.
fn made_of(draft: &Draft<'_>, desired: &Desired, stage: &Stage, key: &MethodKey) -> Values {
    let all = MethodKey::all();
    let defaults = || {
        let default = |setting: Setting| Some((setting, setting.default()?.to_owned()));
        Setting::ALL.into_iter().filter_map(default).collect::<Values>()
    };
    if key.is_all() {
        return defaults();
    }
    let present = stage.method_settings.get(&all.in_aws()).filter(|_| !is_dropped(draft, desired, &all.in_aws()));
    let mut values = present.map_or_else(defaults, observed);
    if desired.settings.methods.contains_key(&all) {
        // Logging is patched after the entries were made.
        let written = wanted(draft, desired, &all).into_iter().filter(|(setting, _)| !setting.is_logging());
        values.extend(written);
    }
    values
}
