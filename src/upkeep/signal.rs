//! Tells the zones of trust anchors which keys are trusted here (RFC 8145 §5): a question for a name made of the tags.

use std::fmt::Write as _;

use crate::drive::{World, walk_unchecked};
use crate::trace::Trace;
use crate::wire::{Name, Question, RecordType};

/// Asks each zone with trust anchors for `_ta-TAG-TAG...`, type NULL. The answers do not matter; how they were had is
/// told.
pub async fn signal(world: &World) -> Vec<Trace> {
    let mut told = Vec::new();
    for (zone, _) in world.settings.proofs.anchors.all() {
        let Some(name) = name(&world.settings.proofs.anchors.tags(&zone), &zone) else { continue };
        // From nothing and unchecked, so that nothing that is known of the zone answers in its place.
        told.push(walk_unchecked(Question::new(name, RecordType::NULL), &world.forgotten()).await.1);
    }
    told
}

/// RFC 8145 §5.1: the tags in hexadecimal digits, least first; as many as a label has room for.
fn name(tags: &[u16], zone: &Name) -> Option<Name> {
    const ROOM: usize = 12;
    let mut label = String::from("_ta");
    for tag in tags.iter().take(ROOM) {
        let _ = write!(label, "-{tag:04x}");
    }
    zone.prepend(label.as_bytes()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 8145 §5.1 has this example.
    #[test]
    fn tags_become_a_label() {
        let asked = name(&[17476, 43547], &"example.com.".parse().unwrap()).unwrap();
        assert_eq!(asked.to_string(), "_ta-4444-aa1b.example.com.");
        assert_eq!(name(&[20326, 38696], &Name::root()).unwrap().to_string(), "_ta-4f66-9728.");
        assert!(name(&[1; 40], &Name::root()).is_some());
    }
}
