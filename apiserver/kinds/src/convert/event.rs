//! Event of events.k8s.io, stored as core's: the same fields under other names.

use super::{Conversion, rename};
use crate::object::event::ALIASES;
use serde_json::{Map, Value};

pub(super) const CONVERSION: Conversion =
    Conversion { group: "", version: "v1", kind: "Event", own: "events.k8s.io/v1", store, show };

/// Go leaves these out of the newer shape when they are empty and writes them in the older one.
const OMITTED_EMPTY: [&str; 2] = ["reportingController", "reportingInstance"];

fn store(map: &mut Map<String, Value>) {
    rename(map, |name| ALIASES.iter().find(|(_, new)| *new == name).map(|(core, _)| *core));
}

fn show(map: &mut Map<String, Value>) {
    rename(map, |name| ALIASES.iter().find(|(core, _)| *core == name).map(|(_, new)| *new));
    map.retain(|name, value| !OMITTED_EMPTY.contains(&name.as_str()) || value.as_str() != Some(""));
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn both_groups_show_the_same_event() {
        let core = json!({"apiVersion": "v1", "kind": "Event", "metadata": {"name": "e", "namespace": "n"},
            "involvedObject": {"kind": "Pod", "name": "p"}, "reason": "R", "message": "m", "source": {"component": "c", "host": "h"},
            "firstTimestamp": "2024-01-01T00:00:00Z", "lastTimestamp": "2024-01-01T00:00:01Z", "count": 3, "type": "Normal",
            "eventTime": null, "reportingComponent": "", "reportingInstance": "", "series": {"count": 2, "lastObservedTime": "t"}});
        let new = json!({"apiVersion": "events.k8s.io/v1", "kind": "Event", "metadata": {"name": "e", "namespace": "n"},
            "regarding": {"kind": "Pod", "name": "p"}, "reason": "R", "note": "m", "deprecatedSource": {"component": "c", "host": "h"},
            "deprecatedFirstTimestamp": "2024-01-01T00:00:00Z", "deprecatedLastTimestamp": "2024-01-01T00:00:01Z",
            "deprecatedCount": 3, "type": "Normal", "eventTime": null, "series": {"count": 2, "lastObservedTime": "t"}});
        let mut object = core.clone();
        CONVERSION.show(&mut object);
        assert_eq!(object, new);
        CONVERSION.store(&mut object);
        assert_eq!(object, core);
    }

    #[test]
    fn a_new_event_is_stored_with_what_core_writes_out() {
        let mut event = json!({"apiVersion": "events.k8s.io/v1", "kind": "Event", "metadata": {"name": "e"}, "regarding": {"name": "p"},
            "reportingController": "x.io/c", "reportingInstance": "i", "note": "m", "eventTime": "t"});
        CONVERSION.store(&mut event);
        assert_eq!(
            event,
            json!({"apiVersion": "v1", "kind": "Event", "metadata": {"name": "e"}, "involvedObject": {"name": "p"},
                "reportingComponent": "x.io/c", "reportingInstance": "i", "message": "m", "eventTime": "t",
                "source": {}, "firstTimestamp": null, "lastTimestamp": null})
        );
    }
}
