//! Looks whether negative trust anchors are still needed, and lifts those that are not (RFC 7646 §2).

use std::time::Duration;

use crate::drive::{World, walk};
use crate::trace::Bogus;
use crate::walk::outcome::Failure;
use crate::wire::{Name, Question};

/// Looks as often as the anchors of `world` want it, for ever.
pub(super) async fn keep(world: &World) {
    while let Some(secs) = world.settings.proofs.negative.next_look_secs(world.clock.now()) {
        world.clock.sleep(Duration::from_secs(secs.into())).await;
        look(world).await;
    }
    std::future::pending::<()>().await;
}

/// Tries for each anchor whether what it lets through validates.
pub async fn look(world: &World) {
    let anchors = &world.settings.proofs.negative;
    let look = anchors.look(world.moment());
    for zone in look.ended {
        tracing::info!("the negative trust anchor for {zone} has ended; it may be taken out of the configuration");
    }
    for (zone, questions) in look.tries {
        match needed(&zone, questions, world).await {
            Some((question, because)) => {
                let reason = because.as_ref().map(ToString::to_string);
                if anchors.is_needed(&zone, question, because)
                    && let Some(reason) = reason
                {
                    tracing::info!("the negative trust anchor for {zone} is still needed: {reason}");
                }
            }
            None => {
                let hours = anchors.lift(&zone, world.moment()).unwrap_or_default() / 3600;
                tracing::warn!(
                    "{zone} validates again, so its negative trust anchor is lifted {hours} h before its end; it may be \
                     taken out of the configuration"
                );
            }
        }
    }
}

/// The first of `questions` for which the anchor at `zone` is needed, and why if that is known; `None` when each is
/// answered by a walk that begins with nothing known and without the anchor.
async fn needed(zone: &Name, questions: Vec<Question>, world: &World) -> Option<(Question, Option<Bogus>)> {
    for question in questions {
        let mut alone = world.forgotten();
        alone.settings.proofs.negative = world.settings.proofs.negative.without(zone);
        match walk(question.clone(), &alone).await.0.failure {
            None => {}
            Some(Failure::Bogus { reason, because, .. }) if because.is_empty() => {
                return Some((question, Some(reason)));
            }
            // Whoever cannot be asked just now has not shown that nothing is wrong.
            Some(_) => return Some((question, None)),
        }
    }
    None
}
